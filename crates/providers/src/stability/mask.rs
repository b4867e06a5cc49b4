//! What bytes are, by their first ones.
//!
//! Only enough to tell a picture from an error page before it is written down as paid for. Imaging
//! decides what a picture really is.

/// Where a RIFF file says what it holds.
const WEBP_BRAND: std::ops::Range<usize> = 8..12;

/// The media type of a picture in one of the formats that providers answer with; `None` where the
/// bytes are none of them.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"RIFF") && bytes.get(WEBP_BRAND) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// What the header of a PNG says about transparency: whether each pixel has an alpha value. `None`
/// where it is no PNG.
pub(crate) fn has_alpha(bytes: &[u8]) -> Option<bool> {
    // Signature, length, "IHDR", width, height, depth, then the colour type: 4 and 6 have alpha.
    if media_type(bytes) != Some("image/png") || bytes.get(12..16) != Some(b"IHDR") {
        return None;
    }
    bytes.get(25).map(|colour| matches!(colour, 4 | 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_from_pages() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(media_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(media_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for no_picture in [&b"<html>"[..], b"{}", b"", b"RIFF\0\0\0\0WAVE", b"\x89PNG"] {
            assert_eq!(media_type(no_picture), None, "{no_picture:?}");
        }
    }

    #[test]
    fn the_header_tells_whether_there_is_an_alpha_channel() {
        let png = |colour: u8| {
            let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x08\0\0\0\x08\x08".to_vec();
            bytes.extend([colour, 0, 0, 0]);
            bytes
        };
        for (colour, alpha) in [(0, false), (2, false), (3, false), (4, true), (6, true)] {
            assert_eq!(has_alpha(&png(colour)), Some(alpha), "colour type {colour}");
        }
        assert_eq!(has_alpha(b"\xff\xd8\xff\xe0"), None);
    }
}
