//! Replicate's refusals: problem documents, and what they mean for an order and for a question.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{ASK_PAUSE, NAME};
use crate::error::{ErrorKind, Next, ProviderError};
use crate::rate::{RateHints, RateWindow};

/// How long to wait where a 429 does not say it. Its limits are counted by the minute; an account
/// without money waits ten seconds for the next of six.
const RATE_PAUSE: Duration = Duration::from_secs(10);
/// Longer waits than this are not believed.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// A key or an id that is refused while a prediction runs may be mended by a person.
const MEND_PAUSE: Duration = Duration::from_secs(30);

#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    detail: String,
    #[serde(default)]
    retry_after: Option<f64>,
}

/// A creation that was not answered with a prediction.
pub(super) fn of_order(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let explained = problem
        .as_ref()
        .is_some_and(|problem| !problem.detail.is_empty());
    let detail = format!("status {}", status.as_u16());
    let refused = |kind, next| ProviderError::refused(NAME, kind, next, &detail);
    match status.as_u16() {
        401 | 403 => refused(ErrorKind::Auth, Next::OtherKey),
        402 => refused(ErrorKind::QuotaExhausted, Next::OtherProvider),
        // The path names the model: it is gone, and another provider may have what was wanted.
        404 | 410 => refused(ErrorKind::InvalidRequest, Next::OtherProvider),
        429 => {
            let said = said(headers, &problem.unwrap_or_default());
            let next = Next::SameAfter(said.unwrap_or(RATE_PAUSE));
            // What nobody said is found out by whoever keeps the key's limits.
            refused(ErrorKind::RateLimited, next).with_rate(rate(headers, said))
        }
        // Its own words for having no room. The same status from a machine in between is no proof.
        503 if explained => refused(ErrorKind::Unavailable, Next::SameAfter(ASK_PAUSE)),
        408 | 499 => ProviderError::unclear(NAME, ErrorKind::Unavailable, detail),
        400..=499 => refused(ErrorKind::InvalidRequest, Next::Stop),
        300..=399 => refused(ErrorKind::BadAnswer, Next::OtherProvider),
        500.. => ProviderError::unclear(NAME, ErrorKind::Unavailable, detail),
        _ => ProviderError::unclear(NAME, ErrorKind::BadAnswer, detail),
    }
}

/// A question about a prediction that was not answered. Whatever the status: the prediction goes on,
/// so it is asked again and never created again.
pub(super) fn of_question(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let (kind, after) = match status.as_u16() {
        401 | 403 => (ErrorKind::Auth, MEND_PAUSE),
        402 => (ErrorKind::QuotaExhausted, MEND_PAUSE),
        429 => {
            let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
            (
                ErrorKind::RateLimited,
                said(headers, &problem).unwrap_or(RATE_PAUSE),
            )
        }
        400..=499 => (ErrorKind::BadAnswer, MEND_PAUSE),
        500.. => (ErrorKind::Unavailable, ASK_PAUSE),
        _ => (ErrorKind::BadAnswer, ASK_PAUSE),
    };
    let detail = format!("asking was answered with status {}", status.as_u16());
    let retry_after = (kind == ErrorKind::RateLimited).then_some(after);
    ProviderError::poll_failed(NAME, kind, after, detail).with_rate(rate(headers, retry_after))
}

/// From the header, the field or the sentence, in this order.
fn said(headers: &HeaderMap, problem: &Problem) -> Option<Duration> {
    let seconds = number(headers, "retry-after")
        .or(problem.retry_after)
        .or_else(|| resets_in_seconds(&problem.detail))?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(MAX_WAIT))
}

/// The number in "… Your rate limit resets in ~30s."
fn resets_in_seconds(detail: &str) -> Option<f64> {
    let (_, after) = detail.split_once("resets in ")?;
    let after = after.trim_start_matches('~');
    let end = after
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(after.len());
    after.get(..end)?.trim_end_matches('.').parse().ok()
}

/// What `ratelimit-limit`, `-remaining` and `-reset` say.
pub(super) fn rate(headers: &HeaderMap, retry_after: Option<Duration>) -> RateHints {
    let whole = |name| {
        number(headers, name)
            .filter(|n| *n >= 0.0)
            .map(|n| n as u64)
    };
    let window = RateWindow {
        dimension: "requests",
        limit: whole("ratelimit-limit"),
        remaining: whole("ratelimit-remaining"),
        reset_after: whole("ratelimit-reset").map(Duration::from_secs),
    };
    let empty = window.limit.or(window.remaining).is_none() && window.reset_after.is_none();
    RateHints {
        retry_after,
        windows: if empty { Vec::new() } else { vec![window] },
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Sent, Spent};

    const THROTTLED: &str =
        r#"{"detail":"Request was throttled. Your rate limit resets in ~30s.","status":429}"#;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn every_refusal_of_an_order_is_classified() {
        use ErrorKind as Kind;
        let (none, maybe) = (Spent::None, Spent::Maybe);
        let after = |seconds| Next::SameAfter(Duration::from_secs(seconds));
        for (status, body, kind, spent, next) in [
            (400, "", Kind::InvalidRequest, none, Next::Stop),
            (
                401,
                r#"{"title":"Unauthenticated"}"#,
                Kind::Auth,
                none,
                Next::OtherKey,
            ),
            (
                402,
                r#"{"title":"Insufficient credit"}"#,
                Kind::QuotaExhausted,
                none,
                Next::OtherProvider,
            ),
            (403, "", Kind::Auth, none, Next::OtherKey),
            (
                404,
                r#"{"detail":"Not found."}"#,
                Kind::InvalidRequest,
                none,
                Next::OtherProvider,
            ),
            (413, "", Kind::InvalidRequest, none, Next::Stop),
            (
                422,
                r#"{"title":"Input validation failed"}"#,
                Kind::InvalidRequest,
                none,
                Next::Stop,
            ),
            (429, THROTTLED, Kind::RateLimited, none, after(30)),
            (
                429,
                r#"{"detail":"Slow down.","retry_after":7}"#,
                Kind::RateLimited,
                none,
                after(7),
            ),
            (
                429,
                r#"{"detail":"Slow down."}"#,
                Kind::RateLimited,
                none,
                after(10),
            ),
            (429, "<html>", Kind::RateLimited, none, after(10)),
            (451, "", Kind::InvalidRequest, none, Next::Stop),
            (500, "", Kind::Unavailable, maybe, Next::Reconcile),
            (502, "", Kind::Unavailable, maybe, Next::Reconcile),
            (
                503,
                r#"{"detail":"Service is temporarily unavailable."}"#,
                Kind::Unavailable,
                none,
                after(2),
            ),
            (503, "<html>", Kind::Unavailable, maybe, Next::Reconcile),
            (504, "", Kind::Unavailable, maybe, Next::Reconcile),
            (408, "", Kind::Unavailable, maybe, Next::Reconcile),
            (307, "", Kind::BadAnswer, none, Next::OtherProvider),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            let error = of_order(code, &HeaderMap::new(), body.as_bytes());
            let got = (error.kind(), error.spent(), error.next(), error.sent());
            assert_eq!(got, (kind, spent, next, Sent::Yes), "{status} {body}");
        }
    }

    #[test]
    fn no_answer_to_a_question_ever_closes_the_attempt() {
        for status in (100..600).filter_map(|code| StatusCode::from_u16(code).ok()) {
            let error = of_question(status, &HeaderMap::new(), b"");
            assert!(
                matches!(error.next(), Next::PollAfter(_)),
                "{status}: {error:?}"
            );
        }
        let throttled = StatusCode::TOO_MANY_REQUESTS;
        let error = of_question(throttled, &HeaderMap::new(), THROTTLED.as_bytes());
        assert_eq!(error.next(), Next::PollAfter(Duration::from_secs(30)));
        assert_eq!(error.rate().retry_after, Some(Duration::from_secs(30)));
    }

    #[test]
    fn the_headers_tell_what_is_left() {
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit-remaining", "599".parse().unwrap());
        headers.insert("ratelimit-reset", "1".parse().unwrap());
        headers.insert("retry-after", "4".parse().unwrap());
        let error = of_order(
            StatusCode::TOO_MANY_REQUESTS,
            &headers,
            THROTTLED.as_bytes(),
        );
        assert_eq!(error.next(), Next::SameAfter(Duration::from_secs(4)));
        let window = RateWindow {
            dimension: "requests",
            limit: None,
            remaining: Some(599),
            reset_after: Some(Duration::from_secs(1)),
        };
        assert_eq!(error.rate().windows, [window]);
        assert_eq!(rate(&HeaderMap::new(), None), RateHints::default());
    }
}
