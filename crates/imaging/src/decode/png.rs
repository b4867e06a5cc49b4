//! PNG.

use std::io::Cursor;

use png::{ColorType, Limits, Transformations};

use super::{DecodeLimits, Decoded};
use crate::{ImagingError, Picture, SourceFormat};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    let fault = |error| ImagingError::malformed(SourceFormat::Png, error);
    let budget = Limits {
        bytes: limits.max_decoded_bytes(),
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), budget);
    // Text and profile chunks may inflate to hundreds of megabytes; nothing here reads them.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());

    let header = decoder.read_header_info().map_err(fault)?;
    let (width, height) = (header.width, header.height);
    limits.check_sides(width, height)?;
    let mut reader = decoder.read_info().map_err(fault)?;
    if reader.info().animation_control().is_some() {
        return Err(ImagingError::Animated {
            format: SourceFormat::Png,
        });
    }
    let exif = reader
        .info()
        .exif_metadata
        .as_ref()
        .map(|chunk| chunk.to_vec());

    let Some(len) = reader.output_buffer_size() else {
        return Err(ImagingError::UnsupportedLayout {
            format: SourceFormat::Png,
            layout: "size",
        });
    };
    let mut samples = vec![0; len];
    let frame = reader.next_frame(&mut samples).map_err(fault)?;
    samples.truncate(frame.buffer_size());
    // Reading on to the end is what notices a file that was cut off after its pixels.
    reader.finish().map_err(fault)?;
    let picture = match frame.color_type {
        ColorType::Rgb => Picture::from_rgb(width, height, samples)?,
        ColorType::Rgba => Picture::from_straight_rgba(width, height, samples)?,
        ColorType::Grayscale => {
            Picture::from_rgb(width, height, super::jpeg::grey_to_rgb(&samples))?
        }
        ColorType::GrayscaleAlpha => {
            let rgba = samples
                .as_chunks::<2>()
                .0
                .iter()
                .flat_map(|&[l, a]| [l, l, l, a])
                .collect();
            Picture::from_straight_rgba(width, height, rgba)?
        }
        ColorType::Indexed => {
            return Err(ImagingError::UnsupportedLayout {
                format: SourceFormat::Png,
                layout: "palette without colours",
            });
        }
    };
    Ok(Decoded { picture, exif })
}
