//! The opaque cursor of a list.
//!
//! It holds the place of the last thing shown, which is inside information, so clients get it in a
//! form that says nothing and that they must not take apart. The brand is part of every query, so a
//! forged cursor shows nothing that its sender may not see.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use domain::GenerationId;
use uuid::Uuid;

/// The first byte: the version of the format, and of which list it is.
const VERSION: u8 = 1;
const DELIVERIES: u8 = 2;
const INVOICES: u8 = 3;

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

/// The cursor that continues after a delivery: when it was written, and its place among those of the
/// same instant.
pub(crate) fn encode_delivery(at: DateTime<Utc>, seq: i64) -> String {
    let mut bytes = [DELIVERIES; 17];
    bytes[1..9].copy_from_slice(&at.timestamp_micros().to_be_bytes());
    bytes[9..].copy_from_slice(&seq.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where a cursor of deliveries continues; `None` when it is none of ours.
pub(crate) fn decode_delivery(text: &str) -> Option<(DateTime<Utc>, i64)> {
    let bytes: [u8; 17] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (version, rest) = bytes.split_first()?;
    let (micros, rest) = rest.split_first_chunk()?;
    let (seq, _) = rest.split_first_chunk()?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    (*version == DELIVERIES).then_some((at, i64::from_be_bytes(*seq)))
}

/// The cursor that continues after an invoice: when it was issued, and its id.
pub(crate) fn encode_invoice(at: DateTime<Utc>, last: Uuid) -> String {
    let mut bytes = [INVOICES; 25];
    bytes[1..9].copy_from_slice(&at.timestamp_micros().to_be_bytes());
    bytes[9..].copy_from_slice(last.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where a cursor of invoices continues; `None` when it is none of ours.
pub(crate) fn decode_invoice(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let bytes: [u8; 25] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (version, rest) = bytes.split_first()?;
    let (micros, id) = rest.split_first_chunk()?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))?;
    let id = Uuid::from_slice(id).ok()?;
    (*version == INVOICES).then_some((at, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_invoices_reads_back_to_the_microsecond_and_is_none_of_others() {
        let at = "2026-12-01T00:00:00.123456Z".parse().unwrap();
        let id = Uuid::from_u128(7);
        let text = encode_invoice(at, id);
        assert_eq!(decode_invoice(&text), Some((at, id)));
        let other = encode(GenerationId(id));
        for bad in ["", "x", "Aw", &text[1..], &other] {
            assert_eq!(decode_invoice(bad), None, "{bad}");
        }
        assert_eq!((decode(&text), decode_delivery(&text)), (None, None));
    }

    #[test]
    fn a_cursor_of_deliveries_reads_back_to_the_microsecond_and_is_none_of_generations() {
        let at = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
        let cursor = encode_delivery(at, 7);
        assert_eq!(decode_delivery(&cursor), Some((at, 7)));
        assert_eq!(decode(&cursor), None);
        let generation = encode(GenerationId(Uuid::from_u128(1)));
        for bad in ["", "x", "Ä", &generation, &format!("{cursor}A")] {
            assert_eq!(decode_delivery(bad), None, "{bad}");
        }
        // Beyond what a calendar can hold.
        let mut bytes = [0x7f; 17];
        bytes[0] = DELIVERIES;
        assert_eq!(decode_delivery(&URL_SAFE_NO_PAD.encode(bytes)), None);
    }

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
