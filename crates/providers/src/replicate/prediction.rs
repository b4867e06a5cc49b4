//! A prediction as Replicate shows it, and what its state means.
//!
//! Everything that may be missing may be missing, and a state that is not known is one at work: a new
//! word of theirs must not make us pay a second time.

use std::time::Duration;

use bytes::Bytes;
use domain::Micros;
use serde::Deserialize;
use serde_json::Value;

use super::{ASK_PAUSE, NAME};
use crate::error::{ErrorKind, Next, ProviderError};
use crate::models::{Charged, Model};
use crate::money;
use crate::provider::{Canceled, Finished};
use crate::rate::RateHints;
use crate::rows::Rows;

const MAX_ID_CHARS: usize = 64;
/// Words in the error of a failed prediction that mean a refusal for its content. Replicate has no
/// code for it; each model says it in its own way.
const POLICY_WORDS: [&str; 8] = [
    "nsfw",
    "flagged as sensitive",
    "content policy",
    "content moderation",
    "moderated",
    "safety filter",
    "safety system",
    "(e005)",
];
/// Faults of the service itself: the same may well succeed a moment later.
const PASSING_CODES: [&str; 6] = ["E1000", "E003", "E004", "E6716", "E8367", "E9243"];
/// The model says that the input can never be drawn.
const INPUT_CODES: [&str; 1] = ["E006"];
/// How long a service with a passing fault is left alone.
const FAULT_PAUSE: Duration = Duration::from_secs(2);

/// A prediction.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Prediction {
    pub(super) id: String,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) input: Value,
    #[serde(default)]
    pub(super) webhook: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) data_removed: bool,
    #[serde(default)]
    status: String,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    output: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    metrics: Option<Metrics>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Metrics {
    #[serde(default)]
    predict_time: Option<f64>,
}

impl Prediction {
    /// `None` where the bytes are no prediction or its id is none.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let prediction: Self = serde_json::from_slice(body).ok()?;
        is_id(&prediction.id).then_some(prediction)
    }

    /// Where the picture is; `None` while it is being made.
    ///
    /// # Errors
    /// It ended without a picture.
    pub(super) fn outcome(&self, rows: &Rows) -> Result<Option<String>, ProviderError> {
        match self.status.as_str() {
            "succeeded" | "successful" => self.address(rows).map(Some),
            "failed" => Err(self.failed(rows)),
            "canceled" | "cancelled" => Err(self.ended(self.cancel_cost(rows), "it was cancelled")),
            "aborted" => Err(self.ended(Micros::ZERO, "it was not started in time")),
            _ => Ok(None),
        }
    }

    fn address(&self, rows: &Rows) -> Result<String, ProviderError> {
        let first = match &self.output {
            Value::String(url) => Some(url),
            Value::Array(urls) => urls.iter().find_map(|url| match url {
                Value::String(url) => Some(url),
                _ => None,
            }),
            _ => None,
        };
        first.filter(|url| !url.is_empty()).cloned().ok_or_else(|| {
            let detail = match self.data_removed {
                true => "its output was removed before it was fetched",
                false => "it succeeded without a picture",
            };
            let (kind, next) = (ErrorKind::BadAnswer, Next::OtherProvider);
            ProviderError::charged(NAME, kind, self.cost(rows), next, detail)
        })
    }

    fn failed(&self, rows: &Rows) -> ProviderError {
        let text = match &self.error {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let lower = text.to_lowercase();
        let code = code_in(&text);
        let said = code.unwrap_or("no code");
        let is = |codes: &[&str]| code.is_some_and(|code| codes.contains(&code));
        let row = self.row(rows);
        let (kind, next, charged) = if POLICY_WORDS.iter().any(|word| lower.contains(word)) {
            let charged = row
                .as_ref()
                .map_or(Charged::Unknown, |row| row.refusal_charged);
            (ErrorKind::ContentPolicy, Next::Stop, charged)
        } else {
            let charged = row
                .as_ref()
                .and_then(|row| row.replicate.as_ref().map(|own| own.failed_charged))
                .unwrap_or_default();
            if is(&INPUT_CODES) {
                (ErrorKind::InvalidRequest, Next::Stop, charged)
            } else if is(&PASSING_CODES) {
                (
                    ErrorKind::Unavailable,
                    Next::SameAfter(FAULT_PAUSE),
                    charged,
                )
            } else {
                (ErrorKind::Unavailable, Next::OtherProvider, charged)
            }
        };
        let detail = format!("the prediction failed: {said}");
        match charged {
            Charged::No => ProviderError::refused(NAME, kind, next, detail),
            // Where nobody knows it counts as charged, so that budgets are never passed unseen.
            Charged::Yes | Charged::Unknown => {
                ProviderError::charged(NAME, kind, self.cost(rows), next, detail)
            }
        }
    }

    fn ended(&self, cost: Micros, detail: &str) -> ProviderError {
        let (kind, next) = (ErrorKind::Timeout, Next::SameAfter(ASK_PAUSE));
        match cost {
            Micros::ZERO => ProviderError::refused(NAME, kind, next, detail),
            cost => ProviderError::charged(NAME, kind, cost, next, detail),
        }
    }

    /// What a wish to stop came to; `None` while it still works.
    pub(super) fn canceled(&self, rows: &Rows) -> Option<Canceled> {
        match self.status.as_str() {
            "canceled" | "cancelled" => Some(Canceled::Stopped {
                cost: self.cancel_cost(rows),
            }),
            "aborted" => Some(Canceled::Stopped { cost: Micros::ZERO }),
            "succeeded" | "successful" | "failed" => Some(Canceled::TooLate),
            _ => None,
        }
    }

    /// One that had not started costs nothing; else the model's row says it.
    fn cancel_cost(&self, rows: &Rows) -> Micros {
        let row = self.row(rows);
        let own = row.as_ref().and_then(|row| row.replicate.as_ref());
        match own.map_or(Charged::Unknown, |own| own.cancel_charged) {
            _ if self.started_at.is_none() => Micros::ZERO,
            Charged::No => Micros::ZERO,
            Charged::Yes | Charged::Unknown => self.cost(rows),
        }
    }

    /// What it costs, by its time where the model is priced by time.
    pub(super) fn cost(&self, rows: &Rows) -> Micros {
        let seconds = self
            .metrics
            .as_ref()
            .and_then(|metrics| metrics.predict_time);
        self.row(rows)
            .map_or(Micros::ZERO, |row| money::of_seconds(&row.price, seconds))
    }

    /// The row of the model that made it. A version's row is named with its version, a deployment's
    /// with its own name, or it says which model it runs.
    fn row(&self, rows: &Rows) -> Option<Model> {
        let model = self.model.as_deref().unwrap_or_default();
        let version = self.version.as_deref().unwrap_or_default();
        [
            model.to_owned(),
            format!("{model}:{version}"),
            version.to_owned(),
            format!("deployments/{model}"),
        ]
        .iter()
        .find_map(|name| rows.find(name).map(|found| found.model))
        .or_else(|| {
            let runs = |row: &&Model| {
                let own = row.replicate.as_ref();
                own.is_some_and(|own| own.runs.as_deref() == Some(model))
            };
            rows.all().find(runs).cloned()
        })
    }

    /// The picture with what it cost.
    pub(super) fn finished(&self, rows: &Rows, bytes: Bytes) -> Result<Finished, ProviderError> {
        let cost = self.cost(rows);
        let Some(content_type) = crate::picture::media_type(&bytes) else {
            let (kind, next) = (ErrorKind::BadAnswer, Next::OtherProvider);
            let detail = "the file is no picture";
            return Err(ProviderError::charged(NAME, kind, cost, next, detail));
        };
        let mut notes = Vec::new();
        if self.row(rows).is_none() {
            notes.push("no price is known for this model; it was accounted as free".to_owned());
        }
        if self.output.as_array().is_some_and(|all| all.len() > 1) {
            notes.push("more than one picture came; the first was taken".to_owned());
        }
        Ok(Finished {
            bytes,
            content_type: content_type.to_owned(),
            provider_ref: Some(self.id.clone()),
            cost,
            tokens: None,
            rate: RateHints::default(),
            notes,
        })
    }
}

/// Whether a text is an id as Replicate makes them: it becomes part of a path.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(plain)
}

/// The first code such as `E1001` in a text.
fn code_in(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| {
            let digits = word.strip_prefix('E').unwrap_or_default();
            (3..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Spent;
    use serde_json::json;

    const OFFICIAL: &str = "black-forest-labs/flux-schnell";
    const VERSION: &str = "7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc";

    fn rows() -> Rows {
        Rows::built_in(NAME)
    }

    fn read(value: Value) -> Prediction {
        Prediction::read(value.to_string().as_bytes()).unwrap()
    }

    fn official(status: &str, more: Value) -> Prediction {
        let mut value =
            json!({"id": "abc", "model": OFFICIAL, "version": "hidden", "status": status});
        let fields = value.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        read(value)
    }

    #[test]
    fn every_form_of_an_output_is_an_address_or_a_paid_nothing() {
        let url = "https://replicate.delivery/x/out-0.png";
        for output in [json!(url), json!([url]), json!([null, url])] {
            let outcome = official("succeeded", json!({"output": output})).outcome(&rows());
            assert_eq!(outcome.unwrap().as_deref(), Some(url), "{output}");
        }
        for (output, removed) in [
            (Value::Null, false),
            (Value::Null, true),
            (json!([]), false),
            (json!(""), false),
            (json!({"url": 7}), false),
        ] {
            let more = json!({"output": output, "data_removed": removed});
            let error = official("succeeded", more).outcome(&rows()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadAnswer);
            assert_eq!(error.spent(), Spent::Known(Micros(3_000)));
            assert_eq!(error.next(), Next::OtherProvider);
        }
    }

    #[test]
    fn whatever_is_not_an_end_is_at_work() {
        for status in [
            "starting",
            "processing",
            "queued",
            "",
            "a word of next year",
        ] {
            assert!(
                official(status, json!({}))
                    .outcome(&rows())
                    .unwrap()
                    .is_none(),
                "{status}"
            );
            assert_eq!(
                official(status, json!({})).canceled(&rows()),
                None,
                "{status}"
            );
        }
    }

    #[test]
    fn aborted_is_free_and_cancelled_costs_once_it_had_started() {
        let started = json!({"started_at": "2026-11-22T10:00:00Z"});
        for (status, more, spent, cost) in [
            ("aborted", json!({}), Spent::None, Micros::ZERO),
            ("canceled", json!({}), Spent::None, Micros::ZERO),
            (
                "canceled",
                started,
                Spent::Known(Micros(3_000)),
                Micros(3_000),
            ),
        ] {
            let prediction = official(status, more);
            let error = prediction.outcome(&rows()).unwrap_err();
            assert_eq!(
                (error.kind(), error.spent()),
                (ErrorKind::Timeout, spent),
                "{status}"
            );
            assert!(matches!(error.next(), Next::SameAfter(_)));
            assert_eq!(
                prediction.canceled(&rows()),
                Some(Canceled::Stopped { cost })
            );
        }
        let done = official("succeeded", json!({})).canceled(&rows());
        assert_eq!(done, Some(Canceled::TooLate));
    }

    #[test]
    fn every_way_to_fail_is_classified() {
        use ErrorKind as Kind;
        let same = Next::SameAfter(FAULT_PAUSE);
        for (text, kind, next) in [
            (
                json!("NSFW content detected. Try running it again."),
                Kind::ContentPolicy,
                Next::Stop,
            ),
            (
                json!("The input or output was flagged as sensitive. (E005)"),
                Kind::ContentPolicy,
                Next::Stop,
            ),
            (
                json!("Request was Moderated"),
                Kind::ContentPolicy,
                Next::Stop,
            ),
            (
                json!("blocked by the Safety Filter"),
                Kind::ContentPolicy,
                Next::Stop,
            ),
            (
                json!("Prediction failed: E1000 unknown error"),
                Kind::Unavailable,
                same,
            ),
            (
                json!("E1001: out of memory"),
                Kind::Unavailable,
                Next::OtherProvider,
            ),
            (
                json!("Invalid input (E006)"),
                Kind::InvalidRequest,
                Next::Stop,
            ),
            (json!("Service is busy (E003)"), Kind::Unavailable, same),
            (
                json!("E9999 something new"),
                Kind::Unavailable,
                Next::OtherProvider,
            ),
            (json!("CUDA error"), Kind::Unavailable, Next::OtherProvider),
            (Value::Null, Kind::Unavailable, Next::OtherProvider),
            (json!({"detail": "nsfw"}), Kind::ContentPolicy, Next::Stop),
        ] {
            let error = official("failed", json!({"error": text}))
                .outcome(&rows())
                .unwrap_err();
            assert_eq!((error.kind(), error.next()), (kind, next), "{text}");
            assert!(!error.detail().contains("sensitive"), "{}", error.detail());
        }
    }

    #[test]
    fn a_model_that_is_priced_by_time_costs_its_time() {
        let price = |metrics: Value| {
            let sdxl = json!({"id": "a", "model": "stability-ai/sdxl", "version": VERSION,
                "status": "succeeded", "metrics": metrics});
            read(sdxl).cost(&rows())
        };
        let second = price(json!({"predict_time": 1.0}));
        assert!(second.0 > 0);
        assert_eq!(price(json!({"predict_time": 4.0})), Micros(second.0 * 4));
        assert!(
            price(json!({})).0 > second.0,
            "an unknown time costs the most"
        );
    }

    #[test]
    fn an_id_that_could_lead_elsewhere_is_none() {
        for id in ["", "a/b", "../x", "a?b", "a b", &"a".repeat(65)] {
            let body = json!({"id": id, "status": "starting"}).to_string();
            assert!(Prediction::read(body.as_bytes()).is_none(), "{id}");
        }
        assert!(Prediction::read(b"[]").is_none());
        assert!(Prediction::read(br#"{"id":"5k3v-a_1"}"#).is_some());
    }
}
