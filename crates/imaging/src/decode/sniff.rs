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
    if bytes.is_empty() {
        return "an empty file";
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return base_media(bytes.get(8..12).unwrap_or_default());
    }
    let known = SIGNATURES.iter();
    let found = known.filter(|(start, _)| bytes.starts_with(start));
    if let Some((_, name)) = found.max_by_key(|(start, _)| start.len()) {
        return name;
    }
    looks_like_text(bytes)
}

/// First bytes and the names that go with them.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF or a camera's raw file"),
    (b"MM\0*", "TIFF or a camera's raw file"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\x01\0", "an icon (ICO)"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"qoif", "QOI"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"gimp xcf", "a GIMP document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip (an SVGZ?)"),
    (b"\x1aE\xdf\xa3", "a film"),
    (b"RIFF", "a RIFF file other than WebP"),
    (b"P1", "PNM"),
    (b"P2", "PNM"),
    (b"P3", "PNM"),
    (b"P4", "PNM"),
    (b"P5", "PNM"),
    (b"P6", "PNM"),
];

/// The brands of ISO's base media format that hold still pictures.
fn base_media(brand: &[u8]) -> &'static str {
    match brand {
        b"avif" => "AVIF",
        b"avis" => "animated AVIF",
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1" => "HEIF",
        _ => "a film",
    }
}

fn looks_like_text(bytes: &[u8]) -> &'static str {
    // An SVG may begin with a declaration, comments and a document type: look a bit further.
    const LOOK_AT: usize = 4096;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let head = text.get(..LOOK_AT).unwrap_or(text).to_ascii_lowercase();
    let holds = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    match head.first() {
        Some(b'<') if holds(b"<svg") => "SVG",
        Some(b'<') if head.starts_with(b"<!doctype html") || holds(b"<html") => "HTML",
        Some(b'<') => "XML",
        Some(b'{') => "JSON",
        _ => "something else",
    }
}
