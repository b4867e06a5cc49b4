//! The opaque cursor of a list.
//!
//! It holds the id of the last generation shown, which is inside information, so clients get it in a
//! form that says nothing and that they must not take apart. The brand is part of every query, so a
//! forged cursor shows nothing that its sender may not see.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::GenerationId;
use uuid::Uuid;

/// The first byte: the version of the format.
const VERSION: u8 = 1;

/// The cursor that continues after `last`.
pub(crate) fn encode(last: GenerationId) -> String {
    let mut bytes = [VERSION; 17];
    bytes[1..].copy_from_slice(last.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where a cursor continues; `None` when it is none of ours.
pub(crate) fn decode(text: &str) -> Option<GenerationId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, id) = bytes.split_first()?;
    let id = Uuid::from_slice(id).ok()?;
    (*version == VERSION).then_some(GenerationId(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let id = GenerationId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(decode(&encode(id)), Some(id));
        for bad in [
            "",
            "x",
            "AQ",
            "Ä",
            &format!("{}A", encode(id)),
            &id.as_text(),
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        let other_version = URL_SAFE_NO_PAD.encode([2_u8; 17]);
        assert_eq!(decode(&other_version), None);
    }
}
