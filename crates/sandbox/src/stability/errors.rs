//! Stability's errors: `{id, name, errors: […]}`.

use http::StatusCode;
use serde_json::json;

use crate::answer::{Answer, Failure};
use crate::call::Refusal;
use crate::fault::RetryAfter;
use crate::ids;

/// One error.
pub(crate) fn error(status: StatusCode, name: &str, text: &str) -> Answer {
    Answer::json(
        status,
        &json!({"id": ids::stability_error(), "name": name, "errors": [text]}),
    )
}

/// 400 about one field.
pub(crate) fn bad(field: &str, text: &str) -> Failure {
    error(
        StatusCode::BAD_REQUEST,
        "bad_request",
        &format!("{field}: {text}"),
    )
    .into()
}

/// Stability's words for a refusal.
pub(crate) fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::NoKey => error(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "authorization: is missing",
        ),
        Refusal::BadKey => error(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Incorrect API key provided",
        ),
        Refusal::RateLimited(retry) => {
            let mut text =
                "You have exceeded the rate limit of 150 requests within a 10 second period"
                    .to_owned();
            match retry.says {
                RetryAfter::None => text.push('.'),
                _ => {
                    let seconds = retry.seconds();
                    text += &format!(", and have been timed out for {seconds} seconds.");
                }
            }
            retry.dress(error(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_exceeded",
                &text,
            ))
        }
        Refusal::Quota { .. } => {
            let text = "You lack sufficient credits to make this request. Please purchase more credits at https://platform.stability.ai/account/credits and try again.";
            error(StatusCode::PAYMENT_REQUIRED, "payment_required", text)
        }
        Refusal::ServerError { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let text = "An unexpected server error has occurred, please try again later.";
            error(status, "internal_error", text)
        }
        Refusal::Overloaded(retry) => {
            let text = "The service is temporarily unavailable, please try again later.";
            retry.dress(error(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                text,
            ))
        }
        Refusal::ModelGone { model } => {
            let text = format!("The model {model} could not be found.");
            error(StatusCode::NOT_FOUND, "not_found", &text)
        }
        Refusal::TooLarge => {
            let text = "Your request was larger than 10MiB.";
            error(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", text)
        }
    }
}

/// 403: refused before any work.
pub(crate) fn moderated() -> Answer {
    let text = "Your request was flagged by our content moderation system, as a result your request was denied and you were not charged.";
    error(StatusCode::FORBIDDEN, "content_moderation", text)
}
