//! Turning a photograph upright, as the camera's EXIF note asks.

use crate::{ImagingError, Picture};

/// Side of the squares in which sides are swapped: 32 × 32 pixels of three or four bytes read
/// from and written to 4 KiB each at most, so both stay in the nearest cache.
const TILE: usize = 32;

/// Applies an EXIF orientation, 1 to 8. Mirrors and half turns happen in place; what swaps the sides
/// needs a second buffer of the picture's size.
pub(super) fn upright(picture: Picture, orientation: u8) -> Result<Picture, ImagingError> {
    let (width, height) = (picture.width(), picture.height());
    // Whether the upright picture's first column (or row, where the sides are swapped) stands at the
    // right of the stored one, and its first row (or column) at the bottom.
    let (from_right, from_bottom) = match orientation {
        2 | 8 => (true, false),
        3 | 7 => (true, true),
        4 | 6 => (false, true),
        5 => (false, false),
        _ => return Ok(picture),
    };
    let opaque = picture.is_opaque();
    let mut samples = picture.into_samples();
    let side = width as usize;
    let swaps_sides = orientation >= 5;
    if swaps_sides {
        samples = match opaque {
            true => transposed::<3>(&samples, side, from_right, from_bottom),
            false => transposed::<4>(&samples, side, from_right, from_bottom),
        };
    } else {
        match opaque {
            true => mirror::<3>(&mut samples, side, from_right, from_bottom),
            false => mirror::<4>(&mut samples, side, from_right, from_bottom),
        }
    }
    let (width, height) = match swaps_sides {
        true => (height, width),
        false => (width, height),
    };
    match opaque {
        true => Picture::from_rgb(width, height, samples),
        false => Picture::from_premultiplied_rgba(width, height, samples),
    }
}

fn mirror<const N: usize>(samples: &mut [u8], width: usize, from_right: bool, from_bottom: bool) {
    let pixels = samples.as_chunks_mut::<N>().0;
    match (from_right, from_bottom) {
        // A half turn is the whole picture read backwards.
        (true, true) => pixels.reverse(),
        (true, false) => pixels.chunks_exact_mut(width).for_each(<[_]>::reverse),
        _ => {
            let height = pixels.len() / width;
            let (top, bottom) = pixels.split_at_mut(height / 2 * width);
            let below = bottom.rchunks_exact_mut(width);
            for (row, other) in top.chunks_exact_mut(width).zip(below) {
                row.swap_with_slice(other);
            }
        }
    }
}

/// Columns become rows. `from_right` and `from_bottom` say at which stored column the first upright
/// row begins, and at which stored row the first upright column.
fn transposed<const N: usize>(
    samples: &[u8],
    width: usize,
    from_right: bool,
    from_bottom: bool,
) -> Vec<u8> {
    let source = samples.as_chunks::<N>().0;
    let height = source.len() / width;
    let mut upright = vec![0; samples.len()];
    let pixels = upright.as_chunks_mut::<N>().0;
    for tile_y in (0..width).step_by(TILE) {
        for tile_x in (0..height).step_by(TILE) {
            for y in tile_y..(tile_y + TILE).min(width) {
                let column = if from_right { width - 1 - y } else { y };
                for x in tile_x..(tile_x + TILE).min(height) {
                    let row = if from_bottom { height - 1 - x } else { x };
                    pixels[y * height + x] = source[row * width + column];
                }
            }
        }
    }
    upright
}
