//! One call over the network, and whether its bytes left.
//!
//! The whole answer is read here, under one deadline and a cap on bytes, so that every adapter sees
//! either a complete answer or one of the ways in which there is none. Whether something was sent
//! decides whether it may be sent again, so that is what a failure tells first.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::config::ConfigError;

/// Longest answer that is read: a picture of 8.3 million pixels as PNG, in base64, is below 50 MB.
const LIMIT_BYTES: usize = 100_000_000;
/// How long a connection may take to be made. The official clients wait 5 s.
const CONNECT_LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

/// A way to one provider's server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client,
    base: Url,
}

/// What is sent.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query, below the base URL, beginning with `/`.
    pub(crate) path: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A complete answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Proof that no byte of the request left: no connection was made.
    #[error("no connection")]
    NotSent(#[source] reqwest::Error),
    /// The request may have been taken; the connection broke before the answer's head.
    #[error("the connection broke before an answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The request may have been taken; the deadline came first.
    #[error("no answer by the deadline")]
    Late,
    /// The answer's head came, its body did not come whole.
    #[error("the answer of status {status} broke off")]
    Cut {
        /// The status it began with.
        status: StatusCode,
        /// How it broke; none where it was longer than we read.
        #[source]
        source: Option<reqwest::Error>,
    },
}

impl Transport {
    /// A way to the server at `base`, whose path stays in front of every call's own.
    ///
    /// # Errors
    /// [`ConfigError::HttpClient`] where TLS cannot be set up.
    pub(crate) fn new(base: Url) -> Result<Self, ConfigError> {
        let client = crate::http::client()
            .connect_timeout(CONNECT_LIMIT)
            .build()
            .map_err(ConfigError::HttpClient)?;
        Ok(Self { client, base })
    }

    /// Where this leads.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Sends once and reads the whole answer. Dropping it leaves open whether it was sent.
    pub(crate) async fn send(&self, call: Call<'_>, deadline: Instant) -> Result<Answer, Broken> {
        let url = format!("{}{}", self.base.as_str().trim_end_matches('/'), call.path);
        let request = self
            .client
            .request(call.method, url)
            .headers(call.headers)
            .body(call.body);
        let exchange = async {
            let response = request.send().await.map_err(unanswered)?;
            read(response).await
        };
        timeout_at(deadline, exchange)
            .await
            .unwrap_or(Err(Broken::Late))
    }
}

/// The value of `authorization: Bearer …`, marked so that nothing prints it.
///
/// # Errors
/// A key with characters that no header can carry.
pub(crate) fn bearer(key: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Adds the headers that [`Prepared`](crate::Prepared) carries. A value that no header can hold is
/// left out: they are made from our own data.
pub(crate) fn add_headers(to: &mut HeaderMap, headers: &[(&'static str, String)]) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            to.insert(HeaderName::from_static(name), value);
        }
    }
}

fn unanswered(error: reqwest::Error) -> Broken {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        Broken::NotSent(error)
    } else {
        Broken::NoAnswer(error)
    }
}

async fn read(mut response: Response) -> Result<Answer, Broken> {
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LIMIT_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(Broken::Cut {
                    status,
                    source: None,
                });
            }
            Ok(None) => break,
            Err(error) => {
                return Err(Broken::Cut {
                    status,
                    source: Some(error.without_url()),
                });
            }
        }
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}
