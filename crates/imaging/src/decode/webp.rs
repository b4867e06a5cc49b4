//! WebP, lossy and lossless, through `image`.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder};

use super::{DecodeLimits, Decoded};
use crate::{ImagingError, Picture, SourceFormat};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    let fault = |error| ImagingError::malformed(SourceFormat::Webp, error);
    if is_cut_short(bytes) {
        return Err(ImagingError::malformed(
            SourceFormat::Webp,
            std::io::Error::from(std::io::ErrorKind::UnexpectedEof),
        ));
    }
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
        ColorType::Rgb8 => Picture::from_rgb(width, height, samples)?,
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

/// Whether the container announces more bytes than there are. The decoder itself does not mind a
/// missing end.
fn is_cut_short(bytes: &[u8]) -> bool {
    let announced = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>());
    let announced = announced.map_or(u64::MAX, |&size| u64::from(u32::from_le_bytes(size)));
    announced.saturating_add(8) > bytes.len() as u64
}
