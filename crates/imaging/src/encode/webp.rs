//! WebP: lossy by libwebp, lossless in Rust, and the container around a note.

use image::ExtendedColorType;
use image::codecs::webp::WebPEncoder;
use libwebp::Settings;

use super::{Origin, WebpMethod};
use crate::{ImagingError, Picture, Samples};

/// `RIFF`, length, `WEBP`.
const RIFF_HEADER_LEN: usize = 12;
/// Flags of the extended header, from the container's specification.
const HAS_ALPHA: u8 = 0x10;
const HAS_XMP: u8 = 0x04;

impl WebpMethod {
    /// libwebp's number.
    fn number(self) -> u8 {
        match self {
            Self::Quick => 2,
            Self::Thorough => 4,
        }
    }
}

pub(super) fn encode_lossy(
    picture: &Picture,
    quality: u8,
    method: WebpMethod,
    origin: Option<Origin>,
) -> Result<Vec<u8>, ImagingError> {
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) > libwebp::MAX_SIDE_PX {
        return Err(ImagingError::plan(
            "",
            "a lossy WebP has at most 16383 pixels a side",
        ));
    }
    let settings = Settings {
        quality,
        method: method.number(),
    };
    let straight;
    let samples = match picture.samples() {
        Samples::Rgb(rgb) => libwebp::Samples::Rgb(rgb),
        Samples::PremultipliedRgba(_) => {
            straight = picture.to_straight_rgba()?;
            libwebp::Samples::Rgba(&straight)
        }
    };
    let file = libwebp::encode(samples, width, height, settings)
        .map_err(|error| ImagingError::encode("WebP", error))?;
    noted(file, picture, origin)
}

pub(super) fn encode_lossless(
    picture: &Picture,
    origin: Option<Origin>,
) -> Result<Vec<u8>, ImagingError> {
    let straight;
    let (color, samples) = match picture.samples() {
        Samples::Rgb(rgb) => (ExtendedColorType::Rgb8, rgb),
        Samples::PremultipliedRgba(_) => {
            straight = picture.to_straight_rgba()?;
            (ExtendedColorType::Rgba8, straight.as_slice())
        }
    };
    let mut file = Vec::with_capacity(samples.len() / 2);
    WebPEncoder::new_lossless(&mut file)
        .encode(samples, picture.width(), picture.height(), color)
        .map_err(|error| ImagingError::encode("WebP", error))?;
    noted(file, picture, origin)
}

/// Puts the note into the file, which takes the extended layout: an extended header, the picture's
/// own chunks, and the note last.
fn noted(
    file: Vec<u8>,
    picture: &Picture,
    origin: Option<Origin>,
) -> Result<Vec<u8>, ImagingError> {
    let Some(origin) = origin else {
        return Ok(file);
    };
    let (Some(chunks), Some(width), Some(height)) = (
        file.get(RIFF_HEADER_LEN..),
        canvas_side(picture.width()),
        canvas_side(picture.height()),
    ) else {
        return Err(ImagingError::Internal {
            what: "adding a note to a WebP",
            source: None,
        });
    };
    // A file with alpha comes with an extended header of its own, which this one replaces.
    let chunks = match chunks.strip_prefix(b"VP8X") {
        Some(rest) => rest.get(4 + 10..).unwrap_or_default(),
        None => chunks,
    };
    let alpha = if picture.is_opaque() { 0 } else { HAS_ALPHA };
    let mut extended = vec![HAS_XMP | alpha, 0, 0, 0];
    extended.extend_from_slice(&width);
    extended.extend_from_slice(&height);

    let mut body = b"WEBP".to_vec();
    push_chunk(&mut body, b"VP8X", &extended);
    body.extend_from_slice(chunks);
    push_chunk(&mut body, b"XMP ", origin.xmp().as_bytes());
    let mut noted = Vec::with_capacity(body.len() + 8);
    push_chunk(&mut noted, b"RIFF", &body);
    Ok(noted)
}

/// A side as the extended header has it: less one, in 24 bits.
fn canvas_side(px: u32) -> Option<[u8; 3]> {
    let [low, middle, high, 0] = px.checked_sub(1)?.to_le_bytes() else {
        return None;
    };
    Some([low, middle, high])
}

/// Name, length and content, padded to an even length.
fn push_chunk(out: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
    if !content.len().is_multiple_of(2) {
        out.push(0);
    }
}
