//! WebP, lossy and lossless, through `image`.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder};

use super::{DecodeLimits, Decoded};
use crate::{ImagingError, Picture, SourceFormat};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    let fault = |error| ImagingError::malformed(SourceFormat::Webp, error);
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    let (width, height) = decoder.dimensions();
    limits.check_sides(width, height)?;
    if decoder.has_animation() {
        return Err(ImagingError::Animated {
            format: SourceFormat::Webp,
        });
    }
    let exif = decoder.exif_metadata().map_err(fault)?;
    let color = decoder.color_type();
    let len = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut samples = vec![0; len];
    decoder.read_image(&mut samples).map_err(fault)?;
    let picture = match color {
        ColorType::Rgb8 => Picture::from_rgb(width, height, &samples)?,
        ColorType::Rgba8 => Picture::from_straight_rgba(width, height, samples)?,
        _ => {
            return Err(ImagingError::UnsupportedLayout {
                format: SourceFormat::Webp,
                layout: "neither RGB nor RGBA",
            });
        }
    };
    Ok(Decoded { picture, exif })
}
