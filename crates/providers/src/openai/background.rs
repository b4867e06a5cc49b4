//! `POST /responses` in the background: the way in which OpenAI's pictures can be recovered.
//!
//! The answer to the submit is an id, within a second; the picture is asked for by the id afterwards,
//! as often as one likes, for about ten minutes after it was drawn. A text model stands in front: it
//! costs a little and may put the prompt into other words. An answer to the submit that is lost
//! cannot be found, as there is no list.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{AttemptId, Micros};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::NAME;
use super::answer::{self, Found, Picture};
use super::failure::{Fault, Meaning};
use super::order::Order;
use crate::config::OpenAiConfig;
use crate::credential::Credential;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::models::{Model, ModelRegistry, Priced, TextModel, micros};
use crate::request::InputImage;

pub(super) const PATH: &str = "/responses";
/// How long a call that is drawn is left alone between two questions.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longest id that goes into an address.
const ID_CHARS: usize = 128;
const INSTRUCTIONS: &str =
    "Call the image tool once, with the user's text as it stands, word for word.";

/// Which models are called in the background, and what stands in front of them.
pub(super) struct Background {
    patterns: Vec<String>,
    text_model: TextModel,
}

impl Background {
    /// `None` where the settings name a text model that has no price.
    pub(super) fn of(config: &OpenAiConfig, models: &ModelRegistry) -> Option<Self> {
        let text_model = models.text_model("openai", &config.openai_background_text_model)?;
        let patterns = config.openai_background_models.iter();
        Some(Self {
            patterns: patterns
                .map(|pattern| pattern.trim().to_owned())
                .filter(|pattern| !pattern.is_empty())
                .collect(),
            text_model: text_model.clone(),
        })
    }

    pub(super) fn is_for(&self, model: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, model))
    }

    /// What the text model costs at most beside the picture, in billionths of a US dollar.
    pub(super) fn upper_nano(&self, priced: &Priced<'_>) -> i128 {
        let text = &self.text_model;
        let tokens_in = priced.prompt_bytes as i128 + i128::from(text.tokens_in_at_most);
        tokens_in * i128::from(text.text_in_nano)
            + i128::from(text.tokens_out_at_most) * i128::from(text.text_out_nano)
    }

    /// The body of the submit.
    pub(super) fn body(
        &self,
        order: &Order<'_>,
        attempt: AttemptId,
    ) -> Result<Bytes, serde_json::Error> {
        let mut content = vec![Content::InputText {
            text: &order.prompt,
        }];
        content.extend(order.images.iter().map(|image| Content::InputImage {
            image_url: data_url(image),
        }));
        let body = Body {
            model: &self.text_model.name,
            instructions: INSTRUCTIONS,
            input: [Message {
                role: "user",
                content,
            }],
            tools: [Tool {
                kind: "image_generation",
                model: &order.model.name,
                size: order.size(),
                quality: order.quality.as_deref(),
                background: order.background,
                output_format: "png",
                input_image_mask: order.mask.map(|mask| Mask {
                    image_url: data_url(mask),
                }),
            }],
            tool_choice: Choice {
                kind: "image_generation",
            },
            background: true,
            store: true,
            safety_identifier: order.shopper,
            metadata: Metadata {
                attempt: attempt.to_string(),
            },
        };
        serde_json::to_vec(&body).map(Bytes::from)
    }

    /// What a response cost, where it says so.
    fn cost(&self, response: &Value, model: Option<&Model>) -> Option<Micros> {
        let count = |path: &str| response.pointer(path).and_then(Value::as_u64);
        let text = &self.text_model;
        let text_nano = count("/usage/input_tokens").map(|tokens_in| {
            let tokens_out = count("/usage/output_tokens").unwrap_or(0);
            i128::from(tokens_in) * i128::from(text.text_in_nano)
                + i128::from(tokens_out) * i128::from(text.text_out_nano)
        });
        let image = answer::usage(response.pointer("/tool_usage/image_gen")?);
        let image = image.filter(|usage| usage.tokens().is_some())?;
        let image_nano = model?.price.charge_nano(&image);
        Some(micros(text_nano.unwrap_or(0) + image_nano))
    }

    /// The price of a response that holds a picture and does not say what the picture cost.
    fn estimate(&self, call: &Value, model: Option<&Model>) -> Option<Micros> {
        let size = call.get("size").and_then(Value::as_str).unwrap_or_default();
        let (w, h) = size
            .split_once('x')
            .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)))
            .unwrap_or((1024, 1024));
        let priced = Priced {
            quality: call
                .get("quality")
                .and_then(Value::as_str)
                .unwrap_or("auto"),
            width_px: w,
            height_px: h,
            input_images: 0,
            prompt_bytes: 0,
        };
        let picture = model?.price.quote(&priced).upper;
        Some(picture + micros(self.upper_nano(&priced)))
    }

    /// Where a response stands.
    pub(super) fn read(
        &self,
        response: &Value,
        model: Option<&Model>,
        key: &Credential,
    ) -> Result<Standing, ProviderError> {
        let cost = self.cost(response, model);
        let ended = |kind, next, detail: String| match cost {
            Some(cost) => ProviderError::charged(NAME, kind, cost, next, detail),
            None => ProviderError::refused(NAME, kind, next, detail),
        };
        let call = response
            .get("output")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|item| {
                item.get("type")
                    .is_some_and(|kind| kind == "image_generation_call")
            });
        match response.get("status").and_then(Value::as_str) {
            Some("completed") => self.completed(call, cost, model, key),
            Some("failed") => {
                let fault = Fault::of(response.get("error").unwrap_or(&Value::Null), key);
                let (kind, next) = ending(&fault);
                Err(ended(kind, next, format!("failed: {}", fault.words())))
            }
            Some("incomplete") => {
                let reason = response.pointer("/incomplete_details/reason");
                Err(match reason.and_then(Value::as_str) {
                    Some("content_filter") => {
                        let kind = ErrorKind::ContentPolicy;
                        ended(kind, Next::Stop, "incomplete: content_filter".to_owned())
                    }
                    _ => {
                        let (kind, next) = (ErrorKind::BadAnswer, Next::OtherProvider);
                        ended(kind, next, "incomplete".to_owned())
                    }
                })
            }
            Some("cancelled") => {
                let (kind, next) = (ErrorKind::Unavailable, Next::OtherProvider);
                Err(ended(kind, next, "cancelled by somebody".to_owned()))
            }
            // Queued, in progress, or a word of next year: the deadline ends the waiting.
            _ => Ok(Standing::Working),
        }
    }

    fn completed(
        &self,
        call: Option<&Value>,
        cost: Option<Micros>,
        model: Option<&Model>,
        key: &Credential,
    ) -> Result<Standing, ProviderError> {
        let call = call.unwrap_or(&Value::Null);
        let known = cost.or_else(|| self.estimate(call, model));
        let unusable = |kind, next, why: &str| match known {
            Some(cost) => ProviderError::charged(NAME, kind, cost, next, why),
            None => ProviderError::unclear(NAME, kind, why),
        };
        if let Some(error) = call.get("error").filter(|error| !error.is_null()) {
            let fault = Fault::of(error, key);
            let (kind, next) = ending(&fault);
            return Err(unusable(kind, next, fault.words()));
        }
        let result = call
            .get("result")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match answer::decode(result) {
            Found::Picture(picture) => Ok(Standing::Finished {
                picture,
                cost: known,
                is_estimate: cost.is_none(),
                rewritten: call.get("revised_prompt").is_some_and(Value::is_string),
            }),
            Found::Nothing(_) | Found::Url(_) => {
                let (kind, next) = (ErrorKind::BadAnswer, Next::OtherProvider);
                Err(unusable(kind, next, "completed without a picture"))
            }
        }
    }

    /// What a response that was cancelled cost.
    pub(super) fn cost_of_cancelled(&self, response: &Value, model: Option<&Model>) -> Micros {
        self.cost(response, model).unwrap_or(Micros::ZERO)
    }
}

/// Where a response stands.
pub(super) enum Standing {
    Working,
    Finished {
        picture: Picture,
        /// Reported, else estimated; none where the model has no row.
        cost: Option<Micros>,
        is_estimate: bool,
        rewritten: bool,
    },
}

/// What the end of a call by this fault means for the job: the call is over, so nothing is unclear.
fn ending(fault: &Fault) -> (ErrorKind, Next) {
    match fault.meaning(StatusCode::INTERNAL_SERVER_ERROR).0 {
        Meaning::Policy => (ErrorKind::ContentPolicy, Next::Stop),
        Meaning::Request => (ErrorKind::InvalidRequest, Next::Stop),
        Meaning::Rate => (ErrorKind::RateLimited, Next::SameAfter(ASK_AGAIN)),
        Meaning::NoMoney => (ErrorKind::QuotaExhausted, Next::OtherKey),
        Meaning::Key => (ErrorKind::Auth, Next::OtherKey),
        Meaning::Country => (ErrorKind::Auth, Next::OtherProvider),
        Meaning::Model => (ErrorKind::InvalidRequest, Next::OtherProvider),
        Meaning::Overloaded | Meaning::Unclear => (ErrorKind::Unavailable, Next::OtherProvider),
    }
}

/// The id of a response, where it can be put into an address as it is.
pub(super) fn id(response: &Value) -> Option<&str> {
    response
        .get("id")
        .and_then(Value::as_str)
        .filter(|id| is_id(id))
}

/// Whether this can be put into an address as it is.
pub(super) fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !id.is_empty() && id.len() <= ID_CHARS && id.chars().all(allowed)
}

/// Which picture model a response was for.
pub(super) fn model_of(response: &Value) -> Option<&str> {
    let tools = response.get("tools")?.as_array()?;
    tools.iter().find_map(|tool| tool.get("model")?.as_str())
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|tail| {
            let starts = tail.char_indices().map(|(at, _)| at);
            let mut starts = starts.chain([tail.len()]);
            starts.any(|at| matches(rest, tail.get(at..).unwrap_or_default()))
        }),
    }
}

fn data_url(image: &InputImage) -> String {
    let kind = crate::picture::media_type(&image.bytes).unwrap_or(image.content_type);
    format!("data:{kind};base64,{}", STANDARD.encode(&image.bytes))
}

/// The body of the submit. Its fields are sent in this order.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    instructions: &'a str,
    input: [Message<'a>; 1],
    tools: [Tool<'a>; 1],
    tool_choice: Choice,
    background: bool,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Content<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content<'a> {
    InputText { text: &'a str },
    InputImage { image_url: String },
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    model: &'a str,
    size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<&'static str>,
    output_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_image_mask: Option<Mask>,
}

#[derive(Serialize)]
struct Mask {
    image_url: String,
}

#[derive(Serialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Metadata {
    attempt: String,
}

/// An answer as JSON; null where it is none.
pub(super) fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_names() {
        for (pattern, name, fits) in [
            ("gpt-image-2", "gpt-image-2", true),
            ("gpt-image-2", "gpt-image-2.6-flare", false),
            ("gpt-image-2*", "gpt-image-2.6-flare", true),
            ("*flare", "gpt-image-2.6-flare", true),
            ("gpt-*-flare", "gpt-image-2.6-sunburst", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn only_an_id_that_cannot_leave_its_place_goes_into_an_address() {
        assert!(is_id("resp_68a1-f"));
        for id in ["", "../files", "a/b", "a?b", "é", &"x".repeat(129)] {
            assert!(!is_id(id), "{id}");
        }
    }
}
