//! Untrusted bytes to pixels, in bounded time and memory.
//!
//! The type is found from the content, never from a name or a header of the transport. Every limit
//! holds before anything of the picture's size is allocated. All decoders are written in safe Rust.

mod jpeg;
mod orientation;
mod png;
mod sniff;
mod webp;

pub use sniff::{SourceFormat, sniff};

use crate::{ImagingError, Picture};

/// What a decoder may spend on one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of the file.
    pub max_bytes: usize,
    /// Width times height.
    pub max_pixels: u64,
    /// Either side, in pixels.
    pub max_side_px: u32,
    /// Start-of-scan markers of a JPEG. Usual progressive files have about 10; a file of 400 scans
    /// costs a decoder seconds for a few kilobytes.
    pub max_jpeg_scans: u32,
}

impl Default for DecodeLimits {
    /// 32 MiB, 40 megapixels, 16,384 a side, 32 scans.
    fn default() -> Self {
        Self {
            max_bytes: 32 << 20,
            max_pixels: 40_000_000,
            max_side_px: 16_384,
            max_jpeg_scans: 32,
        }
    }
}

impl DecodeLimits {
    /// Checks sides before anything is allocated for them.
    pub(crate) fn check_sides(&self, width: u32, height: u32) -> Result<(), ImagingError> {
        if width == 0 || height == 0 {
            return Err(ImagingError::Empty { width, height });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels || width.max(height) > self.max_side_px {
            return Err(ImagingError::TooManyPixels {
                width,
                height,
                max_pixels: self.max_pixels,
                max_side_px: self.max_side_px,
            });
        }
        Ok(())
    }

    /// Bytes that decoded 8-bit RGBA pixels may take, with 4 MiB for the decoder's own tables.
    fn max_decoded_bytes(&self) -> usize {
        usize::try_from(self.max_pixels.saturating_mul(8))
            .unwrap_or(usize::MAX)
            .saturating_add(4 << 20)
    }
}

/// Decodes a PNG, JPEG or WebP file and turns it upright by its EXIF orientation.
///
/// 16-bit samples, palettes, greys and CMYK become 8-bit RGBA. Colour profiles are ignored.
///
/// # Errors
///
/// One named variant per reason: see [`ImagingError`]. All of them are faults of the input.
///
/// ```
/// use imaging::{DecodeLimits, ImagingError, decode};
///
/// let error = decode(b"<svg xmlns='http://www.w3.org/2000/svg'/>", &DecodeLimits::default());
/// assert!(matches!(error, Err(ImagingError::UnsupportedFormat { found: "SVG or XML" })));
/// ```
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, ImagingError> {
    if bytes.len() > limits.max_bytes {
        return Err(ImagingError::TooManyBytes {
            size_bytes: bytes.len(),
            max_bytes: limits.max_bytes,
        });
    }
    let decoded = match sniff(bytes)? {
        SourceFormat::Png => png::decode(bytes, limits)?,
        SourceFormat::Jpeg => jpeg::decode(bytes, limits)?,
        SourceFormat::Webp => webp::decode(bytes, limits)?,
    };
    orientation::upright(decoded.picture, decoded.exif.as_deref())
}

/// A picture as stored, with the EXIF block that says how to turn it.
struct Decoded {
    picture: Picture,
    exif: Option<Vec<u8>>,
}
