//! What holds for every request, whatever it asks for.
//!
//! From the outside in: trace and request id, time limit, panics, CORS, problem documents, metrics.
//! The log line of a request names route, status and ids; never keys, bodies or query strings.

mod context;
mod cors;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use futures::FutureExt;
use service::Timer;
use tracing::Instrument;

use crate::app::App;
use crate::problem::{Code, Problem, render};
use crate::request::requested_wait;

pub(crate) use context::{Cors, RequestContext};

/// The header of the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The label of addresses that are none of ours.
const NO_ROUTE: &str = "none";

/// The outermost layer.
pub(crate) async fn observe(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let context = RequestContext::begin(request.headers(), app.entropy.as_ref());
    request.extensions_mut().insert(context.clone());
    let span = context.span();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let path = request.uri().path().to_owned();
    let route = route_of(&request);
    let method = request.method().clone();
    let timer = Timer::start(&app.metrics.request_seconds, &[route]);
    let response = if cors::is_preflight(&request) {
        cors::preflight()
    } else {
        let limit = app.limits.request_time() + requested_wait(request.headers());
        guarded(limit, next.run(request))
            .instrument(span.clone())
            .await
    };
    let mut response = documented(&app, response, &path, &context);
    cors::apply(&mut response, origin.as_ref(), context.cors());
    if let Ok(id) = HeaderValue::from_str(context.request_id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // Some caches keep what does not say how long it is good for.
    let caching = response.headers_mut().entry(header::CACHE_CONTROL);
    caching.or_insert(HeaderValue::from_static("no-store"));
    let status = response.status();
    count(&app, route, &method, status);
    if status.is_server_error() {
        drop(timer);
    } else {
        timer.succeed();
    }
    span.in_scope(|| tracing::info!(route, %method, status = status.as_u16(), "answered"));
    response
}

/// Runs the handler within its time, and turns a panic into an answer.
async fn guarded(limit: Duration, handler: impl Future<Output = Response<Body>>) -> Response<Body> {
    let handled = AssertUnwindSafe(handler).catch_unwind();
    match tokio::time::timeout(limit, handled).await {
        Ok(Ok(response)) => response,
        // The panic was logged by the process's hook, inside the request's span.
        Ok(Err(_)) => Problem::from(Code::Internal).into_response(),
        Err(_) => Problem::from(Code::TimedOut).into_response(),
    }
}

/// Writes the document of a problem. An error without one comes from the framework.
fn documented(
    app: &App,
    mut response: Response<Body>,
    path: &str,
    context: &RequestContext,
) -> Response<Body> {
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare_error(&response) => {
            let code = match response.status() {
                StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
                StatusCode::NOT_FOUND => Code::UnknownRoute,
                _ => Code::Internal,
            };
            *response.status_mut() = code.status();
            Problem::from(code)
        }
        None => return response,
    };
    app.metrics
        .problems_total
        .with_label_values(&[problem.code.id()])
        .inc();
    render(response, problem, path, context.request_id())
}

fn is_bare_error(response: &Response<Body>) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}

/// The route's pattern: a closed set, unlike paths.
fn route_of(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or(NO_ROUTE, |matched| {
        crate::routes::PATHS
            .iter()
            .find(|path| **path == matched.as_str())
            .copied()
            .unwrap_or(NO_ROUTE)
    })
}

/// Unknown methods share a label: a client may invent any number of them.
fn count(app: &App, route: &'static str, method: &Method, status: StatusCode) {
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    app.metrics
        .requests_total
        .with_label_values(&[route, method, status.as_str()])
        .inc();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(response: &Response<Body>) -> Code {
        response.extensions().get::<Problem>().unwrap().code
    }

    #[tokio::test]
    async fn a_panic_becomes_an_answer() {
        let handler = async { panic!("on purpose") };
        let response = guarded(Duration::from_secs(60), handler).await;
        assert_eq!(code_of(&response), Code::Internal);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_given_up_and_may_be_repeated() {
        let handler = std::future::pending();
        let response = guarded(Duration::from_millis(1), handler).await;
        assert_eq!(code_of(&response), Code::TimedOut);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
