//! The accepted spellings of one zone's entry, brought to one form.
//!
//! A zone may be filled by an object with the fields of its type (`{"text": "Zoé", "color": …}`), by
//! `{"value": …}`, or by the bare value. All become named fields, each with the pointer it was
//! written at. A `type` beside them is tolerated, and must then be the zone's. `null` is not there.

use serde_json::{Map, Value};

use crate::field_error::{FieldError, child};
use crate::zones::ZoneType;

/// One entry as named fields.
pub(super) struct Given<'a> {
    /// Where the entry stands.
    pub(super) pointer: String,
    fields: Vec<Field<'a>>,
}

/// One field, and where it was written.
pub(super) struct Field<'a> {
    name: &'static str,
    pub(super) pointer: String,
    pub(super) value: &'a Value,
}

/// The fields of each type: its spelling and the name it is read by. The first is what a bare value
/// or `value` means; POSITION has two coordinates and so no bare value.
fn spellings(kind: ZoneType) -> &'static [(&'static str, &'static str)] {
    match kind {
        ZoneType::Text => &[
            ("text", "text"),
            ("font", "font"),
            ("color", "color"),
            ("size", "size"),
            ("effect", "effect"),
        ],
        ZoneType::Image => &[
            ("url", "image"),
            ("imageUrl", "image"),
            ("image", "image"),
            ("data", "image"),
        ],
        ZoneType::Color => &[("color", "color")],
        ZoneType::Pattern => &[("pattern", "pattern")],
        ZoneType::Font => &[("font", "font")],
        ZoneType::Size => &[("size", "size")],
        ZoneType::Position => &[("x", "x"), ("y", "y")],
    }
}

impl<'a> Given<'a> {
    /// Reads an entry; what cannot be read is added to `faults`.
    pub(super) fn read(
        kind: ZoneType,
        pointer: &str,
        value: &'a Value,
        faults: &mut Vec<FieldError>,
    ) -> Self {
        let mut given = Self {
            pointer: pointer.to_owned(),
            fields: Vec::new(),
        };
        match value {
            Value::Null => {}
            Value::Object(object) => given.read_object(kind, pointer, object, faults),
            bare => given.read_bare(kind, pointer.to_owned(), bare, faults),
        }
        given
    }

    fn read_object(
        &mut self,
        kind: ZoneType,
        parent: &str,
        object: &'a Map<String, Value>,
        faults: &mut Vec<FieldError>,
    ) {
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let pointer = child(parent, key);
            if let Some((_, name)) = spellings(kind).iter().find(|(spelling, _)| spelling == key) {
                self.add(name, pointer, value, faults);
            } else if key == "type" {
                check_type(kind, pointer, value, faults);
            } else if key == "value" {
                self.read_value(kind, pointer, value, faults);
            } else {
                let detail = format!("a {kind} zone has the fields {}", names(kind));
                faults.push(FieldError::new(pointer, "unknown_field", detail));
            }
        }
    }

    /// `{"value": {"x": 1, "y": 2}}` nests; every other `value` is the bare value.
    fn read_value(
        &mut self,
        kind: ZoneType,
        pointer: String,
        value: &'a Value,
        faults: &mut Vec<FieldError>,
    ) {
        let Value::Object(object) = value else {
            return self.read_bare(kind, pointer, value, faults);
        };
        // One level only: a `value` inside a `value` is an unknown field.
        if object.contains_key("value") {
            let detail = "value holds the zone's value itself";
            faults.push(FieldError::new(
                child(&pointer, "value"),
                "unknown_field",
                detail,
            ));
            return;
        }
        self.read_object(kind, &pointer, object, faults);
    }

    fn read_bare(
        &mut self,
        kind: ZoneType,
        pointer: String,
        value: &'a Value,
        faults: &mut Vec<FieldError>,
    ) {
        match spellings(kind).first() {
            Some((_, name)) if kind != ZoneType::Position => {
                self.add(name, pointer, value, faults);
            }
            _ => faults.push(FieldError::new(
                pointer,
                "wrong_type",
                format!("an object with {} is expected", names(kind)),
            )),
        }
    }

    fn add(
        &mut self,
        name: &'static str,
        pointer: String,
        value: &'a Value,
        faults: &mut Vec<FieldError>,
    ) {
        if self.get(name).is_some() {
            let detail = format!("{name} is given twice; one of the spellings is enough");
            faults.push(FieldError::new(pointer, "duplicate_field", detail));
        } else {
            self.fields.push(Field {
                name,
                pointer,
                value,
            });
        }
    }

    /// The field of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn check_type(kind: ZoneType, pointer: String, value: &Value, faults: &mut Vec<FieldError>) {
    let same = value
        .as_str()
        .is_some_and(|text| text.eq_ignore_ascii_case(kind.as_str()));
    if !same {
        let detail = format!("this zone is of type {kind}");
        faults.push(FieldError::new(pointer, "type_mismatch", detail));
    }
}

fn names(kind: ZoneType) -> String {
    let names: Vec<&str> = spellings(kind)
        .iter()
        .map(|(spelling, _)| *spelling)
        .collect();
    names.join(", ")
}
