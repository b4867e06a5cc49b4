//! Cross-origin requests, answered per key.
//!
//! A preflight carries no key, so it cannot be judged: it is allowed for any origin, without
//! credentials, and the real request is judged by its key. Nothing here relies on cookies.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::Cors;

/// What a page may send.
const METHODS: &str = "GET, POST, OPTIONS";
const HEADERS: &str = "Authorization, X-API-Key, X-Session-Id, Content-Type, Idempotency-Key, \
     Prefer, If-None-Match, Traceparent";
/// What a page may read beyond the safelisted headers.
const EXPOSED: &str = "Location, Link, ETag, Retry-After, X-Request-Id, Idempotent-Replayed, \
     Preference-Applied";
/// Ten minutes: what the strictest common browser keeps anyway.
const MAX_AGE_SECONDS: &str = "600";

pub(super) fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

pub(super) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    set(headers, header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
    response
}

/// Adds what a browser needs to hand the answer to the page. An answer that allows everybody by
/// itself stays as it is.
pub(super) fn apply(response: &mut Response<Body>, origin: Option<&HeaderValue>, cors: Cors) {
    let headers = response.headers_mut();
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let (Some(origin), Cors::Allow) = (origin, cors) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
