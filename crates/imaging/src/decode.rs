//! Untrusted bytes to pixels, in bounded time and memory.
//!
//! The type is found from the content, never from a name or a header of the transport. Each
//! container is walked first: every limit holds before anything of the picture's size is allocated,
//! and a header that claims what its bytes cannot hold is found out there. All parsers are written
//! in safe Rust; whatever panics in a decoder is an error of the file.
//!
//! Colours become sRGB: by the embedded ICC profile, by a PNG's `cICP`, `sRGB` or `gAMA` and `cHRM`
//! in that order of trust, and are taken as sRGB where a file says nothing. What could not be
//! honoured is a note in the [`DecodeReport`], not an error.

mod exif;
mod jpeg;
mod limits;
mod orientation;
mod png;
mod report;
mod sniff;
mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use limits::DecodeLimits;
pub use report::{ColorSource, DecodeNote, DecodeReport, Header, SampleLayout};
pub use sniff::{SourceFormat, sniff};

use crate::color::Conversion;
use crate::{ImagingError, Picture};

/// A picture, upright and in sRGB, with what was found in its file.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The pixels.
    pub picture: Picture,
    /// How they came to be.
    pub report: DecodeReport,
}

/// Decodes a PNG, JPEG or WebP file: upright, in sRGB, 8-bit RGBA.
///
/// # Errors
///
/// One named variant per reason: see [`ImagingError`]. All of them are faults of the input.
///
/// ```
/// use imaging::{DecodeLimits, ImagingError, decode};
///
/// let error = decode(b"<svg xmlns='http://www.w3.org/2000/svg'/>", &DecodeLimits::default());
/// assert!(matches!(error, Err(ImagingError::UnsupportedFormat { found: "SVG" })));
/// ```
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, ImagingError> {
    decode_reporting(bytes, limits).map(|decoded| decoded.picture)
}

/// As [`decode`], and says how colours and orientation were found and what was passed over.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_reporting(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    decode_any(bytes, limits, None)
}

/// As [`decode_reporting`], but a JPEG may come out at a half, a quarter or an eighth of its size, as
/// long as the upright picture has at least this width and this height: then the pixels that a
/// smaller output would throw away are never computed. Other formats come out whole.
///
/// A resize with Lanczos's filter afterwards is best served by asking for a little more than the
/// target; exactly the target's size is allowed.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_at_least(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_width: u32,
    min_height: u32,
) -> Result<Decoded, ImagingError> {
    let wish = AtLeast {
        width: min_width,
        height: min_height,
    };
    decode_any(bytes, limits, Some(wish))
}

/// Reads what a file says of itself: microseconds, and nothing of the picture's size is allocated.
/// Later faults of the file are not found.
///
/// # Errors
///
/// As [`decode`], as far as the header tells.
pub fn probe(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, ImagingError> {
    limits.check_bytes(bytes.len())?;
    match sniff(bytes)? {
        SourceFormat::Png => png::header(bytes, limits),
        SourceFormat::Jpeg => jpeg::header(bytes, limits),
        SourceFormat::Webp => webp::header(bytes, limits),
    }
}

fn decode_any(
    bytes: &[u8],
    limits: &DecodeLimits,
    wish: Option<AtLeast>,
) -> Result<Decoded, ImagingError> {
    limits.check_bytes(bytes.len())?;
    let format = sniff(bytes)?;
    let work = || {
        let decoded = match format {
            SourceFormat::Png => png::decode(bytes, limits)?,
            SourceFormat::Jpeg => jpeg::decode(bytes, limits, wish)?,
            SourceFormat::Webp => webp::decode(bytes, limits)?,
        };
        let orientation = decoded.report.header.orientation;
        Ok(Decoded {
            picture: orientation::upright(decoded.picture, orientation)?,
            report: decoded.report,
        })
    };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_panic| Err(ImagingError::damaged(format, "the decoder panicked")))
}

/// The smallest upright size that is wanted.
#[derive(Clone, Copy, Debug)]
struct AtLeast {
    width: u32,
    height: u32,
}

impl AtLeast {
    /// The largest of 8, 4, 2 and 1 that leaves enough of the picture.
    fn denominator(self, header: &Header) -> u32 {
        let (width, height) = header.upright_size();
        let leaves_enough = |denominator: &u32| {
            width.div_ceil(*denominator) >= self.width
                && height.div_ceil(*denominator) >= self.height
        };
        [8, 4, 2].into_iter().find(leaves_enough).unwrap_or(1)
    }
}

impl DecodeReport {
    /// Writes down where the colours come from and hands the conversion on.
    fn converted(&mut self, found: Option<Conversion>, source: ColorSource) -> Option<Conversion> {
        self.color = match found {
            Some(_) => source,
            None => ColorSource::Srgb,
        };
        found
    }
}
