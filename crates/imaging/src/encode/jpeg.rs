//! JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{JPEG_BACKGROUND, Origin};
use crate::{ImagingError, Picture};

/// The segment that carries XMP, and what it begins with.
const APP1: u8 = 1;
const XMP_NAMESPACE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

pub(super) fn encode(
    picture: &Picture,
    quality: u8,
    origin: Option<Origin>,
) -> Result<Vec<u8>, ImagingError> {
    let fault = |error| ImagingError::encode("JPEG", error);
    let (Ok(width), Ok(height)) = (
        u16::try_from(picture.width()),
        u16::try_from(picture.height()),
    ) else {
        return Err(ImagingError::plan(
            "",
            "a JPEG has at most 65535 pixels a side",
        ));
    };
    let rgb = picture.rgb_over(JPEG_BACKGROUND);
    let mut out = Vec::with_capacity(rgb.len() / 8);
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(false);
    if let Some(origin) = origin {
        let segment = [XMP_NAMESPACE, origin.xmp().as_bytes()].concat();
        encoder.add_app_segment(APP1, segment).map_err(fault)?;
    }
    encoder
        .encode(&rgb, width, height, ColorType::Rgb)
        .map_err(fault)?;
    Ok(out)
}
