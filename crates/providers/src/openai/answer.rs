//! Reading an answer that says it is a picture.
//!
//! It has been paid for, so it is read as leniently as it can be: fields may be missing, words may be
//! new, numbers may be texts. Only a picture must be in it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::models::Usage;
use crate::picture::media_type;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What `/images/generations` and `/images/edits` answer.
#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Vec<Item>>,
    #[serde(default)]
    usage: Value,
    #[serde(default)]
    error: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Item {
    #[serde(default)]
    b64_json: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    revised_prompt: Value,
}

/// An answer that was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) found: Found,
    /// What it says it used.
    pub(crate) usage: Option<Usage>,
    /// Whether the provider rewrote the prompt.
    pub(crate) rewritten: bool,
}

/// What was in it.
#[derive(Debug)]
pub(crate) enum Found {
    Picture(Picture),
    /// Where it can be fetched.
    Url(String),
    /// Nothing that is a picture.
    Nothing(&'static str),
}

/// A picture, by its first bytes.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: &'static str,
}

/// Reads the answer to a picture call.
pub(crate) fn read(body: &[u8]) -> Read {
    let nothing = |why| Read {
        found: Found::Nothing(why),
        usage: None,
        rewritten: false,
    };
    let Ok(body) = serde_json::from_slice::<Body>(body) else {
        return nothing("the answer is not the JSON of a picture");
    };
    let usage = usage(&body.usage);
    let Some(item) = body.data.into_iter().flatten().next() else {
        let why = match body.error.is_null() {
            true => "the answer holds no picture",
            false => "the answer holds an error in place of a picture",
        };
        return Read {
            usage,
            ..nothing(why)
        };
    };
    let rewritten = item
        .revised_prompt
        .as_str()
        .is_some_and(|text| !text.is_empty());
    let found = match (item.b64_json, item.url) {
        (Some(text), _) if !text.is_empty() => decode(&text),
        (_, Some(url)) if !url.is_empty() => Found::Url(url),
        _ => Found::Nothing("the answer holds an empty picture"),
    };
    Read {
        found,
        usage,
        rewritten,
    }
}

/// A picture in base64, perhaps as a data URL, perhaps with line breaks.
pub(crate) fn decode(text: &str) -> Found {
    let text = match text.strip_prefix("data:") {
        Some(data) => data.split_once(',').map_or(data, |(_, data)| data),
        None => text,
    };
    let decoded = BASE64.decode(text).or_else(|_| {
        let packed: String = text.split_ascii_whitespace().collect();
        BASE64.decode(packed)
    });
    match decoded.ok().map(|bytes| (media_type(&bytes), bytes)) {
        Some((Some(content_type), bytes)) => Found::Picture(Picture {
            bytes: Bytes::from(bytes),
            content_type,
        }),
        Some((None, _)) => Found::Nothing("the answer's picture is of no known kind"),
        None => Found::Nothing("the answer's picture is not base64"),
    }
}

/// The `usage` of an answer, where it says anything. Tokens that it does not part into text and
/// pictures are text on the way in, where most calls have nothing else, and picture on the way out.
pub(crate) fn usage(usage: &Value) -> Option<Usage> {
    let count = |path: &str| {
        let value = usage.pointer(path)?;
        let text = || value.as_str()?.parse().ok();
        let float = || {
            value
                .as_f64()
                .filter(|n| *n >= 0.0)
                .map(|n| n.ceil() as u64)
        };
        value.as_u64().or_else(text).or_else(float)
    };
    let (input, output) = (count("/input_tokens"), count("/output_tokens"));
    let image_in = count("/input_tokens_details/image_tokens");
    let text_in = count("/input_tokens_details/text_tokens");
    let text_out = count("/output_tokens_details/text_tokens").unwrap_or(0);
    let image_out = count("/output_tokens_details/image_tokens")
        .or_else(|| Some(output?.saturating_sub(text_out)))?;
    let image_in = image_in.unwrap_or(0);
    Some(Usage {
        text_in: text_in
            .or_else(|| Some(input?.saturating_sub(image_in)))
            .unwrap_or(0),
        image_in,
        text_out,
        image_out,
        images: 1,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

    fn found(body: &str) -> Found {
        read(body.as_bytes()).found
    }

    #[test]
    fn a_picture_is_found_in_whatever_stands_around_it() {
        let bodies = [
            format!(r#"{{"data":[{{"b64_json":"{PNG}"}}]}}"#),
            format!(
                r#"{{"created":"soon","data":[{{"b64_json":"{PNG}","url":null}}],"quality":{{}},"usage":[]}}"#
            ),
            format!(
                r#"{{"data":[{{"b64_json":"data:image/png;base64,{PNG}"}},{{}}],"output_format":"svg"}}"#
            ),
            r#"{"data":[{"b64_json":"iVBORw0KGgoA\nAAANSUhEUg"}]}"#.to_owned(),
        ];
        for body in bodies {
            let Found::Picture(picture) = found(&body) else {
                panic!("{body}")
            };
            assert_eq!(picture.content_type, "image/png");
        }
    }

    #[test]
    fn an_answer_without_a_picture_says_why() {
        for (body, why) in [
            ("", "not the JSON"),
            ("<html>", "not the JSON"),
            (r#"{"data":[{"b64_json":"iVBORw0K"#, "not the JSON"),
            (r#"{"data":[]}"#, "no picture"),
            (r#"{"data":null}"#, "no picture"),
            (r#"{"error":{"code":1}}"#, "an error"),
            (r#"{"data":[{"b64_json":""}]}"#, "empty"),
            (r#"{"data":[{}]}"#, "empty"),
            (r#"{"data":[{"b64_json":"!!!!"}]}"#, "not base64"),
            (r#"{"data":[{"b64_json":"PGh0bWw+"}]}"#, "no known kind"),
        ] {
            match found(body) {
                Found::Nothing(said) => assert!(said.contains(why), "{body}: {said}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn usage_is_read_as_far_as_it_goes() {
        let read = |text: &str| usage(&serde_json::from_str(text).unwrap());
        assert_eq!(read("null"), None);
        assert_eq!(read("{}"), None);
        let whole = read(
            r#"{"input_tokens":219,"output_tokens":275,"input_tokens_details":
            {"image_tokens":194,"text_tokens":25},"output_tokens_details":{"image_tokens":272,"text_tokens":3}}"#,
        );
        let expected = Usage {
            text_in: 25,
            image_in: 194,
            text_out: 3,
            image_out: 272,
            images: 1,
            compute_ms: 0,
        };
        assert_eq!(whole, Some(expected));
        let short = read(r#"{"input_tokens":"40","output_tokens":1056.0}"#).unwrap();
        assert_eq!((short.text_in, short.image_out), (40, 1_056));
    }
}
