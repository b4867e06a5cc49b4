//! Replicate's errors: problem documents.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Refusal;
use crate::fault::RetryAfter;

/// One problem.
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Answer {
    document(
        status,
        &json!({"title": title, "detail": detail, "status": status.as_u16()}),
    )
}

fn document(status: StatusCode, body: &Value) -> Answer {
    Answer::json(status, body).with("content-type", "application/problem+json")
}

/// 422 about one field of the input.
pub(crate) fn invalid(field: &str, kind: &str, description: &str) -> Answer {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    document(
        status,
        &json!({
            "title": "Input validation failed",
            "detail": format!("- {field}: {description}\n"),
            "status": 422,
            "invalid_fields": [{"type": kind, "field": field, "description": description}],
        }),
    )
}

/// 404 for whatever is not there.
pub(crate) fn not_found() -> Answer {
    document(
        StatusCode::NOT_FOUND,
        &json!({
            "detail": "The requested resource could not be found.", "status": 404,
        }),
    )
}

/// Replicate's words for a refusal.
pub(crate) fn refuse(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::NoKey => {
            let detail = "You did not pass an authentication token";
            problem(StatusCode::UNAUTHORIZED, "Unauthenticated", detail)
        }
        Refusal::BadKey => {
            let detail = "You did not pass a valid authentication token";
            problem(StatusCode::UNAUTHORIZED, "Unauthenticated", detail)
        }
        Refusal::RateLimited(retry) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let seconds = retry.seconds();
            let mut body = json!({"detail": "Request was throttled.", "status": 429});
            if retry.says != RetryAfter::None {
                let detail =
                    format!("Request was throttled. Your rate limit resets in ~{seconds}s.");
                body["detail"] = detail.into();
                body["retry_after"] = seconds.into();
            }
            retry.dress(document(status, &body))
        }
        Refusal::Quota { .. } => {
            let detail = "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase credit.";
            problem(StatusCode::PAYMENT_REQUIRED, "Insufficient credit", detail)
        }
        Refusal::ServerError { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            problem(
                status,
                "Internal server error",
                "An unexpected error occurred.",
            )
        }
        Refusal::Overloaded(retry) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let detail = "Service is temporarily unavailable, please try again later.";
            retry.dress(problem(status, "Service unavailable", detail))
        }
        Refusal::ModelGone { .. } => not_found(),
        Refusal::TooLarge => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            problem(
                status,
                "Payload too large",
                "The request body is too large.",
            )
        }
    }
}
