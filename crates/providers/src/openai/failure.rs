//! What a refusal means: by its code, else its type, else its status, else its message.
//!
//! The table is the API's own list of errors and what other clients have recorded. A code that is not
//! in it is classified by the status and told to the log once. The message is never repeated: it may
//! hold a piece of the key or of the prompt.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use domain::Micros;
use http::StatusCode;
use serde_json::Value;

use crate::credential::Credential;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::models::Charged;
use crate::rate::{self, RateHints};
use crate::transport::Answer;

/// How long a limited call waits where the answer does not say.
const RATE_PAUSE: Duration = Duration::from_secs(1);
/// How long an overloaded provider is left alone where the answer does not say.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(5);
/// So many unknown codes are told to the log.
const MOST_FINGERPRINTS: usize = 256;
/// As much of a code is shown.
const CODE_CHARS: usize = 64;

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Too fast.
    Rate,
    /// No room.
    Overloaded,
    /// The account has no money.
    NoMoney,
    /// The key is not good for this.
    Key,
    /// The provider does not serve this country.
    Country,
    /// There is no such model, or not for this account.
    Model,
    /// The request is wrong.
    Request,
    /// The content is not wanted.
    Policy,
    /// Nobody knows whether it was done.
    Unclear,
}

use Meaning::{Country, Key, Model, NoMoney, Overloaded, Policy, Rate, Request, Unclear};

const CODES: &[(&str, Meaning)] = &[
    ("moderation_blocked", Policy),
    ("content_policy_violation", Policy),
    ("image_content_policy_violation", Policy),
    ("content_filter", Policy),
    ("contentFilter", Policy),
    ("ResponsibleAIPolicyViolation", Policy),
    ("bio_policy", Policy),
    ("misalignment_policy_violation", Policy),
    ("rate_limit_exceeded", Rate),
    ("slow_down", Rate),
    ("insufficient_quota", NoMoney),
    ("credit_balance_exhausted", NoMoney),
    ("project_spend_limit_exceeded", NoMoney),
    ("organization_spend_limit_exceeded", NoMoney),
    ("organization_usage_limit_exceeded", NoMoney),
    ("billing_hard_limit_reached", NoMoney),
    ("billing_not_active", NoMoney),
    ("server_is_overloaded", Overloaded),
    ("invalid_api_key", Key),
    ("account_deactivated", Key),
    ("unsupported_country_region_territory", Country),
    ("model_not_found", Model),
    ("DeploymentNotFound", Model),
    ("invalid_image_file", Request),
    ("invalid_image", Request),
    ("invalid_image_format", Request),
    ("invalid_base64_image", Request),
    ("invalid_image_url", Request),
    ("invalid_image_mode", Request),
    ("image_too_large", Request),
    ("image_too_small", Request),
    ("image_parse_error", Request),
    ("image_file_too_large", Request),
    ("unsupported_image_media_type", Request),
    ("empty_image_file", Request),
    ("invalid_input_fidelity_model", Request),
    ("invalid_size", Request),
    ("invalid_prompt", Request),
    ("invalid_value", Request),
    ("unknown_parameter", Request),
    ("unsupported_parameter", Request),
    ("missing_required_parameter", Request),
    ("server_error", Unclear),
];

/// `invalid_request_error` is not here: it comes with every status.
const TYPES: &[(&str, Meaning)] = &[
    ("requests", Rate),
    ("tokens", Rate),
    ("images", Rate),
    ("rate_limit_error", Rate),
    ("insufficient_quota", NoMoney),
    ("authentication_error", Key),
    ("permission_error", Key),
    ("image_generation_user_error", Request),
    ("service_unavailable_error", Overloaded),
    ("server_error", Unclear),
];

/// Where neither code nor type is known: what the message says, in lower case.
const MESSAGES: &[(u16, &str, Meaning)] = &[
    (400, "safety system", Policy),
    (400, "content policy", Policy),
    (400, "content management policy", Policy),
    (400, "safety_violations", Policy),
    (400, "billing", NoMoney),
    (403, "content policy", Policy),
    (429, "quota", NoMoney),
    (429, "billing", NoMoney),
    (429, "credit balance", NoMoney),
    (429, "spend limit", NoMoney),
    (503, "overloaded", Overloaded),
];

/// The error object of an answer, as far as it has one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    code: Option<String>,
    kind: Option<String>,
    message: String,
    stage: Option<String>,
    words: String,
}

impl Fault {
    /// Of the body of an answer to a call with this key.
    pub(crate) fn of_body(body: &[u8], key: &Credential) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Self::of(body.get("error").unwrap_or(&Value::Null), key)
    }

    /// Of an error object.
    pub(crate) fn of(error: &Value, key: &Credential) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let at = |path: &str| error.pointer(path).and_then(text);
        let code = at("/code").or_else(|| at("/innererror/code"));
        let kind = at("/type");
        Self {
            words: format!(
                "code {}, type {}",
                printable(code.as_deref(), key),
                printable(kind.as_deref(), key)
            ),
            code,
            kind,
            message: at("/message").or_else(|| text(error)).unwrap_or_default(),
            stage: at("/moderation_details/moderation_stage"),
        }
    }

    /// What it means, and whether its code or type was known.
    pub(crate) fn meaning(&self, status: StatusCode) -> (Meaning, bool) {
        let find = |table: &[(&str, Meaning)], word: &Option<String>| {
            let word = word.as_deref()?;
            let mut rows = table.iter();
            rows.find(|(known, _)| *known == word).map(|(_, m)| *m)
        };
        let known = find(CODES, &self.code).or_else(|| find(TYPES, &self.kind));
        if let Some(known) = known {
            return (known, true);
        }
        let message = self.message.to_lowercase();
        let said = MESSAGES
            .iter()
            .find(|(of, part, _)| *of == status.as_u16() && message.contains(part));
        (
            said.map_or_else(|| by_status(status), |(_, _, m)| *m),
            false,
        )
    }

    /// The code and type in a form that can be printed; never the message, and nothing of the key.
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// Whether the picture was made before it was blocked, as far as it says.
    fn blocked_after_drawing(&self) -> bool {
        matches!(self.stage.as_deref(), Some("output" | "unknown"))
    }

    /// A pause that only the message names: `… try again in 12.5s.`
    fn pause_in_message(&self) -> Option<Duration> {
        let (_, rest) = self.message.split_once("try again in ")?;
        let word = rest.split_whitespace().next()?;
        rate::span(word.trim_end_matches(['.', ',']))
    }
}

/// A word as it can be shown.
fn printable<'a>(word: Option<&'a str>, key: &Credential) -> &'a str {
    let word = word.unwrap_or("-");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_code = word.chars().all(allowed) && word.len() <= CODE_CHARS;
    match is_code && !key.is_in(word) {
        true => word,
        false => "unprintable",
    }
}

fn by_status(status: StatusCode) -> Meaning {
    match status.as_u16() {
        401 | 403 => Key,
        402 => NoMoney,
        404 => Model,
        408 | 409 => Unclear,
        429 => Rate,
        // After 303 something was done, and its result lies elsewhere; other redirects ask to repeat.
        303 => Unclear,
        300..=499 => Request,
        _ => Unclear,
    }
}

/// What the account pays where a picture is made and then blocked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfBlocked {
    pub(crate) charged: Charged,
    /// The list price.
    pub(crate) price: Micros,
}

impl IfBlocked {
    /// A call that never costs anything.
    pub(crate) const FREE: Self = Self {
        charged: Charged::No,
        price: Micros::ZERO,
    };
}

/// Turns refusals into errors, and tells the log about what it does not know.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    seen: Mutex<BTreeSet<String>>,
}

impl Failures {
    /// The error of an answer to a call that may cost money.
    pub(crate) fn of_submit(
        &self,
        provider: &'static str,
        answer: &Answer,
        key: &Credential,
        if_blocked: IfBlocked,
    ) -> ProviderError {
        let fault = Fault::of_body(&answer.body, key);
        let hints = RateHints::from_headers(&answer.headers);
        let meaning = self.meaning(provider, answer.status, &fault);
        error(provider, answer.status, meaning, &fault, hints, if_blocked)
    }

    /// The meaning of a refusal; an unknown one is told to the log once.
    pub(crate) fn meaning(
        &self,
        provider: &'static str,
        status: StatusCode,
        fault: &Fault,
    ) -> Meaning {
        let (meaning, known) = fault.meaning(status);
        if !known && self.is_new(format!("{provider} {status} {}", fault.words())) {
            let (status, words) = (status.as_u16(), fault.words());
            tracing::warn!(
                provider,
                status,
                fault = words,
                ?meaning,
                "a refusal of an unknown kind"
            );
        }
        meaning
    }

    fn is_new(&self, fingerprint: String) -> bool {
        // Nothing panics while the lock is held, so it cannot be poisoned.
        self.seen
            .lock()
            .is_ok_and(|mut seen| seen.len() < MOST_FINGERPRINTS && seen.insert(fingerprint))
    }
}

fn error(
    provider: &'static str,
    status: StatusCode,
    meaning: Meaning,
    fault: &Fault,
    hints: RateHints,
    if_blocked: IfBlocked,
) -> ProviderError {
    let detail = format!("status {}, {}", status.as_u16(), fault.words());
    let pause = hints.retry_after.or_else(|| fault.pause_in_message());
    let refused = |kind, next| ProviderError::refused(provider, kind, next, &detail);
    let error = match meaning {
        Rate => {
            let next = Next::SameAfter(pause.unwrap_or(RATE_PAUSE));
            refused(ErrorKind::RateLimited, next)
        }
        Overloaded => {
            let next = Next::SameAfter(pause.unwrap_or(OVERLOAD_PAUSE));
            refused(ErrorKind::Unavailable, next)
        }
        NoMoney => refused(ErrorKind::QuotaExhausted, Next::OtherKey),
        Key => refused(ErrorKind::Auth, Next::OtherKey),
        Country => refused(ErrorKind::Auth, Next::OtherProvider),
        Model => refused(ErrorKind::InvalidRequest, Next::OtherProvider),
        Request => refused(ErrorKind::InvalidRequest, Next::Stop),
        Policy if fault.blocked_after_drawing() && if_blocked.charged != Charged::No => {
            // No picture will ever come, so the outcome is known; only the price is not. It is
            // booked in full, because a budget that is too tight does less harm than one that leaks.
            let (kind, price) = (ErrorKind::ContentPolicy, if_blocked.price);
            ProviderError::charged(provider, kind, price, Next::Stop, &detail)
        }
        Policy => refused(ErrorKind::ContentPolicy, Next::Stop),
        Unclear => {
            let kind = match status.as_u16() {
                408 | 504 => ErrorKind::Timeout,
                _ => ErrorKind::Unavailable,
            };
            ProviderError::unclear(provider, kind, &detail)
        }
    };
    error.with_rate(RateHints {
        retry_after: pause,
        ..hints
    })
}

#[cfg(test)]
mod tests;
