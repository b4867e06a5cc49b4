//! Every error of the API, as an RFC 9457 document.
//!
//! A handler returns a [`Problem`]; it travels as an extension of an empty response, and the
//! outermost layer writes the document, because only there the request's id is at hand. So no other
//! error body can leave the process by mistake.

mod code;
mod document;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::FieldError;
use serde_json::{Map, Value};
use service::telemetry::error_chain;
use store::StoreError;
use store::provider_keys::KeepError;

pub use code::{Code, errors_markdown};
pub(crate) use document::{ProblemDocument, render};

/// Seconds after which a client may try again what a busy or unreachable part of ours refused.
const RETRY_AFTER_SECONDS: u16 = 1;

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        let mut problem = Self {
            code,
            detail: None,
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
        };
        match code.status().as_u16() {
            401 => problem.set_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            503 => problem.set_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into()),
            _ => {}
        }
        problem
    }
}

impl Problem {
    /// What is wrong in this one case, in a sentence.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// One more member of the document.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// One fault of one field.
    #[must_use]
    pub(crate) fn field(mut self, error: FieldError) -> Self {
        self.errors.push(error);
        self
    }

    /// The faults of a request's fields.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::from(Code::ValidationFailed)
        }
    }

    /// The faults of its fields.
    #[cfg(test)]
    pub(crate) fn faults(&self) -> &[FieldError] {
        &self.errors
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.push((name, value));
    }
}

/// A fault of the store. What a client cannot help is logged here, once, and not told.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::LimitReached { limit, .. } = error {
            let problem = Self::from(Code::LimitReached).with("limit", limit);
            return problem.detail(error.to_string());
        }
        let chain = error_chain(&error);
        if error.is_transient() {
            tracing::warn!(error = chain, "the store is not available");
            Self::from(Code::Unavailable)
        } else {
            tracing::error!(error = chain, "the store failed");
            Self::from(Code::Internal)
        }
    }
}

/// A secret that cannot be kept.
impl From<KeepError> for Problem {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Store(error) => error.into(),
            KeepError::Seal(error) => {
                tracing::error!(
                    error = error_chain(&error),
                    "a secret cannot be sealed or opened"
                );
                Self::from(Code::Internal)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}
