//! From Stability's answer to a picture or a classified error.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Micros;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::NAME;
use crate::credential::Credential;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::models::{Charged, ModelRow};
use crate::picture::media_type;
use crate::provider::Finished;
use crate::rate::RateHints;
use crate::transport::{Answer, Broken};

/// The window of its limit: 150 requests in 10 s. It sends no `Retry-After`.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// Longer waits than this are not believed.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// How long a server that cannot be reached, or says that it is full, is left alone.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest code that goes into an error.
const MAX_WORD_CHARS: usize = 64;
const FILTERED: &str = "CONTENT_FILTERED";

/// A good answer in JSON.
#[derive(Deserialize)]
struct Body {
    image: Option<String>,
    finish_reason: Option<String>,
}

/// `{id, name, errors}`; the older form has `message` instead of `errors`.
#[derive(Deserialize, Default)]
struct Fault {
    #[serde(default)]
    name: String,
    #[serde(default)]
    errors: Vec<String>,
}

/// Reads what came back, or did not.
pub(super) fn read(
    sent: Result<Answer, Broken>,
    row: &ModelRow,
    price: Micros,
    notes: Vec<String>,
    key: &Credential,
) -> Result<Finished, ProviderError> {
    let answer = match sent {
        Ok(answer) => answer,
        Err(broken) => return Err(lost(broken)),
    };
    if answer.status != StatusCode::OK {
        return Err(refused(answer.status, &answer.headers, &answer.body, key));
    }
    let Some((picture, reason)) = picture_of(&answer) else {
        return Err(unusable("the answer cannot be read"));
    };
    if reason.as_deref() == Some(FILTERED) {
        return Err(filtered(row, price));
    }
    let Some(content_type) = media_type(&picture) else {
        return Err(unusable("the answer holds no picture"));
    };
    Ok(Finished {
        bytes: picture,
        content_type: content_type.to_owned(),
        provider_ref: text(&answer.headers, "x-request-id"),
        cost: price,
        tokens: None,
        rate: RateHints::default(),
        notes,
    })
}

/// The picture and why it ended, from either form of a good answer.
fn picture_of(answer: &Answer) -> Option<(Bytes, Option<String>)> {
    let kind = text(&answer.headers, "content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        let reason = text(&answer.headers, "finish-reason");
        return Some((answer.body.clone(), reason));
    }
    let body: Body = serde_json::from_slice(&answer.body).ok()?;
    let picture = STANDARD.decode(body.image.unwrap_or_default()).ok()?;
    Some((picture.into(), body.finish_reason))
}

/// A blurred picture with status 200: it was drawn and withheld. Whether that is charged stands in
/// the registry; where nobody knows it counts as charged, so that budgets are never passed unseen.
fn filtered(row: &ModelRow, price: Micros) -> ProviderError {
    let detail = "the picture was withheld by content policy";
    match row.refusal_charged {
        Charged::No => ProviderError::refused(NAME, ErrorKind::ContentPolicy, Next::Stop, detail),
        Charged::Yes | Charged::Unknown => {
            ProviderError::charged(NAME, ErrorKind::ContentPolicy, price, Next::Stop, detail)
        }
    }
}

/// A good status without a picture: probably charged, and there is nowhere to ask.
fn unusable(detail: &str) -> ProviderError {
    ProviderError::unclear(NAME, ErrorKind::BadAnswer, detail)
}

fn lost(broken: Broken) -> ProviderError {
    broken.at_submit(NAME)
}

/// What a status other than 200 means; the name in the body decides where the status does not.
pub(super) fn refused(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    key: &Credential,
) -> ProviderError {
    let explained: Option<Fault> = serde_json::from_slice(body).ok();
    let has_words = explained
        .as_ref()
        .is_some_and(|fault| !fault.name.is_empty());
    let Fault { name, errors } = explained.unwrap_or_default();
    let detail = format!("status {}: {}", status.as_u16(), word(&name, key));
    let refused = |kind, next| ProviderError::refused(NAME, kind, next, &detail);
    // Who is refused for a key may be shown it again, and what looks like a code could be the key.
    let bare = format!("status {}", status.as_u16());
    match (status.as_u16(), name.as_str()) {
        (403, "content_moderation") | (400, "content_moderation" | "invalid_prompts") => {
            refused(ErrorKind::ContentPolicy, Next::Stop)
        }
        (401 | 403, _) => ProviderError::refused(NAME, ErrorKind::Auth, Next::OtherKey, bare),
        (402, _) => refused(ErrorKind::QuotaExhausted, Next::OtherProvider),
        // The path names the model: it is gone, and another provider may have what was wanted.
        (404 | 410, _) => refused(ErrorKind::InvalidRequest, Next::OtherProvider),
        (429, _) => throttled(headers, &errors, &detail),
        // Its own words for having no room. The same status from a machine in between is no proof.
        (503, _) if has_words => refused(ErrorKind::Unavailable, Next::SameAfter(PAUSE)),
        (408 | 499, _) => ProviderError::unclear(NAME, ErrorKind::Unavailable, detail),
        (400..=499, _) => refused(ErrorKind::InvalidRequest, Next::Stop),
        // Redirects are not followed, so nothing went further.
        (300..=399, _) => refused(ErrorKind::BadAnswer, Next::OtherProvider),
        (500.., _) => ProviderError::unclear(NAME, ErrorKind::Unavailable, detail),
        _ => ProviderError::unclear(NAME, ErrorKind::BadAnswer, detail),
    }
}

fn throttled(headers: &HeaderMap, errors: &[String], detail: &str) -> ProviderError {
    let header = text(headers, "retry-after").and_then(|value| value.trim().parse::<u64>().ok());
    let seconds = header.or_else(|| errors.iter().find_map(|error| timed_out_seconds(error)));
    let said = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT));
    let next = Next::SameAfter(said.unwrap_or(RATE_WINDOW));
    ProviderError::refused(NAME, ErrorKind::RateLimited, next, detail).with_rate(RateHints {
        // What nobody said is found out by whoever keeps the key's limits.
        retry_after: said,
        windows: Vec::new(),
    })
}

/// The number in "… have been timed out for 60 seconds".
fn timed_out_seconds(text: &str) -> Option<u64> {
    let (_, after) = text.split_once("timed out for ")?;
    let digits = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after.get(..digits)?.parse().ok()
}

/// A code as the provider spells it, and nothing that could be a sentence with a prompt in it, or the key.
fn word<'a>(name: &'a str, key: &Credential) -> &'a str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_code = (1..=MAX_WORD_CHARS).contains(&name.len()) && name.chars().all(plain);
    match is_code && !key.is_in(name) {
        true => name,
        false => "no code",
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::error::{Sent, Spent};
    use crate::rows::Rows;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    fn row(charged: Charged) -> ModelRow {
        let rows = Rows::built_in(NAME);
        let found = rows.find("core").unwrap();
        let row: &ModelRow = &found.model;
        ModelRow {
            refusal_charged: charged,
            ..row.clone()
        }
    }

    fn good(headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer {
            status: StatusCode::OK,
            headers: map,
            body: Bytes::copy_from_slice(body),
        }
    }

    fn read_row(answer: Answer, charged: Charged) -> Result<Finished, ProviderError> {
        read(
            Ok(answer),
            &row(charged),
            Micros(30_000),
            vec!["a note".into()],
            &Credential::none(),
        )
    }

    #[test]
    fn both_forms_of_a_good_answer_are_read() {
        let head = [
            ("content-type", "image/png"),
            ("finish-reason", "SUCCESS"),
            ("x-request-id", "r1"),
        ];
        let picture = read_row(good(&head, PNG), Charged::Unknown).unwrap();
        assert_eq!(picture.bytes, PNG);
        assert_eq!(picture.cost, Micros(30_000));
        assert_eq!(picture.provider_ref.as_deref(), Some("r1"));
        assert_eq!(picture.notes, ["a note"]);

        let json = format!(
            r#"{{"image":"{}","finish_reason":"SUCCESS","seed":7,"new":1}}"#,
            STANDARD.encode(PNG)
        );
        let head = [("content-type", "application/json; type=image/png")];
        let picture = read_row(good(&head, json.as_bytes()), Charged::Unknown).unwrap();
        assert_eq!(picture.content_type, "image/png");
        assert_eq!(picture.bytes, PNG);
    }

    #[test]
    fn a_withheld_picture_is_a_refusal_that_counts_as_the_registry_says() {
        let json = format!(
            r#"{{"image":"{}","finish_reason":"CONTENT_FILTERED"}}"#,
            STANDARD.encode(PNG)
        );
        for (charged, spent) in [
            (Charged::Unknown, Spent::Known(Micros(30_000))),
            (Charged::Yes, Spent::Known(Micros(30_000))),
            (Charged::No, Spent::None),
        ] {
            for answer in [
                good(
                    &[("content-type", "image/png"), ("finish-reason", FILTERED)],
                    PNG,
                ),
                good(&[("content-type", "application/json")], json.as_bytes()),
            ] {
                let error = read_row(answer, charged).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ContentPolicy);
                assert_eq!(error.spent(), spent);
                assert_eq!(error.next(), Next::Stop);
            }
        }
    }

    #[test]
    fn a_good_status_without_a_picture_is_asked_about_and_not_sent_again() {
        let json = [("content-type", "application/json")];
        let image = [("content-type", "image/png")];
        for answer in [
            good(&image, b""),
            good(&image, b"<html>"),
            good(&json, b"{}"),
            good(&json, b"not json"),
            good(&json, br#"{"image":"%%%","finish_reason":"SUCCESS"}"#),
        ] {
            let error = read_row(answer, Charged::Unknown).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadAnswer);
            assert_eq!(
                (error.spent(), error.next()),
                (Spent::Maybe, Next::Reconcile)
            );
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn every_row_of_the_error_table_is_classified() {
        use ErrorKind as Kind;
        let stop = Next::Stop;
        let elsewhere = Next::OtherProvider;
        let ten = Next::SameAfter(RATE_WINDOW);
        let sixty = Next::SameAfter(Duration::from_secs(60));
        let none = Spent::None;
        let pause = Next::SameAfter(PAUSE);
        let limit = r#"{"name":"rate_limit_exceeded","errors":["You have exceeded the rate limit of 150 requests within a 10 second period, and have been timed out for 60 seconds."]}"#;
        for (status, body, kind, spent, next) in [
            (
                400,
                r#"{"id":"1","name":"bad_request","errors":["x"]}"#,
                Kind::InvalidRequest,
                none,
                stop,
            ),
            (
                400,
                r#"{"name":"content_moderation"}"#,
                Kind::ContentPolicy,
                none,
                stop,
            ),
            (
                400,
                r#"{"name":"invalid_prompts","message":"old form"}"#,
                Kind::ContentPolicy,
                none,
                stop,
            ),
            (
                401,
                r#"{"name":"unauthorized"}"#,
                Kind::Auth,
                none,
                Next::OtherKey,
            ),
            (
                402,
                r#"{"name":"payment_required"}"#,
                Kind::QuotaExhausted,
                none,
                elsewhere,
            ),
            (
                403,
                r#"{"name":"content_moderation"}"#,
                Kind::ContentPolicy,
                none,
                stop,
            ),
            (
                403,
                r#"{"name":"permission_denied"}"#,
                Kind::Auth,
                none,
                Next::OtherKey,
            ),
            (403, "", Kind::Auth, none, Next::OtherKey),
            (
                404,
                r#"{"name":"not_found"}"#,
                Kind::InvalidRequest,
                none,
                elsewhere,
            ),
            (
                413,
                r#"{"name":"payload_too_large"}"#,
                Kind::InvalidRequest,
                none,
                stop,
            ),
            (
                422,
                r#"{"name":"unprocessable"}"#,
                Kind::InvalidRequest,
                none,
                stop,
            ),
            (418, "", Kind::InvalidRequest, none, stop),
            (429, limit, Kind::RateLimited, none, sixty),
            (429, "", Kind::RateLimited, none, ten),
            (
                429,
                r#"{"name":"x","errors":["timed out for ages"]}"#,
                Kind::RateLimited,
                none,
                ten,
            ),
            (
                503,
                r#"{"name":"service_unavailable"}"#,
                Kind::Unavailable,
                none,
                pause,
            ),
            (
                503,
                "<html>",
                Kind::Unavailable,
                Spent::Maybe,
                Next::Reconcile,
            ),
            (
                500,
                r#"{"name":"internal_error"}"#,
                Kind::Unavailable,
                Spent::Maybe,
                Next::Reconcile,
            ),
            (502, "", Kind::Unavailable, Spent::Maybe, Next::Reconcile),
            (504, "", Kind::Unavailable, Spent::Maybe, Next::Reconcile),
            (408, "", Kind::Unavailable, Spent::Maybe, Next::Reconcile),
            (302, "", Kind::BadAnswer, none, elsewhere),
            (
                202,
                r#"{"id":"x"}"#,
                Kind::BadAnswer,
                Spent::Maybe,
                Next::Reconcile,
            ),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            let error = refused(
                code,
                &HeaderMap::new(),
                body.as_bytes(),
                &Credential::none(),
            );
            let got = (error.kind(), error.spent(), error.next(), error.sent());
            assert_eq!(got, (kind, spent, next, Sent::Yes), "{status} {body}");
        }
    }

    #[test]
    fn a_retry_after_goes_before_the_window() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "3".parse().unwrap());
        let status = StatusCode::TOO_MANY_REQUESTS;
        let error = refused(status, &headers, b"", &Credential::none());
        assert_eq!(error.next(), Next::SameAfter(Duration::from_secs(3)));
        assert_eq!(error.rate().retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn an_error_repeats_a_code_and_never_a_sentence() {
        let key = Credential::new("one", SecretString::from("sk-0123456789"));
        let detail = |body: &str| {
            let status = StatusCode::BAD_REQUEST;
            let error = refused(status, &HeaderMap::new(), body.as_bytes(), &key);
            error.detail().to_owned()
        };
        let body = r#"{"name":"bad request: for Aurelia <b>","errors":["prompt: for Aurelia"]}"#;
        assert_eq!(detail(body), "status 400: no code");
        assert_eq!(detail("for Aurelia"), "status 400: no code");
        assert_eq!(detail(r#"{"name":"odd"}"#), "status 400: odd");
        let echoed = r#"{"name":"no_such_key.sk-0123456789"}"#;
        assert_eq!(detail(echoed), "status 400: no code");
    }
}
