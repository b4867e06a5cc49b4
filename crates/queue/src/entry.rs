//! What one stream entry holds: an id and a trace context, nothing else.

use std::collections::HashMap;
use std::fmt;

use domain::{GenerationId, Lane};
use redis::Value;

pub(crate) const ID: &str = "id";
pub(crate) const TRACE: &str = "trace";

/// A traceparent has 55 characters in version 00; a longer one comes from a newer version, and one
/// beyond this length from nobody we know.
const MAX_TRACE_CHARS: usize = 128;

/// One job to be put before the workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The lane it takes.
    pub lane: Lane,
    /// Which generation.
    pub id: GenerationId,
    /// The W3C `traceparent` of the request, if it is traced.
    pub trace: Option<String>,
}

/// The name Redis gave an entry: milliseconds, a hyphen, a sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub(crate) String);

impl EntryId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An entry that was delivered to us. It is a hint: claim the job in PostgreSQL, then settle the
/// entry whatever the claim said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The lane it came by.
    pub lane: Lane,
    /// The entry to settle.
    pub entry_id: EntryId,
    /// Which generation.
    pub id: GenerationId,
    /// The W3C `traceparent` of the request, if it is traced.
    pub trace: Option<String>,
}

/// Why an entry is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEntry {
    /// It has no field `id`.
    #[error("the entry has no id")]
    NoId,
    /// Its field `id` is not the UUID of a generation.
    #[error("the entry's id is not a UUID")]
    BadId,
}

/// Reads an entry's fields. Unknown fields are left alone, for a newer producer may write them; an
/// unreadable trace is dropped, for a job is worth more than its trace.
pub(crate) fn parse(
    fields: &HashMap<String, Value>,
) -> Result<(GenerationId, Option<String>), MalformedEntry> {
    let id = fields.get(ID).ok_or(MalformedEntry::NoId)?;
    let id = text(id)
        .and_then(|text| text.parse().ok())
        .ok_or(MalformedEntry::BadId)?;
    let trace = fields
        .get(TRACE)
        .and_then(text)
        .filter(|trace| !trace.is_empty() && trace.len() <= MAX_TRACE_CHARS && trace.is_ascii());
    Ok((id, trace.map(str::to_owned)))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn fields(pairs: &[(&str, &[u8])]) -> HashMap<String, Value> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::BulkString(value.to_vec())))
            .collect()
    }

    #[test]
    fn an_entry_with_an_unknown_field_is_still_read() {
        let id = GenerationId(Uuid::from_u128(7));
        let entry = fields(&[
            ("id", id.as_text().as_bytes()),
            ("trace", b"00-abc-def-01"),
            ("priority", b"9"),
        ]);
        assert_eq!(parse(&entry), Ok((id, Some("00-abc-def-01".to_owned()))));
    }

    #[test]
    fn a_foreign_entry_is_named_as_what_it_is() {
        assert_eq!(parse(&fields(&[("job", b"x")])), Err(MalformedEntry::NoId));
        assert_eq!(
            parse(&fields(&[("id", b"\xff\xfe")])),
            Err(MalformedEntry::BadId)
        );
        assert_eq!(parse(&fields(&[("id", b"42")])), Err(MalformedEntry::BadId));
    }

    #[test]
    fn an_unreadable_trace_costs_the_trace_and_not_the_job() {
        let id = GenerationId(Uuid::from_u128(7));
        let long = "0".repeat(MAX_TRACE_CHARS + 1);
        for trace in [b"".as_slice(), b"\xff", long.as_bytes()] {
            let entry = fields(&[("id", id.as_text().as_bytes()), ("trace", trace)]);
            assert_eq!(parse(&entry), Ok((id, None)));
        }
    }
}
