//! One call over the network, and whether its bytes left.
//!
//! The whole answer is read here, under one deadline and a cap on bytes, so that every adapter sees
//! either a complete answer or one of the ways in which there is none. Whether something was sent
//! decides whether it may be sent again, so that is what a failure tells first.
//!
//! "Not sent" is said only with proof: the client asks for the body piece by piece, and as long as it
//! never asked, nothing of it can have left, so that no server can have begun the work. Everything
//! else is "maybe". A call that may cost money gets a connection of its own, never one from the pool:
//! a server that closes an idle connection in the moment of our write would leave an outcome that
//! nobody knows, for the sake of one handshake before a minute of drawing.

mod body;

use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Client, Response};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::body::{Taken, Watched};
use crate::config::ConfigError;
use crate::credential::CallContext;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::wire::Prepared;

/// Longest answer that is read: a picture of 8.3 million pixels as PNG, in base64, is below 50 MB.
const LIMIT_BYTES: usize = 100_000_000;
/// How long a connection may take to be made. The official clients wait 5 s.
const CONNECT_LIMIT: std::time::Duration = std::time::Duration::from_secs(5);
/// A provider may draw for minutes without a byte; home routers and clouds forget a silent connection
/// after one to five.
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(30);
/// How long a call that could not be made, or a poll that failed, is left alone.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// A way to one provider's server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    /// For calls that may cost money: every call on a new connection.
    paid: Client,
    /// For questions: connections are kept.
    asking: Client,
    base: Url,
    limit_bytes: usize,
}

/// What is sent.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query, below the base URL, beginning with `/`.
    pub(crate) path: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A complete answer, whatever its status. The body of a refusal (status 4xx) may be cut, because the
/// status alone tells what it means.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Proof that nothing of the request's body left.
    #[error("{0}")]
    NotSent(NotSent, #[source] Option<reqwest::Error>),
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

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// No name, no route, refused, or no TLS.
    NoConnection,
    /// The connection took too long to be made.
    SlowConnection,
    /// The connection was lost before the request's body was asked for.
    Lost,
    /// The deadline passed before the request's body was asked for.
    Late,
}

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoConnection => "no connection",
            Self::SlowConnection => "no connection in time",
            Self::Lost => "the connection was lost before anything was sent",
            Self::Late => "nothing was sent by the deadline",
        })
    }
}

impl Broken {
    /// What this means for a call that may cost money.
    pub(crate) fn at_submit(self, provider: &'static str) -> ProviderError {
        let detail = self.to_string();
        match &self {
            Self::NotSent(why, _) => {
                let next = Next::SameAfter(PAUSE);
                ProviderError::not_sent(provider, why.kind(), next, detail)
            }
            Self::NoAnswer(_) => ProviderError::unknown(provider, ErrorKind::Network, detail),
            Self::Late => ProviderError::unknown(provider, ErrorKind::Timeout, detail),
            Self::Cut { .. } => ProviderError::unclear(provider, ErrorKind::BadAnswer, detail),
        }
        .because(self)
    }

    /// What this means for a question about an accepted call, which goes on whatever the question met.
    pub(crate) fn at_poll(self, provider: &'static str) -> ProviderError {
        let kind = match &self {
            Self::NotSent(why, _) => why.kind(),
            Self::NoAnswer(_) => ErrorKind::Network,
            Self::Late => ErrorKind::Timeout,
            Self::Cut { .. } => ErrorKind::BadAnswer,
        };
        ProviderError::poll_failed(provider, kind, PAUSE, self.to_string()).because(self)
    }
}

impl NotSent {
    fn kind(self) -> ErrorKind {
        match self {
            Self::NoConnection | Self::Lost => ErrorKind::Network,
            Self::SlowConnection | Self::Late => ErrorKind::Timeout,
        }
    }
}

impl Transport {
    /// A way to the server at `base`, whose path stays in front of every call's own.
    ///
    /// # Errors
    /// [`ConfigError::HttpClient`] where TLS cannot be set up.
    pub(crate) fn new(base: Url) -> Result<Self, ConfigError> {
        let client = || {
            crate::http::client()
                .connect_timeout(CONNECT_LIMIT)
                .tcp_keepalive(KEEPALIVE)
                .user_agent(concat!("atelier/", env!("CARGO_PKG_VERSION")))
        };
        let paid = client().pool_max_idle_per_host(0);
        Ok(Self {
            paid: paid.build().map_err(ConfigError::HttpClient)?,
            asking: client().build().map_err(ConfigError::HttpClient)?,
            base,
            limit_bytes: LIMIT_BYTES,
        })
    }

    /// The same, reading answers no longer than this.
    #[cfg(test)]
    pub(crate) fn with_limit(self, limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            ..self
        }
    }

    /// Where this leads.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Sends once and reads the whole answer. Dropping it leaves open whether it was sent.
    pub(crate) async fn send(&self, call: Call<'_>, deadline: Instant) -> Result<Answer, Broken> {
        let url = format!("{}{}", self.base.as_str().trim_end_matches('/'), call.path);
        let asks = matches!(call.method, Method::GET | Method::HEAD);
        let client = if asks { &self.asking } else { &self.paid };
        let taken = Taken::default();
        let request = client
            .request(call.method, url)
            .headers(call.headers)
            .body(reqwest::Body::wrap(Watched::new(call.body, taken.clone())));
        let exchange = async {
            let response = request
                .send()
                .await
                .map_err(|error| unanswered(error, &taken))?;
            read(response, self.limit_bytes).await
        };
        match timeout_at(deadline, exchange).await {
            Ok(answer) => answer,
            Err(_) if taken.is_proved_not() => Err(Broken::NotSent(NotSent::Late, None)),
            Err(_) => Err(Broken::Late),
        }
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

/// The header that carries a key, for a service that takes it as its bearer.
///
/// # Errors
/// A key that no header can carry: nothing is sent with it.
pub(crate) fn authorized(
    provider: &'static str,
    call: &CallContext<'_>,
) -> Result<HeaderMap, ProviderError> {
    let key = bearer(call.credential.expose()).map_err(|_| {
        let detail = format!("the key {} fits no header", call.credential.id());
        ProviderError::not_sent(provider, ErrorKind::Auth, Next::OtherKey, detail)
    })?;
    Ok(HeaderMap::from_iter([(AUTHORIZATION, key)]))
}

/// All headers of a prepared call to such a service.
///
/// # Errors
/// As [`authorized`].
pub(crate) fn headers_of(
    provider: &'static str,
    prepared: &Prepared,
    call: &CallContext<'_>,
) -> Result<HeaderMap, ProviderError> {
    let mut headers = authorized(provider, call)?;
    add_headers(
        &mut headers,
        &[("content-type", prepared.content_type.clone())],
    );
    add_headers(&mut headers, &prepared.headers);
    Ok(headers)
}

fn unanswered(error: reqwest::Error, taken: &Taken) -> Broken {
    let error = error.without_url();
    let why = match (error.is_connect(), error.is_timeout()) {
        (true, true) => NotSent::SlowConnection,
        (true, false) => NotSent::NoConnection,
        (false, _) if error.is_builder() => NotSent::NoConnection,
        (false, _) => NotSent::Lost,
    };
    // A request without a body is proved unsent by the missing connection alone.
    if taken.is_proved_not() || (why != NotSent::Lost && !taken.was_asked_for()) {
        Broken::NotSent(why, Some(error))
    } else {
        Broken::NoAnswer(error)
    }
}

async fn read(mut response: Response, limit_bytes: usize) -> Result<Answer, Broken> {
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = BytesMut::new();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= limit_bytes => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => break Some(None),
            Ok(None) => break None,
            Err(error) => break Some(Some(error.without_url())),
        }
    };
    match broken {
        Some(source) if !status.is_client_error() => Err(Broken::Cut { status, source }),
        _ => Ok(Answer {
            status,
            headers,
            body: body.freeze(),
        }),
    }
}

#[cfg(test)]
mod tests;
