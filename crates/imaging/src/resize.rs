//! Changing size: Lanczos3 on premultiplied samples.

use std::cell::RefCell;

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::{ImagingError, Picture};

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

/// Resizes to exactly these sides; the proportions are the caller's business.
///
/// # Errors
///
/// [`ImagingError::Empty`] for a side of zero.
pub fn resize(picture: &Picture, width: u32, height: u32) -> Result<Picture, ImagingError> {
    let whole = Crop {
        x: 0.0,
        y: 0.0,
        width: f64::from(picture.width()),
        height: f64::from(picture.height()),
    };
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
    let mut target = Image::new(width, height, picture.pixel_type());
    // The samples are premultiplied already, so the resizer must not do it again.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(crop.x, crop.y, crop.width, crop.height)
        .use_alpha(false);
    let source = picture.view()?;
    RESIZER
        .with_borrow_mut(|resizer| resizer.resize(&source, &mut target, &options))
        .map_err(|error| ImagingError::internal("resizing", error))?;
    let mut samples = target.into_vec();
    if picture.is_opaque() {
        return Picture::from_rgb(width, height, samples);
    }
    restore_premultiplied(&mut samples);
    Picture::from_premultiplied_rgba(width, height, samples)
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
