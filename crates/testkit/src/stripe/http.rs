//! The address: authentication, the key, and the answer's headers.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use super::state::Answer;
use super::{Shared, StripeRequest, form};

/// Far more than any request of a client has.
const MAX_BODY_BYTES: usize = 1 << 20;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if !has_key(&parts.headers) {
        let message = "You did not provide an API key.";
        let error = json!({"error": {"type": "invalid_request_error", "message": message}});
        return respond(401, &error.to_string(), false);
    }
    let answer = if parts.method == Method::GET {
        let given = form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        shared.state().read(&path, &given)
    } else {
        let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
        write(&shared, &path, &parts.headers, &body).await
    };
    shared.state().seen.push(StripeRequest {
        method: parts.method.to_string(),
        path,
        key: key_of(&parts.headers),
        status: answer.status,
        replayed: answer.replayed,
    });
    respond(answer.status, &answer.body.to_string(), answer.replayed)
}

async fn write(shared: &Shared, path: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
    let (given, key, now) = (form::parse(body), key_of(headers), shared.now());
    let answer = shared.state().write(path, &given, key.as_deref(), now);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    answer
}

/// `Bearer sk_…`, or the user name of basic authentication, as curl's `-u sk_…:` sends it.
fn has_key(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION);
    let value = value.and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("Bearer sk_") || value.starts_with("Basic "))
}

fn key_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("idempotency-key")?;
    value.to_str().ok().map(str::to_owned)
}

fn respond(status: u16, body: &str, replayed: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert("request-id", HeaderValue::from_static("req_fake"));
    if replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}
