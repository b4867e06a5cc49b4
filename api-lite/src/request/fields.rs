//! Taking an object apart, field by field, and noting every fault on the way.

use std::ops::RangeInclusive;

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

    /// A number within bounds.
    pub(super) fn number(&mut self, name: &str, range: &RangeInclusive<f64>) -> Option<f64> {
        let number = self.typed(name, "a number", |value| value.as_f64())?;
        if !range.contains(&number) {
            let detail = format!("{} to {} is allowed", range.start(), range.end());
            self.fault(name, "out_of_range", detail);
            return None;
        }
        Some(number)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.typed(name, "true or false", |value| value.as_bool())
    }

    /// A word of a closed list; `expected` names them.
    pub(super) fn word<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let word = read(&text);
        if word.is_none() {
            self.fault(name, "unknown_word", format!("{expected} is expected"));
        }
        word
    }

    /// Words of a closed list, each once; `None` where the field is missing. Every word at fault has a
    /// pointer of its own.
    pub(super) fn words<T: PartialEq>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.typed(name, "an array of texts", |value| match value {
            Value::Array(items) => Some(items),
            _ => None,
        })?;
        let mut words = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let fault = match item.as_str().and_then(&read) {
                Some(word) if words.contains(&word) => ("duplicate", "it is named once".to_owned()),
                Some(word) => {
                    words.push(word);
                    continue;
                }
                None => ("unknown_word", format!("{expected} is expected")),
            };
            let at = format!("{}/{place}", pointer(name));
            self.faults.push(FieldError::new(at, fault.0, fault.1));
        }
        Some(words)
    }

    /// An object of texts.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<(String, String)>> {
        self.typed(name, "an object of texts", |value| {
            let Value::Object(object) = value else {
                return None;
            };
            let texts = object.into_iter().map(|(name, value)| match value {
                Value::String(text) => Some((name, text)),
                _ => None,
            });
            texts.collect()
        })
    }

    /// Whether a field is there and says `null`.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(Value::is_null)
    }

    /// Notes that a field is needed.
    pub(super) fn require(&mut self, name: &str, detail: &str) {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.fault(name, "required", detail);
        }
    }

    /// An instant, as RFC 3339.
    pub(super) fn instant(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let text = self.text(name)?;
        match DateTime::parse_from_rfc3339(&text) {
            Ok(at) => Some(at.with_timezone(&Utc)),
            Err(_) => {
                let detail = "an instant such as 2026-05-01T12:00:00Z is expected";
                self.fault(name, "malformed", detail);
                None
            }
        }
    }

    /// An instant to come.
    pub(super) fn future(&mut self, name: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = self.instant(name)?;
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
pub(super) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
