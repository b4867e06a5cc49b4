//! What kind of picture some bytes begin like.
//!
//! A look at the first bytes, not a decoding: imaging decides under its own limits what the bytes are.
//! It is here so that an error page is not taken, stored and paid for as a picture.

/// The media type of a picture by its first bytes; `None` where they are no picture's.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', _, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, _, ..] => Some("image/jpeg"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            _,
            ..,
        ] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', _, ..] => Some("image/gif"),
        _ => None,
    }
}

/// Width and height of a PNG by its first chunk; `None` where it is none.
pub(crate) fn png_size_px(bytes: &[u8]) -> Option<(u32, u32)> {
    if media_type(bytes) != Some("image/png") || bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let side = |at: usize| -> Option<u32> {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    Some((side(16)?, side(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_first_bytes_and_nothing_else_is() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n\0"), Some("image/png"));
        assert_eq!(media_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(media_type(b"RIFF1234WEBPV"), Some("image/webp"));
        assert_eq!(media_type(b"GIF89a1"), Some("image/gif"));
        for other in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n",
            b"<html>",
            b"{\"error\":1}",
            b"RIFF1234WAVEf",
        ] {
            assert_eq!(media_type(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_size_of_a_png_stands_in_its_first_chunk() {
        let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x04\0\0\0\x02\x01\x08";
        assert_eq!(png_size_px(head), Some((1024, 513)));
        assert_eq!(png_size_px(&head[..20]), None);
        assert_eq!(png_size_px(b"\xff\xd8\xff\xe0"), None);
    }
}
