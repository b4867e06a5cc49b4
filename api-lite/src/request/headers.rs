//! Headers that change what is done.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use domain::FieldError;

use crate::problem::{Code, Problem};

/// Longest idempotency key in bytes, as other APIs have it.
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// Longest time to wait for a result, in seconds: what common proxies allow one answer.
const MAX_WAIT_SECONDS: u64 = 60;

/// The `Idempotency-Key`, if one was sent: 1 to 255 visible ASCII characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let name = "Idempotency-Key";
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let usable = values.next().is_none()
        && (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_graphic);
    if !usable {
        let detail = "one value of 1 to 255 visible ASCII characters is allowed";
        let fault = FieldError::new(name, "malformed", detail);
        return Err(Problem::from(Code::InvalidHeader).field(fault));
    }
    Ok(value.to_str().ok().map(str::to_owned))
}

/// How long the client asks us to wait for the end, by `Prefer: wait=n`; at most a minute. What
/// cannot be read is ignored, as RFC 7240 wants.
pub(crate) fn requested_wait(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("prefer").iter();
    let preferences = values.filter_map(|value| value.to_str().ok());
    let seconds = preferences
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or(0).min(MAX_WAIT_SECONDS))
}

/// The shopper's session as publishable keys may name it for reads.
pub(crate) fn session_header(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-session-id")?.to_str().ok()
}

/// Whether the client has the answer of this entity tag already. Tags are compared weakly.
pub(crate) fn if_none_match(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(ours) = etag.to_str().map(opaque) else {
        return false;
    };
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || opaque(tag) == ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_wait_is_found_among_other_preferences_and_bounded() {
        let wait = |values: &[&'static str]| requested_wait(&with("prefer", values)).as_secs();
        assert_eq!(wait(&["wait=10"]), 10);
        assert_eq!(wait(&["respond-async, Wait = 5; foo=bar"]), 5);
        assert_eq!(wait(&["return=minimal", "wait=\"7\""]), 7);
        assert_eq!(wait(&["wait=600"]), 60);
        assert_eq!(wait(&["wait=soon"]), 0);
        assert_eq!(wait(&["wait=-1"]), 0);
        assert_eq!(wait(&[]), 0);
    }

    #[test]
    fn an_idempotency_key_is_one_visible_word() {
        let key = |values: &[&'static str]| idempotency_key(&with("idempotency-key", values));
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["a-1"]).unwrap().as_deref(), Some("a-1"));
        assert!(key(&[""]).is_err());
        assert!(key(&["a b"]).is_err());
        assert!(key(&["a", "b"]).is_err());
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        let etag = HeaderValue::from_static("W/\"abc\"");
        let matches = |value| if_none_match(&with("if-none-match", &[value]), &etag);
        assert!(matches("W/\"abc\""));
        assert!(matches("\"x\", \"abc\""));
        assert!(matches("*"));
        assert!(!matches("\"ab\""));
    }
}
