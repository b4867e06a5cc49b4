//! Turning a photograph upright, as the camera's EXIF note asks.

use image::metadata::Orientation;

use crate::{ImagingError, Picture, Samples};

/// Applies the orientation of an EXIF block; without one, or with a damaged one, the picture stays
/// as it is.
pub(super) fn upright(picture: Picture, exif: Option<&[u8]>) -> Result<Picture, ImagingError> {
    let Some(orientation) = exif.and_then(Orientation::from_exif_chunk) else {
        return Ok(picture);
    };
    if orientation == Orientation::NoTransforms {
        return Ok(picture);
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (out_width, out_height) = if swaps_sides(orientation) {
        (picture.height(), picture.width())
    } else {
        (picture.width(), picture.height())
    };
    let from = |x, y| source_position(orientation, x, y, width, height);
    match picture.samples() {
        Samples::Rgb(rgb) => {
            let turned = turned::<3>(rgb, width, (out_width, out_height), from);
            Picture::from_rgb(out_width, out_height, turned)
        }
        Samples::PremultipliedRgba(rgba) => {
            let turned = turned::<4>(rgba, width, (out_width, out_height), from);
            Picture::from_premultiplied_rgba(out_width, out_height, turned)
        }
    }
}

fn turned<const SAMPLES: usize>(
    source: &[u8],
    width: usize,
    (out_width, out_height): (u32, u32),
    from: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<u8> {
    let pixels = source.as_chunks::<SAMPLES>().0;
    let mut turned = Vec::with_capacity(source.len());
    for y in 0..out_height as usize {
        for x in 0..out_width as usize {
            let (from_x, from_y) = from(x, y);
            turned.extend_from_slice(&pixels[from_y * width + from_x]);
        }
    }
    turned
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(
        orientation,
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH
    )
}

/// Where the upright pixel (x, y) stands in the stored picture of `width` by `height`.
fn source_position(
    orientation: Orientation,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
) -> (usize, usize) {
    let (right, bottom) = (width - 1, height - 1);
    match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (right - x, y),
        Orientation::Rotate180 => (right - x, bottom - y),
        Orientation::FlipVertical => (x, bottom - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate90 => (y, bottom - x),
        Orientation::Rotate270FlipH => (right - y, bottom - x),
        Orientation::Rotate270 => (right - y, x),
    }
}
