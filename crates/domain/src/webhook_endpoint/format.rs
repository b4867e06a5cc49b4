//! The body that an endpoint gets, in the form that it asked for.
//!
//! The event's own bytes are kept with its fact and sent as they are. The other forms follow from them
//! by the functions below, whose results must never change for the same bytes: a retry signs and sends
//! what the first try did. Another form is another variant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::BrandId;
use crate::lane::UnknownName;

/// Which body an endpoint gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// `{"type", "timestamp", "data"}` with everything that is told.
    Standard,
    /// The same with nothing in `data` but ids: the receiver asks for the rest.
    Thin,
    /// `{"event", "data", "timestamp", "brandId"}`, as the platform before Atelier sent it, with its
    /// signature beside the standard one.
    Origin,
}

impl PayloadFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Thin, Self::Origin];

    /// Its name in rows and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Thin => "thin",
            Self::Origin => "origin",
        }
    }

    /// The body, byte for byte as it is signed and sent, from the event's own bytes. What is not the body
    /// of an event comes back as it is.
    pub fn body(self, brand: &BrandId, event: &[u8]) -> Vec<u8> {
        let convert = || {
            let event: Standard = serde_json::from_slice(event).ok()?;
            match self {
                Self::Standard => None,
                Self::Thin => serde_json::to_vec(&thin(event)).ok(),
                Self::Origin => serde_json::to_vec(&origin(event, brand)).ok(),
            }
        };
        convert().unwrap_or_else(|| event.to_vec())
    }
}

impl fmt::Display for PayloadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PayloadFormat {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

#[derive(Serialize, Deserialize)]
struct Standard {
    #[serde(rename = "type")]
    type_name: String,
    timestamp: String,
    data: Value,
}

#[derive(Serialize)]
struct Origin<'a> {
    event: String,
    data: Value,
    timestamp: String,
    #[serde(rename = "brandId")]
    brand_id: &'a BrandId,
}

fn thin(event: Standard) -> Standard {
    let ids: Map<String, Value> = match event.data {
        Value::Object(data) => data
            .into_iter()
            .filter(|(name, _)| name.ends_with("_id"))
            .collect(),
        _ => Map::new(),
    };
    Standard {
        data: Value::Object(ids),
        ..event
    }
}

fn origin(event: Standard, brand: &BrandId) -> Origin<'_> {
    let Standard {
        type_name,
        timestamp,
        data,
    } = event;
    Origin {
        event: type_name,
        data,
        timestamp,
        brand_id: brand,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = concat!(
        r#"{"type":"generation.failed","timestamp":"2026-11-22T21:00:00.123Z","data":{"#,
        r#""generation_id":"gen_01","message":"Zoë \"x\" \u0001","product_id":"p","retryable":false}}"#
    );

    fn body(format: PayloadFormat) -> String {
        String::from_utf8(format.body(&"brand_1".into(), EVENT.as_bytes())).unwrap()
    }

    #[test]
    fn each_format_gives_exactly_these_bytes() {
        assert_eq!(body(PayloadFormat::Standard), EVENT);
        assert_eq!(
            body(PayloadFormat::Thin),
            concat!(
                r#"{"type":"generation.failed","timestamp":"2026-11-22T21:00:00.123Z","#,
                r#""data":{"generation_id":"gen_01","product_id":"p"}}"#
            )
        );
        assert_eq!(
            body(PayloadFormat::Origin),
            concat!(
                r#"{"event":"generation.failed","data":{"generation_id":"gen_01","#,
                r#""message":"Zoë \"x\" \u0001","product_id":"p","retryable":false},"#,
                r#""timestamp":"2026-11-22T21:00:00.123Z","brandId":"brand_1"}"#
            )
        );
    }

    #[test]
    fn bytes_that_are_no_event_are_sent_as_they_are() {
        for bytes in [&b""[..], b"{}", b"\xff", b"[1]"] {
            for format in PayloadFormat::ALL {
                assert_eq!(format.body(&"b".into(), bytes), bytes, "{format}");
            }
        }
    }

    #[test]
    fn names_read_back() {
        for format in PayloadFormat::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("full".parse::<PayloadFormat>().is_err());
    }
}
