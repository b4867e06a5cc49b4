//! Answers to requests that make something, and may be repeated after a lost answer.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The header that makes a repeat harmless, for the description of the API.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a parameter; nothing is made of it")]
pub(super) struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters
    #[param(rename = "Idempotency-Key")]
    key: Option<String>,
}

/// An answer with the address of what was made, by this request or, replayed, by an earlier one with the
/// same key.
pub(super) fn made(location: &str, replayed: bool, shown: impl IntoResponse) -> Response {
    let mut response = shown.into_response();
    let out = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(location) {
        out.insert(header::LOCATION, location);
    }
    if replayed {
        out.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
