//! PNG.

use png::{BitDepth, ColorType, DeflateCompression, Encoder, Filter, SrgbRenderingIntent};

use super::Origin;
use crate::{ImagingError, Picture, Samples};

/// Where readers look for XMP.
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";
/// Rows looked at to tell flat art from a photograph.
const ROWS_SAMPLED: usize = 32;

pub(super) fn encode(picture: &Picture, origin: Option<Origin>) -> Result<Vec<u8>, ImagingError> {
    let fault = |error| ImagingError::encode("PNG", error);
    let straight;
    let (color, samples) = match picture.samples() {
        Samples::Rgb(rgb) => (ColorType::Rgb, rgb),
        Samples::PremultipliedRgba(_) => {
            straight = picture.to_straight_rgba()?;
            (ColorType::Rgba, straight.as_slice())
        }
    };
    let mut out = Vec::with_capacity(samples.len() / 2);
    let mut encoder = Encoder::new(&mut out, picture.width(), picture.height());
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(compression(samples, picture.width(), color));
    encoder.set_filter(Filter::Adaptive);
    encoder.set_source_srgb(SrgbRenderingIntent::Perceptual);
    if let Some(origin) = origin {
        let keyword = XMP_KEYWORD.to_owned();
        encoder
            .add_itxt_chunk(keyword, origin.xmp())
            .map_err(fault)?;
    }
    let mut writer = encoder.write_header().map_err(fault)?;
    writer.write_image_data(samples).map_err(fault)?;
    writer.finish().map_err(fault)?;
    Ok(out)
}

/// fdeflate is by far the quickest and made for the noise of photographs; flat art is all repeats,
/// which it does not look for.
fn compression(samples: &[u8], width: u32, color: ColorType) -> DeflateCompression {
    let row_len = width as usize * color.samples();
    match is_flat(samples, row_len, color.samples()) {
        true => DeflateCompression::Level(2),
        false => DeflateCompression::FdeflateUltraFast,
    }
}

/// Whether at least half of the samples equal their left neighbour, in rows taken evenly.
fn is_flat(samples: &[u8], row_len: usize, pixel_len: usize) -> bool {
    let rows = samples.len() / row_len.max(1);
    let step = (rows / ROWS_SAMPLED).max(1);
    let (mut equal, mut all) = (0_usize, 0_usize);
    for row in samples.chunks_exact(row_len).step_by(step) {
        let neighbours = row.iter().zip(row.get(pixel_len..).unwrap_or_default());
        equal += neighbours.filter(|(left, right)| left == right).count();
        all += row_len;
    }
    equal * 2 >= all
}
