//! A try that has ended, and what it comes to.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::webhook_policy::{AttemptFault, next_try, retry_after};
use serde_json::{Map, Value};
use store::webhooks::due::Due;
use store::webhooks::tries::{Fate, Tried, TryAnswer};

use super::route::Route;
use super::sender::Answer;

/// What is not counted as used: the brand asked us to knock.
const UNMETERED: &str = "test";

/// A try that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What was to be delivered.
    pub(super) due: Due,
    /// Where to.
    pub(super) route: Arc<Route>,
    /// The address that was asked.
    pub(super) url: String,
    /// What was sent.
    pub(super) body: bytes::Bytes,
    /// When it began.
    pub(super) at: DateTime<Utc>,
    /// What came of it.
    pub(super) answer: Answer,
}

impl Ended {
    /// What becomes of the delivery. `chance` is a number from 0 to 1.
    pub(super) fn fate(&self, now: DateTime<Utc>, chance: f64) -> Fate {
        let Some(fault) = self.answer.fault else {
            return Fate::Delivered;
        };
        // Of a host that requests name, one address says that it wants no more; others go on.
        if fault == AttemptFault::Gone && self.route.recipient.is_request_host {
            return Fate::Exhausted;
        }
        let heeded = self
            .answer
            .status
            .filter(|s| AttemptFault::heeds_retry_after(*s));
        let asked = heeded
            .and(self.answer.retry_after.as_deref())
            .and_then(|text| retry_after(text, now));
        next_try(now, self.due.attempt + 1, chance, asked).map_or(Fate::Exhausted, Fate::Again)
    }

    /// The try as it is recorded.
    pub(super) fn tried(self, fate: Fate, log_id: String) -> Tried {
        let Self {
            due,
            route,
            url,
            body,
            at,
            answer,
        } = self;
        Tried {
            lease: due.lease,
            brand: route.recipient.brand.clone(),
            event: due.event,
            kind: due.kind,
            metered: due.trigger != UNMETERED,
            trigger: due.trigger,
            log_id,
            at,
            attempt: due.attempt + 1,
            fate,
            answer: logged(url, &body, answer),
        }
    }
}

fn logged(url: String, body: &[u8], answer: Answer) -> TryAnswer {
    let response = String::from_utf8_lossy(&answer.response);
    TryAnswer {
        url: without_zeros(&url),
        payload: as_jsonb(body),
        status_code: answer.status,
        error_class: answer.fault.map(AttemptFault::as_str),
        error: (!answer.reason.is_empty()).then(|| without_zeros(&answer.reason)),
        response: answer.status.map(|_| without_zeros(&response)),
        response_truncated: answer.response_truncated,
        response_headers: headers(answer.response_headers),
        remote_ip: answer.remote_ip,
        duration_ms: millis(answer.duration),
        dns_ms: answer.dns.map(millis),
        connect_ms: answer.connect.map(millis),
        first_byte_ms: answer.first_byte.map(millis),
    }
}

/// By name; what comes twice is joined, as RFC 9110 has it.
fn headers(headers: Vec<(String, String)>) -> Option<Value> {
    let mut named = Map::new();
    for (name, value) in headers {
        let value = without_zeros(&value);
        match named.get_mut(&name) {
            Some(Value::String(known)) => {
                known.push_str(", ");
                known.push_str(&value);
            }
            _ => {
                named.insert(name, Value::String(value));
            }
        }
    }
    (!named.is_empty()).then_some(Value::Object(named))
}

/// PostgreSQL's texts hold no zero.
fn without_zeros(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What was sent as `jsonb` can hold it. What is no JSON, or too deep, is logged as an empty object.
fn as_jsonb(body: &[u8]) -> String {
    serde_json::from_slice::<Value>(body)
        .map_or_else(|_| "{}".to_owned(), |value| value.to_string())
        .replace("\\u0000", "\\ufffd")
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_sent_or_answered_can_be_kept() {
        assert_eq!(as_jsonb(br#"{"a":"x\u0000y"}"#), r#"{"a":"x\ufffdy"}"#);
        assert_eq!(as_jsonb(br#"{"a":"\ud800"}"#), "{}");
        assert_eq!(as_jsonb(b"\xff"), "{}");
        assert_eq!(as_jsonb("[".repeat(5_000).as_bytes()), "{}");
        assert_eq!(without_zeros("a\0b"), "a\u{fffd}b");
        let twice = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let kept = headers(vec![twice("a", "1"), twice("b", "x\0"), twice("a", "2")]);
        assert_eq!(
            kept,
            Some(serde_json::json!({"a": "1, 2", "b": "x\u{fffd}"}))
        );
        assert_eq!(headers(Vec::new()), None);
    }
}
