//! Fetching pictures from URLs that somebody else chose.
//!
//! A shopper's URL is a request that we make from inside our network for a stranger. So: public
//! addresses only, `https` on port 443, no credentials, no redirects, a cap on bytes while they
//! stream, one deadline for all of it. What the server calls the content is not even read; imaging
//! decides what the bytes are.
//!
//! `ATELIER_FETCH_ALLOW_CIDRS` opens networks that are not public, for tests and for shops whose
//! pictures lie on an inner host.

mod error;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ACCEPT_ENCODING, LOCATION};
use reqwest::{ClientBuilder, Response};
use url::Url;

use domain::Target;
use domain::address::AllowList;

pub use self::error::FetchError;

use crate::config::{ConfigError, FetchConfig};
use crate::guard::{GuardedClients, NoAnswer, SystemLookup};

/// Fetches pictures from untrusted URLs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    allowed: AllowList,
    clients: GuardedClients,
    limit_bytes: u64,
    limit: Duration,
}

impl Fetcher {
    /// Builds the clients; connects nowhere.
    ///
    /// # Errors
    /// [`ConfigError::HttpClient`] when TLS cannot be set up, as without any root certificate.
    pub fn new(config: &FetchConfig) -> Result<Self, ConfigError> {
        let FetchConfig {
            fetch_max_bytes,
            fetch_timeout_ms,
            fetch_allow_cidrs,
        } = config;
        let allowed = AllowList::new(fetch_allow_cidrs.clone());
        Ok(Self {
            clients: GuardedClients::new(&allowed, &SystemLookup::shared(), client)?,
            allowed,
            limit_bytes: *fetch_max_bytes,
            limit: Duration::from_millis(*fetch_timeout_ms),
        })
    }

    /// The bytes behind a URL. May be cancelled and repeated.
    ///
    /// # Errors
    /// [`FetchError`], with a stable code.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        let target = Target::parse(url, &self.allowed)?;
        tokio::time::timeout(self.limit, self.get(&target))
            .await
            .unwrap_or(Err(FetchError::Timeout { limit: self.limit }))
    }

    async fn get(&self, target: &Target) -> Result<Bytes, FetchError> {
        let request = self
            .clients
            .of(target.reach)
            .get(target.url.clone())
            .header(ACCEPT, "image/*")
            // A compressed answer would need a cap of its own behind the cap on bytes.
            .header(ACCEPT_ENCODING, "identity");
        let response = request
            .send()
            .await
            .map_err(|error| no_answer(&target.host, error))?;
        expect_ok(target, &response)?;
        self.read(target, response).await
    }

    async fn read(&self, target: &Target, mut response: Response) -> Result<Bytes, FetchError> {
        let host = || target.host.clone();
        let too_large = || FetchError::TooLarge {
            limit_bytes: self.limit_bytes,
        };
        if response
            .content_length()
            .is_some_and(|length| length > self.limit_bytes)
        {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::Broken {
            host: host(),
            source: error.without_url().into(),
        })? {
            if (body.len() + chunk.len()) as u64 > self.limit_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        if body.is_empty() {
            return Err(FetchError::Empty { host: host() });
        }
        Ok(body.freeze())
    }
}

fn client(builder: ClientBuilder) -> ClientBuilder {
    builder
        .http1_only()
        // A connection to a stranger is not kept: the next picture has another host.
        .pool_max_idle_per_host(0)
}

fn expect_ok(target: &Target, response: &Response) -> Result<(), FetchError> {
    let host = target.host.clone();
    let status = response.status();
    if status.is_redirection() {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let to = location.and_then(|location| target.url.join(location).ok());
        let to = to
            .as_ref()
            .and_then(Url::host_str)
            .unwrap_or(&host)
            .to_owned();
        return Err(FetchError::Redirect {
            host,
            status: status.as_u16(),
            target: to,
        });
    }
    if status != http::StatusCode::OK {
        return Err(FetchError::Status {
            host,
            status: status.as_u16(),
        });
    }
    Ok(())
}

/// Why no answer came.
fn no_answer(host: &str, error: reqwest::Error) -> FetchError {
    let host = host.to_owned();
    // The URL's path may be signed; it stays out of logs.
    let error = error.without_url();
    let why = NoAnswer::of(&error);
    let source = error.into();
    match why {
        NoAnswer::Refused(refused) => FetchError::Address(refused),
        NoAnswer::Unresolved => FetchError::Unresolved { host, source },
        NoAnswer::Tls | NoAnswer::Connect => FetchError::Connect { host, source },
        NoAnswer::Broken => FetchError::Broken { host, source },
    }
}
