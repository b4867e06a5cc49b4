//! Shrinking a large picture a band of rows at a time.
//!
//! The vertical pass reads some dozen rows for each row it writes. Where rows are a multiple of a
//! memory page apart, as in pictures 4096 wide, all of them fall into the same few lines of the
//! processor's first cache and drive each other out: a third of the time of such a pass was measured
//! to be that. So a band of rows is copied to where they stand apart by an odd number of cache lines,
//! and the pass reads the copy. What has to be done to each sample before, multiplying by alpha, is
//! done in that copy while it is warm, and the whole picture is never held a second time.

use std::cell::RefCell;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{MulDiv, PixelType, ResizeOptions, Resizer};

use super::Crop;
use crate::ImagingError;

/// Rows that one band gives. With a scale of four and Lanczos's three lobes its source is 88 rows:
/// some 1.5 MB of a picture 4096 wide, which the second cache holds.
const BAND_ROWS: u32 = 16;
/// Pixels between the end of a row and the next, so that rows do not stand a page apart.
const GAP_PX: u32 = 16;
/// Half the width of Lanczos's filter, in source pixels per output pixel.
const LOBES: f64 = 3.0;

thread_local! {
    /// The band's copy, kept from one picture to the next.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Samples as they lie in memory.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) samples: &'a [u8],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel: PixelType,
    /// Whether alpha is straight and has to be multiplied into the colours first.
    pub(super) straight: bool,
}

/// The first pass: all columns of the crop's rows, `height` rows out of them.
pub(super) fn shrink_rows(
    source: Source<'_>,
    crop: Crop,
    height: u32,
    options: &ResizeOptions,
    resizer: &mut Resizer,
) -> Result<Image<'static>, ImagingError> {
    let fault = |error| ImagingError::internal("shrinking rows", error);
    let row_len = source.width as usize * source.pixel.size();
    let mut rows = Image::new(source.width, height, source.pixel);
    let scale = crop.height / f64::from(height);
    let reach = (LOBES * scale.max(1.0)).ceil() + 1.0;
    let bands = rows.buffer_mut().chunks_mut(row_len * BAND_ROWS as usize);
    for (number, band) in bands.enumerate() {
        let band_rows = (band.len() / row_len) as u32;
        let top = crop.y + scale * f64::from(BAND_ROWS) * number as f64;
        let bottom = top + scale * f64::from(band_rows);
        let first = (top - reach).floor().max(0.0) as u32;
        let last = ((bottom + reach).ceil() as u32).min(source.height);
        SCRATCH.with_borrow_mut(|scratch| {
            let copy = copied(source, first..last, scratch)?;
            let target = Image::from_slice_u8(source.width, band_rows, band, source.pixel);
            let mut target = target.map_err(|error| ImagingError::internal("a band", error))?;
            let y = top - f64::from(first);
            // Sums of fractions may end a hair behind the last row.
            let rows = (bottom - top).min(f64::from(last - first) - y);
            let options = options.crop(0.0, y, f64::from(source.width), rows);
            resizer.resize(&copy, &mut target, &options).map_err(fault)
        })?;
    }
    Ok(rows)
}

/// Copies rows to where they stand apart, and multiplies by alpha where that is needed.
fn copied<'a>(
    source: Source<'_>,
    rows: std::ops::Range<u32>,
    scratch: &'a mut Vec<u8>,
) -> Result<ImageRef<'a>, ImagingError> {
    let fault = |error| ImagingError::internal("copying rows", error);
    let row_len = source.width as usize * source.pixel.size();
    let stride = row_len + GAP_PX as usize * source.pixel.size();
    let count = rows.len();
    if scratch.len() < stride * count {
        scratch.resize(stride * count, 0);
    }
    let used = scratch.get_mut(..stride * count).unwrap_or_default();
    let wanted = rows.start as usize * row_len..rows.end as usize * row_len;
    let samples = source.samples.get(wanted).unwrap_or_default();
    for (to, from) in used.chunks_mut(stride).zip(samples.chunks(row_len)) {
        if let Some(to) = to.get_mut(..row_len) {
            to.copy_from_slice(from);
        }
    }
    let (width, height) = (source.width + GAP_PX, count as u32);
    if source.straight {
        let mut image = Image::from_slice_u8(width, height, used, source.pixel)
            .map_err(|error| ImagingError::internal("a copy of rows", error))?;
        MulDiv::new()
            .multiply_alpha_inplace(&mut image)
            .map_err(|error| ImagingError::internal("premultiplying rows", error))?;
    }
    ImageRef::new(width, height, used, source.pixel).map_err(fault)
}
