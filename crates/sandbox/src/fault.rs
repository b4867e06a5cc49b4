//! What goes wrong, for whom and how often.

mod fired;
mod mode;
mod plan;

pub(crate) use fired::Fired;
pub(crate) use mode::Kind;
pub use mode::{Mode, ModeInfo};
pub(crate) use plan::Probe;
pub use plan::{FaultPlan, FaultStatus};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::SandboxError;
use crate::provider::Provider;

/// What a refusal says about when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryAfter {
    /// `retry-after` in whole seconds, rounded up, so that coming back then succeeds.
    #[default]
    Honest,
    /// `retry-after-ms` with the exact time, and `retry-after` beside it, as OpenAI sends both.
    Ms,
    /// Nothing, neither in a header nor in the message.
    None,
}

/// One thing that goes wrong. As JSON: `{"mode":"reset_after_accept","provider":"openai","times":1}`.
///
/// Without a filter it meets every request that its mode can apply to, for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub mode: Mode,
    /// Whose requests; `None` for all three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Requests for this model alone, by the name that the client writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Requests to this endpoint alone, or to those below it: `images/edits`, `edit`,
    /// `predictions/get`. Without it, requests that ask for a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// How many requests it meets; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many requests pass before it begins.
    #[serde(default)]
    pub skip: u32,
    /// The chance that it meets a request, over 0 to 1.
    #[serde(default = "one")]
    pub probability: f64,
    /// Where the chance starts; the same seed meets the same requests.
    #[serde(default)]
    pub seed: u64,
    /// Milliseconds: of what, the mode says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The HTTP status, for modes that answer with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's error code, or the text of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `rate_limit`: requests that pass in one window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// `rate_limit`: the length of a window in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
    /// `rate_limit`, `503`: what the refusal says about coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// Bytes: of what, the mode says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// `moderated_out`, `failed`: whether the service charges all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed: Option<bool>,
    /// `webhook_duplicate`: how often each message is sent in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
}

fn one() -> f64 {
    1.0
}

impl Fault {
    /// A fault that meets every request that `mode` can apply to, for ever.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            provider: None,
            model: None,
            endpoint: None,
            times: None,
            skip: 0,
            probability: 1.0,
            seed: 0,
            ms: None,
            status: None,
            code: None,
            requests: None,
            window_ms: None,
            retry_after: None,
            bytes: None,
            billed: None,
            copies: None,
        }
    }

    /// Requests to this provider alone.
    #[must_use]
    pub fn of(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Requests for this model alone.
    #[must_use]
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Requests to this endpoint alone.
    #[must_use]
    pub fn on(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// The first `times` requests alone.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets `skip` requests pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Sets the mode's milliseconds.
    #[must_use]
    pub fn ms(mut self, ms: u64) -> Self {
        self.ms = Some(ms);
        self
    }

    /// Sets the error code or the failure's text.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// `rate_limit`: `requests` pass in each window of `window_ms`.
    #[must_use]
    pub fn rate_limit(requests: u32, window_ms: u64, retry_after: RetryAfter) -> Self {
        Self {
            requests: Some(requests),
            window_ms: Some(window_ms),
            retry_after: Some(retry_after),
            ..Self::new(Mode::RateLimit)
        }
    }

    /// Reads one fault from JSON, and says precisely what is wrong with it.
    ///
    /// # Errors
    /// [`SandboxError::Fault`].
    pub fn from_json(value: Value) -> Result<Self, SandboxError> {
        let fault: Self = serde_json::from_value(value)
            .map_err(|error| SandboxError::Fault(format!("this is no fault: {error}")))?;
        fault.check()?;
        Ok(fault)
    }

    /// Reads a list of faults: one fault, an array of them, or `{"faults": […]}`.
    ///
    /// # Errors
    /// [`SandboxError::Fault`], with the number of the one that is wrong.
    pub fn list_from_json(value: Value) -> Result<Vec<Self>, SandboxError> {
        let list = match value {
            Value::Array(list) => list,
            Value::Object(mut fields) if fields.contains_key("faults") => {
                let list = fields.remove("faults");
                if !fields.is_empty() {
                    let text = "a list of faults has the field `faults` and no other";
                    return Err(SandboxError::Fault(text.to_owned()));
                }
                let Some(Value::Array(list)) = list else {
                    return Err(SandboxError::Fault("`faults` must be an array".to_owned()));
                };
                list
            }
            one => return Self::from_json(one).map(|fault| vec![fault]),
        };
        let numbered = list.into_iter().enumerate();
        numbered
            .map(|(index, value)| {
                Self::from_json(value)
                    .map_err(|error| SandboxError::Fault(format!("fault {}: {error}", index + 1)))
            })
            .collect()
    }

    /// Whether the parameters fit the mode.
    ///
    /// # Errors
    /// [`SandboxError::Fault`].
    pub fn check(&self) -> Result<(), SandboxError> {
        let refuse = |text: String| Err(SandboxError::Fault(text));
        let info = self.mode.info();
        if !(0.0..=1.0).contains(&self.probability) {
            return refuse(format!(
                "probability is {}, and must be 0 to 1",
                self.probability
            ));
        }
        let given = [
            ("ms", self.ms.is_some()),
            ("status", self.status.is_some()),
            ("code", self.code.is_some()),
            ("requests", self.requests.is_some()),
            ("window_ms", self.window_ms.is_some()),
            ("retry_after", self.retry_after.is_some()),
            ("bytes", self.bytes.is_some()),
            ("billed", self.billed.is_some()),
            ("copies", self.copies.is_some()),
        ];
        for (name, is_given) in given {
            if is_given && !info.params.contains(&name) {
                let takes = match info.params {
                    [] => "no parameters".to_owned(),
                    params => params.join(", "),
                };
                return refuse(format!("mode {} takes {takes}, not {name}", info.name));
            }
        }
        if let Some(provider) = self.provider
            && !info.providers.contains(&provider)
        {
            return refuse(format!(
                "mode {} does not exist for {}",
                info.name,
                provider.name()
            ));
        }
        if let Some(status) = self.status
            && !(500..=599).contains(&status)
        {
            return refuse(format!("status is {status}, and must be 500 to 599"));
        }
        if self.mode == Mode::RateLimit && (self.requests.is_none() || self.window_ms.is_none()) {
            return refuse("mode rate_limit needs requests and window_ms".to_owned());
        }
        Ok(())
    }
}
