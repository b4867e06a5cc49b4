//! The body that asks for a generation.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::address::AllowList;
use domain::{FieldError, MAX_USER_PROMPT_GRAPHEMES, clean_prompt};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::fields::Fields;
use super::webhook::webhook_url;

/// Further widths of one request, and their bounds in pixels. 4096 is the largest picture that is
/// composed; five more pictures are five times the encoding work of one.
const MAX_WIDTHS: usize = 5;
const WIDTH_PX: std::ops::RangeInclusive<i64> = 16..=4096;

/// Longest name of a product, template or session.
const MAX_NAME_BYTES: usize = 200;

/// Most bytes of the customer's own data, as JSON.
const MAX_METADATA_BYTES: usize = 4096;

/// A request as far as it can be judged without the product.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// Id or slug; empty when it is at fault.
    pub(crate) product: String,
    /// As sent; the product's zones judge it.
    pub(crate) customizations: Value,
    pub(crate) user_prompt: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) template_id: Option<String>,
    pub(crate) widths: Vec<i32>,
    pub(crate) priority: i16,
    pub(crate) start_by: Option<DateTime<Utc>>,
    pub(crate) deadline: Option<DateTime<Utc>>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) metadata: Option<Value>,
    /// SHA-256 of what was asked for, whatever the order of the fields.
    pub(crate) fingerprint: [u8; 32],
    /// The faults found so far.
    pub(crate) faults: Vec<FieldError>,
    /// The name of the product's field, for faults found later.
    pub(crate) product_pointer: &'static str,
    /// The name of the wish's field, likewise.
    pub(crate) user_prompt_pointer: &'static str,
}

const V1_FIELDS: &[&str] = &[
    "product_id",
    "customizations",
    "user_prompt",
    "session_id",
    "template_id",
    "variants",
    "priority",
    "start_by",
    "deadline",
    "webhook_url",
    "metadata",
];

/// Reads the body of `POST /v1/generations`. `allowed` are the networks that an announcement may go to
/// although they are not public.
pub(crate) fn parse_v1(body: Value, now: DateTime<Utc>, allowed: &AllowList) -> Draft {
    let fingerprint = fingerprint("v1", &body);
    let mut fields = Fields::of(body);
    let mut draft = Draft {
        product: product(&mut fields, "product_id"),
        product_pointer: "/product_id",
        user_prompt_pointer: "/user_prompt",
        customizations: fields.take("customizations").unwrap_or_default(),
        user_prompt: prompt(&mut fields, "user_prompt"),
        session_id: fields.token("session_id", MAX_NAME_BYTES),
        template_id: fields.token("template_id", MAX_NAME_BYTES),
        widths: widths(&mut fields),
        priority: fields
            .integer("priority", -100, 100)
            .and_then(|number| i16::try_from(number).ok())
            .unwrap_or(0),
        start_by: fields.future("start_by", now),
        deadline: fields.future("deadline", now),
        webhook_url: webhook_url(&mut fields, "webhook_url", allowed),
        metadata: metadata(&mut fields),
        fingerprint,
        faults: Vec::new(),
    };
    if let (Some(start_by), Some(deadline)) = (draft.start_by, draft.deadline)
        && start_by > deadline
    {
        fields.fault(
            "start_by",
            "after_deadline",
            "it must not be after the deadline",
        );
    }
    draft.faults = fields.finish(V1_FIELDS);
    draft
}

/// Reads the body of the older platform's widget. Its fields beyond ours are left alone: the widget
/// is in shops' pages and cannot be changed.
pub(crate) fn parse_widget(body: Value) -> Draft {
    let fingerprint = fingerprint("widget", &body);
    let mut fields = Fields::of(body);
    Draft {
        product: product(&mut fields, "productId"),
        product_pointer: "/productId",
        user_prompt_pointer: "/userPrompt",
        customizations: fields.take("customizations").unwrap_or_default(),
        user_prompt: prompt(&mut fields, "userPrompt"),
        session_id: fields.token("sessionId", MAX_NAME_BYTES),
        fingerprint,
        faults: fields.faults,
        ..Draft::default()
    }
}

fn product(fields: &mut Fields, name: &str) -> String {
    let faults = fields.faults.len();
    let product = fields.token(name, MAX_NAME_BYTES);
    if product.is_none() && fields.faults.len() == faults {
        fields.fault(
            name,
            "required",
            "the id or slug of one of the brand's products",
        );
    }
    product.unwrap_or_default()
}

fn prompt(fields: &mut Fields, name: &str) -> Option<String> {
    let text = fields.text(name)?;
    match clean_prompt(&text, MAX_USER_PROMPT_GRAPHEMES) {
        Ok(text) => Some(text).filter(|text| !text.is_empty()),
        Err(fault) => {
            fields.fault(name, fault.code(), fault.to_string());
            None
        }
    }
}

fn widths(fields: &mut Fields) -> Vec<i32> {
    let Some(value) = fields.take("variants") else {
        return Vec::new();
    };
    let items = match value {
        Value::Array(items) if items.len() <= MAX_WIDTHS => items,
        Value::Array(_) => {
            fields.fault(
                "variants",
                "too_many",
                format!("at most {MAX_WIDTHS} are allowed"),
            );
            return Vec::new();
        }
        _ => {
            fields.fault(
                "variants",
                "wrong_type",
                "an array of widths in pixels is expected",
            );
            return Vec::new();
        }
    };
    let mut widths = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let width = item.as_i64().filter(|width| WIDTH_PX.contains(width));
        match width.and_then(|width| i32::try_from(width).ok()) {
            Some(width) if !widths.contains(&width) => widths.push(width),
            Some(_) => fields.faults.push(FieldError::new(
                format!("/variants/{place}"),
                "duplicate",
                "each width is given once",
            )),
            None => fields.faults.push(FieldError::new(
                format!("/variants/{place}"),
                "out_of_range",
                format!(
                    "a whole number from {} to {}",
                    WIDTH_PX.start(),
                    WIDTH_PX.end()
                ),
            )),
        }
    }
    widths
}

fn metadata(fields: &mut Fields) -> Option<Value> {
    let name = "metadata";
    let value = fields.take(name)?;
    if !value.is_object() {
        fields.fault(name, "wrong_type", "an object is expected");
    } else if value.to_string().len() > MAX_METADATA_BYTES {
        let detail = format!("at most {MAX_METADATA_BYTES} bytes of JSON are allowed");
        fields.fault(name, "too_large", detail);
    } else if has_nul(&value) {
        fields.fault(
            name,
            "text_control_character",
            "the character U+0000 is not allowed",
        );
    } else {
        return Some(value);
    }
    None
}

/// PostgreSQL's `jsonb` cannot hold U+0000.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// The hash of a body's canonical form, made without a copy: a body may hold a picture of megabytes.
fn fingerprint(form: &str, body: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(form.as_bytes());
    feed(&mut hash, body);
    hash.finalize().into()
}

/// Feeds a value with a mark of its type, lengths before contents, and members in the order of their
/// names: serde_json keeps the order of arrival when any crate in the build asks it to.
fn feed(hash: &mut Sha256, value: &Value) {
    let mut sized = |mark: &[u8], length: usize| {
        hash.update(mark);
        hash.update((length as u64).to_be_bytes());
    };
    match value {
        Value::Null => sized(b"n", 0),
        Value::Bool(flag) => sized(b"b", usize::from(*flag)),
        Value::Number(number) => feed_text(hash, b"#", &number.to_string()),
        Value::String(text) => feed_text(hash, b"s", text),
        Value::Array(items) => {
            sized(b"a", items.len());
            for item in items {
                feed(hash, item);
            }
        }
        Value::Object(object) => {
            sized(b"o", object.len());
            for (name, member) in object.iter().collect::<BTreeMap<_, _>>() {
                feed_text(hash, b"m", name);
                feed(hash, member);
            }
        }
    }
}

fn feed_text(hash: &mut Sha256, mark: &[u8], text: &str) {
    hash.update(mark);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_full_body_is_read() {
        let draft = parse_v1(
            json!({
                "product_id": "mug", "customizations": {"z": {"text": "Ada"}},
                "user_prompt": " waves\n", "session_id": "s1", "template_id": "t1",
                "variants": [640, 320], "priority": -7, "start_by": "2027-02-01T00:00:00Z",
                "deadline": "2027-02-01T00:00:00+01:00", "webhook_url": "https://shop.example/hook",
                "metadata": {"order": 7}
            }),
            now(),
            &AllowList::default(),
        );
        assert_eq!(draft.user_prompt.as_deref(), Some("waves"));
        assert_eq!(draft.widths, [640, 320]);
        assert_eq!(draft.priority, -7);
        // One hour east of Greenwich the same wall time is an hour earlier.
        assert_eq!(draft.faults[0].code, "after_deadline");
        assert_eq!(draft.faults.len(), 1);
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let draft = parse_v1(
            json!({
                "user_prompt": 7, "session_id": "a\u{0}b", "variants": [8, 640, 640, "x"],
                "priority": 101, "start_by": "soon", "deadline": "2020-01-01T00:00:00Z",
                "webhook_url": "http://shop.example", "metadata": {"a": "\u{0}"}, "colour~/": 1
            }),
            now(),
            &AllowList::default(),
        );
        let found: Vec<(&str, &str)> = draft
            .faults
            .iter()
            .map(|fault| (fault.pointer.as_str(), fault.code))
            .collect();
        assert_eq!(
            found,
            [
                ("/product_id", "required"),
                ("/user_prompt", "wrong_type"),
                ("/session_id", "out_of_range"),
                ("/variants/0", "out_of_range"),
                ("/variants/2", "duplicate"),
                ("/variants/3", "out_of_range"),
                ("/priority", "out_of_range"),
                ("/start_by", "malformed"),
                ("/deadline", "not_in_future"),
                ("/webhook_url", "scheme"),
                ("/metadata", "text_control_character"),
                ("/colour~0~1", "unknown_field"),
            ]
        );
    }

    #[test]
    fn the_fingerprint_is_of_the_meaning_and_not_of_the_order() {
        let a = json!({"product_id": "p", "metadata": {"x": 1, "y": [1, 2]}});
        let b = json!({"metadata": {"y": [1, 2], "x": 1}, "product_id": "p"});
        let c = json!({"metadata": {"y": [2, 1], "x": 1}, "product_id": "p"});
        let of = |body: &Value| parse_v1(body.clone(), now(), &AllowList::default()).fingerprint;
        assert_eq!(of(&a), of(&b));
        assert_ne!(of(&a), of(&c));
        assert_ne!(of(&a), parse_widget(a).fingerprint);
        // Neither moving a member in or out nor joining texts gives the same hash.
        assert_ne!(of(&json!({"a": {"b": 1}})), of(&json!({"a": {}, "b": 1})));
        assert_ne!(of(&json!(["ab", "c"])), of(&json!(["a", "bc"])));
        assert_ne!(of(&json!([1])), of(&json!(["1"])));
    }

    #[test]
    fn the_widgets_own_fields_are_left_alone() {
        let draft = parse_widget(json!({"productId": "p", "locale": "fr", "sessionId": "s"}));
        assert!(draft.faults.is_empty());
        assert_eq!(draft.product, "p");
        let faulty = parse_widget(json!([1]));
        assert_eq!(faulty.faults[0].code, "wrong_type");
        assert_eq!(faulty.faults[1].pointer, "/productId");
    }
}
