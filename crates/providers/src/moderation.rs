//! OpenAI's moderation: whether a text and a picture may be sent on.
//!
//! One question takes one picture at most: more are refused (`too_many_images`). It costs nothing, so that an answer that is lost leaves nothing open. Whether to go on without an
//! answer is the caller's decision.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::config::{ConfigError, OpenAiConfig};
use crate::credential::CallContext;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::openai::endpoint::{Auth, Endpoint};
use crate::openai::failure::IfBlocked;
use crate::picture::media_type;
use crate::request::InputImage;
use crate::transport::{self, Call};

const NAME: &str = "openai";
const PATH: &str = "/moderations";
const MODEL: &str = "omni-moderation-latest";
/// How long a call without an answer is left alone.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// The moderation API. See the [module](self).
pub struct Moderation {
    endpoint: Endpoint,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModerationVerdict {
    /// Whether it objects.
    pub flagged: bool,
    /// To what, in its own words (`violence`, `self-harm/intent`, …), in alphabetical order. New words
    /// may come at any time.
    pub categories: Vec<String>,
}

impl Moderation {
    /// Builds the client; connects nowhere.
    ///
    /// # Errors
    /// [`ConfigError::HttpClient`] where TLS cannot be set up.
    pub fn new(config: &OpenAiConfig) -> Result<Self, ConfigError> {
        let base = config.openai_base_url.clone();
        Ok(Self {
            endpoint: Endpoint::new(NAME, base, Auth::Bearer)?,
        })
    }

    /// The provider whose keys it takes.
    pub const PROVIDER: &str = NAME;

    /// Asks about a text and a picture; an empty text is left out. May be cancelled and repeated.
    ///
    /// # Errors
    /// Classified as every other call; none of them leaves anything open, as nothing is charged.
    pub async fn check(
        &self,
        text: &str,
        image: Option<&InputImage>,
        call: CallContext<'_>,
    ) -> Result<ModerationVerdict, ProviderError> {
        let mut headers = HeaderMap::new();
        let json = [("content-type", "application/json".to_owned())];
        transport::add_headers(&mut headers, &json);
        headers.extend(self.endpoint.key_header(call.credential)?);
        let asking = Call {
            method: Method::POST,
            path: PATH,
            headers,
            body: Bytes::from(body(text, image).to_string()),
        };
        let answer = self.endpoint.transport.send(asking, call.deadline).await;
        let answer = answer.map_err(|broken| {
            let kind = broken.at_poll(NAME).kind();
            unanswered(kind, "the moderation gave no answer")
        })?;
        if !answer.status.is_success() {
            let free = IfBlocked::FREE;
            let error = self
                .endpoint
                .failures
                .of_submit(NAME, &answer, call.credential, free);
            return Err(match error.next() {
                Next::Reconcile => unanswered(error.kind(), error.detail()),
                _ => error,
            });
        }
        verdict(&answer.body).ok_or_else(|| {
            unanswered(
                ErrorKind::BadAnswer,
                "the moderation's answer cannot be read",
            )
        })
    }
}

fn unanswered(kind: ErrorKind, detail: &str) -> ProviderError {
    ProviderError::refused(NAME, kind, Next::SameAfter(PAUSE), detail)
}

fn body(text: &str, image: Option<&InputImage>) -> Value {
    let mut input = Vec::new();
    if !text.is_empty() || image.is_none() {
        input.push(json!({"type": "text", "text": text}));
    }
    if let Some(image) = image {
        let kind = media_type(&image.bytes).unwrap_or(image.content_type);
        let data = STANDARD.encode(&image.bytes);
        let url = format!("data:{kind};base64,{data}");
        input.push(json!({"type": "image_url", "image_url": {"url": url}}));
    }
    json!({"model": MODEL, "input": input})
}

/// `None` where there is no verdict in it: nothing is taken for a "no objection" but those words.
fn verdict(body: &[u8]) -> Option<ModerationVerdict> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let results = body.get("results")?.as_array()?;
    let mut flagged = None;
    let mut categories = std::collections::BTreeSet::new();
    for result in results {
        let own = result.get("flagged")?.as_bool()?;
        flagged = Some(flagged.unwrap_or(false) || own);
        let named = result.get("categories").and_then(Value::as_object);
        for (category, is_so) in named.into_iter().flatten() {
            if is_so.as_bool() == Some(true) {
                categories.insert(category.clone());
            }
        }
    }
    Some(ModerationVerdict {
        flagged: flagged?,
        categories: categories.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_is_taken_for_one() {
        let read = |text: &str| verdict(text.as_bytes());
        let good = read(
            r#"{"results":[{"flagged":true,"categories":{"violence":true,"a/new":true,"x":false}}]}"#,
        );
        let expected = ModerationVerdict {
            flagged: true,
            categories: vec!["a/new".into(), "violence".into()],
        };
        assert_eq!(good, Some(expected));
        assert!(!read(r#"{"results":[{"flagged":false}]}"#).unwrap().flagged);
        for none in [
            "",
            "{}",
            r#"{"results":[]}"#,
            r#"{"results":[{"flagged":"no"}]}"#,
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
