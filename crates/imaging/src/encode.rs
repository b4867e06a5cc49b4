//! Writing PNG, JPEG and WebP.
//!
//! | format | how | why |
//! |---|---|---|
//! | PNG of a photograph | fdeflate, adaptive filter, RGB when opaque | a seventh of the time of zlib level 6 and smaller than level 6 without filter |
//! | PNG of flat art | zlib level 2, adaptive filter | fdeflate finds no repeats, which is what flat art is made of |
//! | JPEG | 4:2:0, standard Huffman tables | optimised tables make this encoder write non-interleaved files, which some decoders read as garbage |
//! | WebP | libwebp, lossy, method 4 or 2 | method 2 takes a third of the time for some 3 % more bytes |
//!
//! What each setting costs stands in `docs/imaging.md`, as a command measured it.
//!
//! No metadata is written but the sRGB mark of PNG and, where asked for, the note of
//! [`Origin`]. Pixels are sRGB, which is what a file without a profile means, so no profile is
//! embedded. The same picture and encoding give the same bytes.

mod jpeg;
mod origin;
mod png;
mod webp;

pub use origin::Origin;

use crate::{ImagingError, Picture};

/// What a transparent picture is laid over when the format has no alpha: white.
pub(crate) const JPEG_BACKGROUND: [u8; 3] = [255, 255, 255];

/// How hard libwebp searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebpMethod {
    /// libwebp's method 2: for previews and smaller widths.
    Quick,
    /// libwebp's method 4, its own default: for files that are kept.
    Thorough,
}

/// An output format with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless, with alpha.
    Png,
    /// Lossy, without alpha: transparent pixels are laid over white.
    Jpeg {
        /// 1 to 100; 85 is the usual.
        quality: u8,
    },
    /// Lossy, with alpha (which itself is kept exactly).
    Webp {
        /// 0 to 100; 80 is the usual.
        quality: u8,
        /// Time against bytes.
        method: WebpMethod,
    },
    /// Lossless WebP, with alpha. For photographs not smaller than PNG, and slower.
    WebpLossless,
}

impl Format {
    /// JPEG at quality 85, which is what thumbnails use.
    pub const JPEG_85: Self = Self::Jpeg { quality: 85 };
    /// WebP at quality 80 for files that are kept.
    pub const WEBP_80: Self = Self::Webp {
        quality: 80,
        method: WebpMethod::Thorough,
    };

    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg { .. } => "image/jpeg",
            Self::Webp { .. } | Self::WebpLossless => "image/webp",
        }
    }

    /// The usual file extension, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg { .. } => "jpg",
            Self::Webp { .. } | Self::WebpLossless => "webp",
        }
    }

    /// The same format as a preview is written in: quicker where that costs few bytes.
    #[must_use]
    pub fn for_previews(self) -> Self {
        match self {
            Self::Webp { quality, .. } => Self::Webp {
                quality,
                method: WebpMethod::Quick,
            },
            other => other,
        }
    }
}

impl From<domain::OutputFormat> for Format {
    fn from(format: domain::OutputFormat) -> Self {
        match format {
            domain::OutputFormat::Png => Self::Png,
            domain::OutputFormat::Jpg => Self::JPEG_85,
            domain::OutputFormat::Webp => Self::WEBP_80,
        }
    }
}

/// Encodes a picture, without any note.
///
/// # Errors
///
/// [`ImagingError::Encode`]; [`ImagingError::InvalidPlan`] for a JPEG with a side over 65,535 or a
/// lossy WebP with one over 16,383 pixels.
pub fn encode(picture: &Picture, format: Format) -> Result<Vec<u8>, ImagingError> {
    encode_with_origin(picture, format, None)
}

/// Encodes a picture, with a note of how it came about.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_with_origin(
    picture: &Picture,
    format: Format,
    origin: Option<Origin>,
) -> Result<Vec<u8>, ImagingError> {
    match format {
        Format::Png => png::encode(picture, origin),
        Format::Jpeg { quality } => jpeg::encode(picture, quality.clamp(1, 100), origin),
        Format::Webp { quality, method } => {
            webp::encode_lossy(picture, quality.min(100), method, origin)
        }
        Format::WebpLossless => webp::encode_lossless(picture, origin),
    }
}
