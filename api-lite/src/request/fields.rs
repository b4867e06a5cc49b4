//! Taking an object apart, field by field, and noting every fault on the way.

use chrono::{DateTime, Utc};
use domain::FieldError;
use serde_json::{Map, Value};

/// A body's object. Each field is taken once; what is left in the end is unknown. `null` counts as
/// not sent.
#[derive(Debug)]
pub(super) struct Fields {
    object: Map<String, Value>,
    pub(super) faults: Vec<FieldError>,
}

impl Fields {
    /// Anything but an object is a fault of the whole body.
    pub(super) fn of(body: Value) -> Self {
        match body {
            Value::Object(object) => Self {
                object,
                faults: Vec::new(),
            },
            _ => Self {
                object: Map::new(),
                faults: vec![FieldError::new("", "wrong_type", "an object is expected")],
            },
        }
    }

    /// Notes a fault of a field.
    pub(super) fn fault(&mut self, name: &str, code: &'static str, detail: impl Into<String>) {
        self.faults
            .push(FieldError::new(pointer(name), code, detail));
    }

    /// A field of any type.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let read = read(value);
        if read.is_none() {
            self.fault(name, "wrong_type", format!("{expected} is expected"));
        }
        read
    }

    /// A text of any content.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.typed(name, "a text", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// A text of 1 to `max` bytes without control characters.
    pub(super) fn token(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.text(name)?;
        if text.is_empty() || text.len() > max || text.chars().any(char::is_control) {
            let detail = format!("1 to {max} bytes without control characters are allowed");
            self.fault(name, "out_of_range", detail);
            return None;
        }
        Some(text)
    }

    /// A whole number within bounds.
    pub(super) fn integer(&mut self, name: &str, low: i64, high: i64) -> Option<i64> {
        let number = self.typed(name, "a whole number", |value| value.as_i64())?;
        if !(low..=high).contains(&number) {
            self.fault(name, "out_of_range", format!("{low} to {high} is allowed"));
            return None;
        }
        Some(number)
    }

    /// An instant to come, as RFC 3339.
    pub(super) fn future(&mut self, name: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let text = self.text(name)?;
        let Ok(at) = DateTime::parse_from_rfc3339(&text) else {
            self.fault(
                name,
                "malformed",
                "an instant such as 2026-05-01T12:00:00Z is expected",
            );
            return None;
        };
        let at = at.with_timezone(&Utc);
        if at <= now {
            self.fault(name, "not_in_future", "an instant to come is expected");
            return None;
        }
        Some(at)
    }

    /// The faults, with those of unknown fields.
    pub(super) fn finish(mut self, known: &[&str]) -> Vec<FieldError> {
        let detail = format!("the fields are {}", known.join(", "));
        let left = self
            .object
            .keys()
            .filter(|name| !known.contains(&name.as_str()));
        let unknown: Vec<FieldError> = left
            .map(|name| FieldError::new(pointer(name), "unknown_field", detail.clone()))
            .collect();
        self.faults.extend(unknown);
        self.faults
    }
}

/// The JSON pointer of a member of the body.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
