//! Masks: where a picture may change, in one of two conventions.
//!
//! Which of the two a model reads stands in its row. Nothing is converted here, because that takes a
//! decoder; the other convention is refused by the PNG's header, before anything is paid.

use crate::error::ProviderError;
use crate::models::MaskConvention;
use crate::request::InputImage;

/// What the header of a PNG says about transparency: whether each pixel has an alpha value. `None`
/// where it is no PNG.
fn has_alpha(bytes: &[u8]) -> Option<bool> {
    // Signature, length, "IHDR", width, height, depth, then the colour type: 4 and 6 have alpha.
    if crate::picture::media_type(bytes) != Some("image/png") || bytes.get(12..16) != Some(b"IHDR")
    {
        return None;
    }
    bytes.get(25).map(|colour| matches!(colour, 4 | 6))
}

/// A mask in the other convention would be read by its wrong part, and the wrong part of the picture
/// would be paid for.
pub(crate) fn check(
    provider: &'static str,
    convention: MaskConvention,
    mask: &InputImage,
) -> Result<(), ProviderError> {
    match (convention, has_alpha(&mask.bytes)) {
        (MaskConvention::WhiteChanges, Some(false))
        | (MaskConvention::TransparentChanges, Some(true)) => Ok(()),
        (MaskConvention::WhiteChanges, _) => {
            let detail = "the mask must be a PNG without transparency, white where it may change";
            Err(ProviderError::invalid(provider, detail))
        }
        (MaskConvention::TransparentChanges, _) => {
            let detail = "the mask must be a PNG with transparency where it may change";
            Err(ProviderError::invalid(provider, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
