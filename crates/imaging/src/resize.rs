//! Changing size: Lanczos3 on premultiplied samples.

mod bands;
mod filter;

use std::cell::RefCell;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::{ImagingError, Picture, Samples};
use bands::Source;

/// The usual longest side of a thumbnail.
pub const THUMBNAIL_SIDE_PX: u32 = 300;

thread_local! {
    /// Keeps the memory between the two passes from one picture to the next.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// A rectangle of the source, in its pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crop {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Crop {
    fn whole(width: u32, height: u32) -> Self {
        Self {
            x: 0.0,
            y: 0.0,
            width: f64::from(width),
            height: f64::from(height),
        }
    }
}

/// Resizes to exactly these sides; the proportions are the caller's business.
///
/// # Errors
///
/// [`ImagingError::Empty`] for a side of zero.
pub fn resize(picture: &Picture, width: u32, height: u32) -> Result<Picture, ImagingError> {
    let whole = Crop::whole(picture.width(), picture.height());
    resize_crop(picture, whole, width, height)
}

/// Fits the picture inside a square of `max_side_px`, keeping its proportions; a smaller picture
/// stays as it is.
///
/// # Errors
///
/// [`ImagingError::Empty`] if `max_side_px` is zero.
pub fn thumbnail(picture: &Picture, max_side_px: u32) -> Result<Picture, ImagingError> {
    let (width, height) = inside(picture.width(), picture.height(), max_side_px)?;
    if (width, height) == (picture.width(), picture.height()) {
        return Ok(picture.clone());
    }
    resize(picture, width, height)
}

/// The sides of a picture fitted inside a square, never enlarged.
pub(crate) fn inside(
    width: u32,
    height: u32,
    max_side_px: u32,
) -> Result<(u32, u32), ImagingError> {
    let longest = width.max(height);
    if max_side_px == 0 {
        return Err(ImagingError::Empty {
            width: 0,
            height: 0,
        });
    }
    if longest <= max_side_px {
        return Ok((width, height));
    }
    let scale = f64::from(max_side_px) / f64::from(longest);
    let side = |px: u32| ((f64::from(px) * scale).round() as u32).clamp(1, max_side_px);
    Ok((side(width), side(height)))
}

/// Resizes samples with straight alpha, four bytes a pixel, to a picture: as
/// [`Picture::from_straight_rgba`] and [`resize`], but the samples stay where they are and are never
/// held a second time.
///
/// # Errors
///
/// [`ImagingError::Empty`] for a side of zero, [`ImagingError::InvalidPlan`] if the length is not
/// `source_width * source_height * 4`.
pub fn resize_straight_rgba(
    samples: &[u8],
    (source_width, source_height): (u32, u32),
    (width, height): (u32, u32),
) -> Result<Picture, ImagingError> {
    if [source_width, source_height, width, height].contains(&0) {
        return Err(ImagingError::Empty { width, height });
    }
    if samples.len() as u64 != u64::from(source_width) * u64::from(source_height) * 4 {
        return Err(ImagingError::plan(
            "",
            "sample count does not match width and height",
        ));
    }
    let source = Source {
        samples,
        width: source_width,
        height: source_height,
        pixel: PixelType::U8x4,
        straight: true,
    };
    let mut samples = banded(
        source,
        Crop::whole(source_width, source_height),
        width,
        height,
    )?;
    restore_premultiplied(&mut samples);
    Picture::from_premultiplied_rgba(width, height, samples)
}

/// Resizes a part of the picture.
pub(crate) fn resize_crop(
    picture: &Picture,
    crop: Crop,
    width: u32,
    height: u32,
) -> Result<Picture, ImagingError> {
    if width == 0 || height == 0 {
        return Err(ImagingError::Empty { width, height });
    }
    let source = Source {
        samples: match picture.samples() {
            Samples::Rgb(samples) | Samples::PremultipliedRgba(samples) => samples,
        },
        width: picture.width(),
        height: picture.height(),
        pixel: picture.pixel_type(),
        straight: false,
    };
    let rows_for_one = crop.height / f64::from(height);
    let mut samples = if rows_collide(source, rows_for_one) || rows_for_one >= bands::HALVED_FROM {
        banded(source, crop, width, height)?
    } else {
        at_once(source, crop, width, height)?
    };
    if picture.is_opaque() {
        return Picture::from_rgb(width, height, samples);
    }
    restore_premultiplied(&mut samples);
    Picture::from_premultiplied_rgba(width, height, samples)
}

/// Whether the rows that one output row is made of drive each other out of the cache: they are a
/// multiple of half a page apart and too many.
fn rows_collide(source: Source<'_>, rows_for_one: f64) -> bool {
    const HALF_PAGE: usize = 2048;
    let row_len = source.width as usize * source.pixel.size();
    row_len.is_multiple_of(HALF_PAGE) && rows_for_one >= 2.0
}

fn options(crop: Crop) -> Result<ResizeOptions, ImagingError> {
    // The samples are premultiplied already, so the resizer must not do it again.
    Ok(ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter::lanczos()?))
        .crop(crop.x, crop.y, crop.width, crop.height)
        .use_alpha(false))
}

fn at_once(
    source: Source<'_>,
    crop: Crop,
    width: u32,
    height: u32,
) -> Result<Vec<u8>, ImagingError> {
    let view = ImageRef::new(source.width, source.height, source.samples, source.pixel)
        .map_err(|error| ImagingError::internal("reading samples", error))?;
    let mut target = Image::new(width, height, source.pixel);
    let options = options(crop)?;
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize(&view, &mut target, &options))
        .map_err(|error| ImagingError::internal("resizing", error))?;
    Ok(target.into_vec())
}

/// The same a part at a time.
fn banded(
    source: Source<'_>,
    crop: Crop,
    width: u32,
    height: u32,
) -> Result<Vec<u8>, ImagingError> {
    let options = options(crop)?;
    RESIZER
        .with_borrow_mut(|resizer| bands::shrink(source, crop, (width, height), &options, resizer))
}

/// Lanczos overshoots: a colour sample may come out above its alpha, which no premultiplied pixel
/// may be.
fn restore_premultiplied(pixels: &mut [u8]) {
    for [r, g, b, a] in pixels.as_chunks_mut::<4>().0 {
        *r = (*r).min(*a);
        *g = (*g).min(*a);
        *b = (*b).min(*a);
    }
}
