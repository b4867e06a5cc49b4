//! Every row of the table of errors.

use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::error::{Sent, Spent};

const PRICE: Micros = Micros(40_000);
const KEY: &str = "sk-proj-abcdef";

fn key() -> Credential {
    Credential::new("openai-1", SecretString::from(KEY))
}

struct Case {
    status: u16,
    error: Value,
    kind: ErrorKind,
    spent: Spent,
    next: Next,
}

fn case(status: u16, error: Value, kind: ErrorKind, next: Next) -> Case {
    let spent = Spent::None;
    Case {
        status,
        error,
        kind,
        spent,
        next,
    }
}

fn unclear(status: u16, error: Value, kind: ErrorKind) -> Case {
    Case {
        spent: Spent::Maybe,
        ..case(status, error, kind, Next::Reconcile)
    }
}

fn fault(kind: &str, code: &str) -> Value {
    json!({"message": "", "type": kind, "param": null, "code": code})
}

fn answer(status: u16, error: &Value, headers: &[(&'static str, &'static str)]) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect::<HeaderMap>(),
        body: json!({ "error": error }).to_string().into(),
    }
}

fn error_of(answer: &Answer, charged: Charged) -> ProviderError {
    let if_blocked = IfBlocked {
        charged,
        price: PRICE,
    };
    Failures::default().of_submit("openai", answer, &key(), if_blocked)
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    use ErrorKind::{
        Auth, ContentPolicy, InvalidRequest, QuotaExhausted, RateLimited, Timeout, Unavailable,
    };
    let user = "image_generation_user_error";
    let invalid = "invalid_request_error";
    let second = Next::SameAfter(Duration::from_secs(1));
    let five = Next::SameAfter(Duration::from_secs(5));
    let said = |message: &str| json!({"message": message, "type": null, "code": null});
    vec![
        case(
            400,
            fault(user, "moderation_blocked"),
            ContentPolicy,
            Next::Stop,
        ),
        case(
            400,
            fault(invalid, "content_policy_violation"),
            ContentPolicy,
            Next::Stop,
        ),
        case(400, fault("", "contentFilter"), ContentPolicy, Next::Stop),
        case(
            400,
            json!({"innererror": {"code": "ResponsibleAIPolicyViolation"}}),
            ContentPolicy,
            Next::Stop,
        ),
        case(
            400,
            said("Your request was rejected as a result of our safety system."),
            ContentPolicy,
            Next::Stop,
        ),
        case(
            400,
            fault(user, "invalid_image_file"),
            InvalidRequest,
            Next::Stop,
        ),
        case(
            400,
            fault(user, "invalid_input_fidelity_model"),
            InvalidRequest,
            Next::Stop,
        ),
        case(
            400,
            fault(user, "a_code_of_next_year"),
            InvalidRequest,
            Next::Stop,
        ),
        case(
            400,
            fault(invalid, "unknown_parameter"),
            InvalidRequest,
            Next::Stop,
        ),
        case(
            400,
            fault(invalid, "invalid_value"),
            InvalidRequest,
            Next::Stop,
        ),
        case(
            400,
            fault(invalid, "billing_hard_limit_reached"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(400, json!({"message": "no"}), InvalidRequest, Next::Stop),
        case(400, json!("no"), InvalidRequest, Next::Stop),
        case(401, fault(invalid, "invalid_api_key"), Auth, Next::OtherKey),
        case(401, json!(null), Auth, Next::OtherKey),
        case(402, json!(null), QuotaExhausted, Next::OtherKey),
        case(
            403,
            fault(invalid, "organization_not_verified"),
            Auth,
            Next::OtherKey,
        ),
        case(
            403,
            fault("request_forbidden", "unsupported_country_region_territory"),
            Auth,
            Next::OtherProvider,
        ),
        case(
            403,
            fault(invalid, "model_not_found"),
            InvalidRequest,
            Next::OtherProvider,
        ),
        case(
            404,
            fault(invalid, "model_not_found"),
            InvalidRequest,
            Next::OtherProvider,
        ),
        case(404, json!(null), InvalidRequest, Next::OtherProvider),
        case(413, json!(null), InvalidRequest, Next::Stop),
        case(422, json!(null), InvalidRequest, Next::Stop),
        case(307, json!(null), InvalidRequest, Next::Stop),
        case(
            429,
            fault("requests", "rate_limit_exceeded"),
            RateLimited,
            second,
        ),
        case(
            429,
            fault("tokens", "rate_limit_exceeded"),
            RateLimited,
            second,
        ),
        case(
            429,
            fault("rate_limit_error", "slow_down"),
            RateLimited,
            second,
        ),
        case(429, json!(null), RateLimited, second),
        case(
            429,
            said("Please try again in 12.5s. Visit us"),
            RateLimited,
            Next::SameAfter(Duration::from_millis(12_500)),
        ),
        case(
            429,
            fault("insufficient_quota", "insufficient_quota"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            429,
            fault("insufficient_quota", "credit_balance_exhausted"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            429,
            fault("insufficient_quota", "project_spend_limit_exceeded"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            429,
            fault("insufficient_quota", "organization_spend_limit_exceeded"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            429,
            fault("insufficient_quota", "organization_usage_limit_exceeded"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            429,
            fault("insufficient_quota", "a_limit_of_next_year"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            429,
            said("You exceeded your current quota, check your plan"),
            QuotaExhausted,
            Next::OtherKey,
        ),
        case(
            503,
            fault("service_unavailable_error", "server_is_overloaded"),
            Unavailable,
            five,
        ),
        case(
            503,
            said("That model is currently overloaded"),
            Unavailable,
            five,
        ),
        unclear(503, json!(null), Unavailable),
        unclear(500, fault("server_error", "server_error"), Unavailable),
        unclear(500, json!(null), Unavailable),
        unclear(502, json!(null), Unavailable),
        unclear(504, json!(null), Timeout),
        unclear(520, json!(null), Unavailable),
        unclear(408, json!(null), Timeout),
        unclear(409, json!(null), Unavailable),
        unclear(303, json!(null), Unavailable),
    ]
}

#[test]
fn every_refusal_means_what_the_table_says() {
    for case in cases() {
        let told = answer(case.status, &case.error, &[]);
        let error = error_of(&told, Charged::Unknown);
        let row = format!("{} {}: {error:?}", case.status, case.error);
        assert_eq!(error.kind(), case.kind, "{row}");
        assert_eq!(error.spent(), case.spent, "{row}");
        assert_eq!(error.next(), case.next, "{row}");
        assert_eq!(error.sent(), Sent::Yes, "{row}");
    }
}

#[test]
fn a_picture_that_was_drawn_and_then_blocked_is_booked_unless_the_provider_says_it_is_free() {
    let blocked = |stage: &str| {
        json!({"code": "moderation_blocked", "type": "image_generation_user_error",
            "moderation_details": {"moderation_stage": stage, "categories": ["a_new_one"]}})
    };
    for (stage, charged, spent) in [
        ("input", Charged::Unknown, Spent::None),
        ("input", Charged::Yes, Spent::None),
        ("output", Charged::Unknown, Spent::Known(PRICE)),
        ("output", Charged::Yes, Spent::Known(PRICE)),
        ("output", Charged::No, Spent::None),
        ("unknown", Charged::Unknown, Spent::Known(PRICE)),
        ("a_stage_of_next_year", Charged::Unknown, Spent::None),
    ] {
        let error = error_of(&answer(400, &blocked(stage), &[]), charged);
        assert_eq!(
            (error.kind(), error.next()),
            (ErrorKind::ContentPolicy, Next::Stop)
        );
        assert_eq!(error.spent(), spent, "{stage} {charged:?}");
    }
}

#[test]
fn the_pause_is_the_headers_before_the_messages_before_ours() {
    let said = json!({"message": "Please try again in 20s."});
    let pause = |headers: &[(&'static str, &'static str)]| {
        let error = error_of(&answer(429, &said, headers), Charged::Unknown);
        (error.next(), error.rate().retry_after)
    };
    let ms = |ms| {
        (
            Next::SameAfter(Duration::from_millis(ms)),
            Some(Duration::from_millis(ms)),
        )
    };
    assert_eq!(
        pause(&[("retry-after", "3"), ("retry-after-ms", "2500")]),
        ms(2_500)
    );
    assert_eq!(pause(&[("retry-after", "3")]), ms(3_000));
    assert_eq!(pause(&[]), ms(20_000));
    let overloaded = fault("service_unavailable_error", "server_is_overloaded");
    let error = error_of(
        &answer(503, &overloaded, &[("retry-after", "30")]),
        Charged::Unknown,
    );
    assert_eq!(error.next(), Next::SameAfter(Duration::from_secs(30)));
}

#[test]
fn an_unknown_code_is_told_once_and_a_message_never() {
    let failures = Failures::default();
    let odd = |code: &str| {
        let message = format!("Incorrect API key provided: {KEY}");
        Fault::of(&json!({"code": code, "message": message}), &key())
    };
    let status = StatusCode::IM_A_TEAPOT;
    let told = |code: &str| {
        let fault = odd(code);
        let (_, known) = fault.meaning(status);
        !known && failures.is_new(format!("openai {status} {}", fault.words()))
    };
    assert!(told("brewing"));
    assert!(!told("brewing"));
    assert!(told("steeping"));
    assert!(!told("invalid_api_key"), "a known code is not told");
    assert_eq!(odd("a b").words(), "code unprintable, type -");
    let many = (0..1_000).filter(|n| told(&format!("code-{n}"))).count();
    assert!(many < MOST_FINGERPRINTS, "{many} fingerprints are kept");
}

#[test]
fn a_gateway_that_sends_the_key_back_as_a_code_does_not_get_it_into_an_error_or_the_log() {
    let echoes = [
        json!({"code": KEY, "message": KEY}),
        json!({"code": KEY.repeat(9)}),
        json!({"code": "x", "type": format!("bad_key.{KEY}")}),
        json!({"type": "proj-abcdef"}),
        json!({"code": KEY.to_uppercase()}),
    ];
    for status in [400, 401, 403, 418, 429, 500] {
        for echo in &echoes {
            let error = error_of(&answer(status, echo, &[]), Charged::Unknown);
            let shown = format!("{error} {error:?}").to_lowercase();
            assert!(!shown.contains("abcdef"), "{shown}");
            // The log is told of an unknown refusal by these words alone.
            let words = Fault::of(echo, &key()).words().to_lowercase();
            assert!(!words.contains("abcdef"), "{words}");
        }
    }
}
