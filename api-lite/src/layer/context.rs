//! The identity of one request.

use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use service::TraceContext;

use crate::entropy::{Entropy, random};

/// Whether a page may read the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cors {
    /// The page's origin may.
    Allow,
    /// No page may.
    Refuse,
}

/// The trace a request belongs to, its id, and what was found out about it on the way in.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    trace: TraceContext,
    request_id: Arc<str>,
    cors: Arc<OnceLock<Cors>>,
}

impl RequestContext {
    /// Continues the caller's trace, or begins one.
    pub(super) fn begin(headers: &HeaderMap, entropy: &dyn Entropy) -> Self {
        let given = headers.get("traceparent");
        let given = given.and_then(|value| value.to_str().ok()?.parse::<TraceContext>().ok());
        let trace = match given {
            Some(trace) => trace.child(random(entropy)),
            None => TraceContext::generate(random(entropy)),
        };
        Self {
            request_id: format!("req_{}", trace.span_id()).into(),
            trace,
            cors: Arc::default(),
        }
    }

    /// The trace that goes with the job.
    pub(crate) fn trace(&self) -> &TraceContext {
        &self.trace
    }

    /// The id that the client gets.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// What the key says about pages. The first decision stays.
    pub(crate) fn decide_cors(&self, cors: Cors) {
        let _ = self.cors.set(cors);
    }

    /// The decision. Before a key was recognised the answer is an error that tells nothing of any
    /// brand; the page may read it, so that its author learns what is wrong.
    pub(super) fn cors(&self) -> Cors {
        self.cors.get().copied().unwrap_or(Cors::Allow)
    }

    pub(super) fn span(&self) -> tracing::Span {
        let span = self.trace.span("request");
        span.in_scope(|| tracing::info_span!("http", request_id = %self.request_id))
    }
}
