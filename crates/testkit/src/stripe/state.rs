//! Idempotency keys, faults, and the log of requests.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::objects::{Objects, Parameters, Refused};
use super::{StripeFault, StripeRequest};

/// How long a key is remembered: Stripe promises at least this.
const KEYS_LAST: TimeDelta = TimeDelta::hours(24);

/// Everything a fake Stripe knows.
#[derive(Default)]
pub(super) struct State {
    pub(super) objects: Objects,
    pub(super) seen: Vec<StripeRequest>,
    faults: Vec<StripeFault>,
    keys: HashMap<String, Kept>,
}

/// The first request under a key.
struct Kept {
    fingerprint: String,
    at: DateTime<Utc>,
    answer: Answer,
    /// Until then it is under way, whether or not whoever asked still listens.
    answered_at: Instant,
}

/// An answer, with how late it comes.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) replayed: bool,
    pub(super) delay: Duration,
}

impl Answer {
    fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            replayed: false,
            delay: Duration::ZERO,
        }
    }

    fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let error = json!({"type": kind, "code": code, "message": message});
        Self::new(status, json!({ "error": error }))
    }

    fn broken() -> Self {
        Self::error(500, "api_error", "internal", "An unknown error occurred")
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        Self::new(refused.status, json!({"error": refused.error}))
    }
}

impl State {
    pub(super) fn arm(&mut self, fault: StripeFault, times: usize) {
        self.faults.extend(std::iter::repeat_n(fault, times));
    }

    pub(super) fn disarm(&mut self) {
        self.faults.clear();
    }

    /// A reading request.
    pub(super) fn read(&self, path: &str, given: &Parameters) -> Answer {
        match self.objects.read(path, given) {
            Ok(found) => Answer::new(200, found),
            Err(refused) => refused.into(),
        }
    }

    /// A writing request, to its answer. One that comes late is under way until then.
    pub(super) fn write(
        &mut self,
        path: &str,
        given: &Parameters,
        key: Option<&str>,
        now: DateTime<Utc>,
    ) -> Answer {
        self.keys.retain(|_, kept| now - kept.at < KEYS_LAST);
        let fingerprint = format!("{path} {}", Value::Object(given.clone()));
        if let Some(known) = key.and_then(|key| self.keys.get(key)) {
            return known.again(&fingerprint);
        }
        let fault = (!self.faults.is_empty()).then(|| self.faults.remove(0));
        let (answer, is_kept) = self.carry_out(fault, path, given, now);
        if let Some(key) = key.filter(|_| is_kept) {
            let kept = Kept {
                fingerprint,
                at: now,
                answer: answer.clone(),
                answered_at: Instant::now() + answer.delay,
            };
            self.keys.insert(key.to_owned(), kept);
        }
        answer
    }

    /// The answer, and whether it is kept under the request's key.
    fn carry_out(
        &mut self,
        fault: Option<StripeFault>,
        path: &str,
        given: &Parameters,
        now: DateTime<Utc>,
    ) -> (Answer, bool) {
        match fault {
            Some(StripeFault::KeyInUse) => return (in_use(), false),
            Some(StripeFault::TooMany) => {
                let many = Answer::error(
                    429,
                    "invalid_request_error",
                    "rate_limit",
                    "Too many requests",
                );
                return (many, false);
            }
            Some(StripeFault::FailBefore) => return (Answer::broken(), true),
            _ => {}
        }
        let made = match self.objects.write(path, given, now) {
            Ok(made) => made,
            Err(refused) => return (refused.into(), false),
        };
        match fault {
            Some(StripeFault::FailAfterCommit) => (Answer::broken(), true),
            Some(StripeFault::Slow(delay)) => {
                let answer = Answer::new(200, made);
                (Answer { delay, ..answer }, true)
            }
            _ => (Answer::new(200, made), true),
        }
    }
}

impl Kept {
    fn again(&self, fingerprint: &str) -> Answer {
        if self.fingerprint != fingerprint {
            let message = "Keys for idempotent requests can only be used with the same parameters \
                           they were first used with.";
            return Answer::error(
                400,
                "idempotency_error",
                "idempotency_key_mismatch",
                message,
            );
        }
        if Instant::now() < self.answered_at {
            return in_use();
        }
        Answer {
            replayed: true,
            delay: Duration::ZERO,
            ..self.answer.clone()
        }
    }
}

fn in_use() -> Answer {
    let message = "There is currently another in-progress request using this idempotency key.";
    Answer::error(409, "idempotency_error", "idempotency_key_in_use", message)
}
