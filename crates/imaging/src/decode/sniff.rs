//! The type of a file, from its first bytes.

use crate::ImagingError;

/// The containers that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline and progressive.
    Jpeg,
    /// WebP, lossy and lossless, one frame.
    Webp,
}

impl SourceFormat {
    /// The media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl std::fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Webp => "WebP",
        })
    }
}

/// Finds the type of a file from its content.
///
/// # Errors
///
/// [`ImagingError::UnsupportedFormat`] with what the bytes look like.
pub fn sniff(bytes: &[u8]) -> Result<SourceFormat, ImagingError> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(SourceFormat::Png);
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Ok(SourceFormat::Jpeg);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(SourceFormat::Webp);
    }
    Err(ImagingError::UnsupportedFormat {
        found: looks_like(bytes),
    })
}

/// Names common strangers, so that a shop owner learns what was sent.
fn looks_like(bytes: &[u8]) -> &'static str {
    let text = bytes.trim_ascii_start();
    let text = text
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(text)
        .trim_ascii_start();
    match () {
        () if bytes.is_empty() => "an empty file",
        () if bytes.starts_with(b"GIF8") => "GIF",
        () if bytes.starts_with(b"BM") => "BMP",
        () if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") => "TIFF",
        () if bytes.starts_with(b"%PDF") => "PDF",
        () if bytes.get(4..8) == Some(b"ftyp") => "AVIF, HEIF or a film",
        () if starts_with_ignore_case(text, b"<!doctype html")
            || starts_with_ignore_case(text, b"<html") =>
        {
            "HTML"
        }
        () if text.starts_with(b"<") => "SVG or XML",
        () if text.starts_with(b"{") => "JSON",
        () => "something else",
    }
}

fn starts_with_ignore_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
