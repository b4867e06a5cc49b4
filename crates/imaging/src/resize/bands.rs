//! Shrinking a large picture a band of rows at a time.
//!
//! The vertical pass reads some dozen rows for each row it writes. Where rows are a multiple of a
//! memory page apart, as in pictures 4096 wide, all of them fall into the same few lines of the
//! processor's first cache and drive each other out: a third of the time of such a pass was measured
//! to be that. So a band of rows is copied to where they stand apart by an odd number of cache lines,
//! and the pass reads the copy. What has to be done to each sample before is done in that copy while
//! it is warm: multiplying by alpha, and where there are four rows and more for one, halving them by
//! their mean, after which the pass has half as much to read ([`filter::of_halved`] says what that
//! costs). Neither the whole picture nor the whole of what is between the passes is ever held a
//! second time.

use std::cell::RefCell;
use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::{Crop, filter};
use crate::ImagingError;

/// Rows that one band gives. At four rows for one its copy is 76 rows, halved: some 900 KB of a
/// picture 4096 wide, which the second cache holds for the most part.
const BAND_ROWS: u32 = 32;
/// Rows that go through the second pass together; its weights are computed anew for each such part.
const PART_ROWS: u32 = 256;
/// Pixels between the end of a row and the next, so that rows do not stand a page apart.
const GAP_PX: u32 = 16;
/// From how many rows for one they are halved first.
pub(super) const HALVED_FROM: f64 = 4.0;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Memory kept from one picture to the next.
#[derive(Default)]
struct Scratch {
    /// The band's copy.
    copy: Vec<u8>,
    /// Two rows on their way into it.
    pair: Vec<u8>,
    /// What the first pass gives.
    rows: Vec<u8>,
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

impl<'a> Source<'a> {
    fn row_len(&self) -> usize {
        self.width as usize * self.pixel.size()
    }

    fn rows(&self, rows: Range<usize>) -> &'a [u8] {
        let row_len = self.row_len();
        let range = rows.start * row_len..(rows.end * row_len).min(self.samples.len());
        self.samples.get(range).unwrap_or_default()
    }
}

/// The first pass: which rows it reads, and how.
struct Down {
    /// Source rows that are one row of the copy.
    together: u32,
    /// Rows of the copy for one that comes out.
    scale: f64,
    /// Where the crop begins, in rows of the copy.
    y: f64,
    options: ResizeOptions,
}

impl Down {
    fn new(crop: Crop, height: u32, options: &ResizeOptions) -> Result<Self, ImagingError> {
        let scale = crop.height / f64::from(height);
        let (together, options) = if scale >= HALVED_FROM {
            let filter = ResizeAlg::Convolution(filter::of_halved(scale)?);
            (2, options.resize_alg(filter))
        } else {
            (1, *options)
        };
        Ok(Self {
            together,
            scale: scale / f64::from(together),
            y: crop.y / f64::from(together),
            options,
        })
    }
}

/// Resizes a part of the source to exactly these sides.
pub(super) fn shrink(
    source: Source<'_>,
    crop: Crop,
    (width, height): (u32, u32),
    options: &ResizeOptions,
    resizer: &mut Resizer,
) -> Result<Vec<u8>, ImagingError> {
    let fault = |error| ImagingError::internal("resizing rows", error);
    let down = Down::new(crop, height, options)?;
    let out_len = width as usize * source.pixel.size();
    let mut out = vec![0; out_len * height as usize];
    SCRATCH.with_borrow_mut(|scratch| {
        let mut first = 0;
        for target in out.chunks_mut(out_len * PART_ROWS as usize) {
            let count = (target.len() / out_len) as u32;
            shrink_rows(source, &down, first..first + count, scratch, resizer)?;
            let rows = scratch.rows.get(..source.row_len() * count as usize);
            let rows = ImageRef::new(source.width, count, rows.unwrap_or_default(), source.pixel)
                .map_err(|error| ImagingError::internal("reading rows", error))?;
            let mut target = Image::from_slice_u8(width, count, target, source.pixel)
                .map_err(|error| ImagingError::internal("writing rows", error))?;
            let across = options.crop(crop.x, 0.0, crop.width, f64::from(count));
            resizer.resize(&rows, &mut target, &across).map_err(fault)?;
            first += count;
        }
        Ok(out)
    })
}

/// The first pass for some of the output's rows, with all columns, into `scratch.rows`.
fn shrink_rows(
    source: Source<'_>,
    down: &Down,
    wanted: Range<u32>,
    scratch: &mut Scratch,
    resizer: &mut Resizer,
) -> Result<(), ImagingError> {
    let fault = |error| ImagingError::internal("shrinking rows", error);
    let row_len = source.row_len();
    let Scratch { copy, pair, rows } = scratch;
    let rows = grown(rows, row_len * wanted.len());
    let reach = ((filter::LOBES + 1.0) * down.scale.max(1.0)).ceil() + 1.0;
    let all_rows = source.height.div_ceil(down.together);
    let mut done = wanted.start;
    for band in rows.chunks_mut(row_len * BAND_ROWS as usize) {
        let band_rows = (band.len() / row_len) as u32;
        let top = down.y + down.scale * f64::from(done);
        let bottom = top + down.scale * f64::from(band_rows);
        let first = (top - reach).floor().max(0.0) as u32;
        let last = ((bottom + reach).ceil() as u32).min(all_rows);
        let copy = match down.together {
            1 => copied(source, first..last, copy)?,
            _ => halved(source, first..last, copy, pair)?,
        };
        let mut target = Image::from_slice_u8(source.width, band_rows, band, source.pixel)
            .map_err(|error| ImagingError::internal("a band", error))?;
        let y = top - f64::from(first);
        // Sums of fractions may end a hair behind the last row.
        let height = (bottom - top).min(f64::from(last - first) - y);
        let options = down.options.crop(0.0, y, f64::from(source.width), height);
        resizer
            .resize(&copy, &mut target, &options)
            .map_err(fault)?;
        done += band_rows;
    }
    Ok(())
}

fn grown(memory: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if memory.len() < len {
        memory.resize(len, 0);
    }
    memory.get_mut(..len).unwrap_or_default()
}

/// Copies rows to where they stand apart, and multiplies by alpha where that is needed.
fn copied<'a>(
    source: Source<'_>,
    rows: Range<u32>,
    copy: &'a mut Vec<u8>,
) -> Result<ImageRef<'a>, ImagingError> {
    let row_len = source.row_len();
    let stride = row_len + GAP_PX as usize * source.pixel.size();
    let (width, height) = (source.width + GAP_PX, rows.len() as u32);
    let copy = grown(copy, stride * rows.len());
    let from = source.rows(rows.start as usize..rows.end as usize);
    for (to, from) in copy.chunks_mut(stride).zip(from.chunks(row_len)) {
        if let Some(to) = to.get_mut(..row_len) {
            to.copy_from_slice(from);
        }
    }
    if source.straight {
        premultiply(copy, (width, height), source.pixel)?;
    }
    ImageRef::new(width, height, copy, source.pixel)
        .map_err(|error| ImagingError::internal("a copy of rows", error))
}

/// As [`copied`], each row the mean of two of the source; `rows` counts the means.
fn halved<'a>(
    source: Source<'_>,
    rows: Range<u32>,
    copy: &'a mut Vec<u8>,
    pair: &mut Vec<u8>,
) -> Result<ImageRef<'a>, ImagingError> {
    let row_len = source.row_len();
    let stride = row_len + GAP_PX as usize * source.pixel.size();
    let (width, height) = (source.width + GAP_PX, rows.len() as u32);
    let copy = grown(copy, stride * rows.len());
    for (to, number) in copy.chunks_mut(stride).zip(rows) {
        let Some(to) = to.get_mut(..row_len) else {
            continue;
        };
        let first = number as usize * 2;
        let mut both = source.rows(first..first + 2);
        if source.straight {
            let multiplied = grown(pair, both.len());
            multiplied.copy_from_slice(both);
            let rows = (both.len() / row_len) as u32;
            premultiply(multiplied, (source.width, rows), source.pixel)?;
            both = multiplied;
        }
        match both.split_at_checked(row_len) {
            Some((upper, lower)) if lower.len() == row_len => {
                mean(upper, lower, number.is_multiple_of(2), to);
            }
            // The last of an odd number of rows stands alone.
            _ => to.copy_from_slice(both.get(..row_len).unwrap_or_default()),
        }
    }
    ImageRef::new(width, height, copy, source.pixel)
        .map_err(|error| ImagingError::internal("means of rows", error))
}

/// The mean of two rows. Halves are rounded up and down in turn, because always up makes a picture
/// lighter.
fn mean(upper: &[u8], lower: &[u8], up: bool, to: &mut [u8]) {
    let pairs = to.iter_mut().zip(upper.iter().zip(lower));
    // Two forms, each of which the compiler makes one or few instructions for sixteen samples of.
    if up {
        for (to, (&upper, &lower)) in pairs {
            *to = ((u16::from(upper) + u16::from(lower) + 1) >> 1) as u8;
        }
    } else {
        for (to, (&upper, &lower)) in pairs {
            *to = (upper & lower) + ((upper ^ lower) >> 1);
        }
    }
}

fn premultiply(
    samples: &mut [u8],
    (width, height): (u32, u32),
    pixel: PixelType,
) -> Result<(), ImagingError> {
    let mut image = Image::from_slice_u8(width, height, samples, pixel)
        .map_err(|error| ImagingError::internal("rows with alpha", error))?;
    MulDiv::new()
        .multiply_alpha_inplace(&mut image)
        .map_err(|error| ImagingError::internal("premultiplying rows", error))
}
