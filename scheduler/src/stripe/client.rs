//! One request to Stripe and its answer.

use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use service::telemetry::error_chain;
use url::{Url, form_urlencoded};

use super::config::StripeArgs;

/// The version of the API that this code was written for; Stripe answers an older client's way until it is raised.
const VERSION: &str = "2026-10-28.endive";
/// As much of an answer is read: a page of a hundred invoices has some 500 kB.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Below the time after which servers close an idle connection.
const IDLE: Duration = Duration::from_secs(4);

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// It was done, or found.
    Done(Value),
    /// Stripe answered with an error.
    Refused(Refusal),
    /// No answer came, or none that can be read; the request may have been carried out.
    Lost(String),
}

/// An error of Stripe's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// `error.type`, such as `idempotency_error`.
    pub(super) kind: String,
    /// `error.code`, such as `resource_missing`.
    pub(super) code: String,
    /// `error.message`.
    pub(super) message: String,
    /// Seconds after which a repeat is welcome.
    pub(super) retry_after_seconds: Option<u64>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            kind,
            code,
            message,
            ..
        } = self;
        write!(f, "{status} {kind} {code}: {message}")
    }
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum StripeSetupError {
    /// The address cannot be used.
    #[error("--stripe-base-url: expected http:// or https:// without query, found {0:?}")]
    BaseUrl(String),
    /// TLS cannot be set up.
    #[error("the client for Stripe cannot be built")]
    Client(#[source] reqwest::Error),
}

/// Stripe, as one process speaks with it. Cheap to clone.
#[derive(Clone)]
pub struct StripeClient {
    http: Client,
    base: String,
    key: SecretString,
}

impl StripeClient {
    /// The client that the settings ask for; none without a key. Connects nowhere.
    ///
    /// # Errors
    /// [`StripeSetupError`] when a setting cannot be used.
    pub fn new(args: &StripeArgs) -> Result<Option<Self>, StripeSetupError> {
        let Some(key) = args.stripe_secret_key.clone() else {
            return Ok(None);
        };
        let text = &args.stripe_base_url;
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
        });
        if url.is_none() {
            return Err(StripeSetupError::BaseUrl(text.clone()));
        }
        // As every client of this house: nothing is sent twice, followed or proxied behind its back.
        let http = Client::builder()
            .tls_backend_rustls()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .pool_idle_timeout(IDLE)
            .timeout(Duration::from_millis(args.stripe_timeout_ms))
            .build()
            .map_err(StripeSetupError::Client)?;
        Ok(Some(Self {
            http,
            base: text.trim_end_matches('/').to_owned(),
            key,
        }))
    }

    /// Writes, under an idempotency key. May be cancelled; whether it was carried out is then not known.
    pub(super) async fn post(&self, path: &str, key: &str, fields: &[(String, String)]) -> Answer {
        let url = format!("{}{path}", self.base);
        let request = self.http.post(url).header("idempotency-key", key);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.exchange(request.body(encode(fields))).await
    }

    /// Asks. May be cancelled.
    pub(super) async fn get(&self, path: &str, query: &[(String, String)]) -> Answer {
        let url = format!("{}{path}?{}", self.base, encode(query));
        self.exchange(self.http.get(url)).await
    }

    async fn exchange(&self, request: RequestBuilder) -> Answer {
        let request = request
            .bearer_auth(self.key.expose_secret())
            .header("stripe-version", VERSION);
        let lost = |error: reqwest::Error| Answer::Lost(error_chain(&error.without_url()));
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return lost(error),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                    return Answer::Lost(format!(
                        "an answer of more than {MAX_ANSWER_BYTES} bytes"
                    ));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return lost(error),
            }
        }
        read(status, &headers, &body)
    }
}

fn encode(fields: &[(String, String)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}

fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Answer {
    let json = serde_json::from_slice::<Value>(body);
    if (200..300).contains(&status) {
        return match json {
            Ok(object) => Answer::Done(object),
            // It was done, and what was made is not told: as good as no answer.
            Err(error) => Answer::Lost(format!(
                "status {status} with a body that is no JSON: {error}"
            )),
        };
    }
    // An error without Stripe's document comes from something in front of it; the status says enough.
    let error = json.unwrap_or_default();
    let text = |name: &str| error["error"][name].as_str().unwrap_or_default().to_owned();
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    Answer::Refused(Refusal {
        status,
        kind: text("type"),
        code: text("code"),
        message: text("message"),
        retry_after_seconds: retry_after,
    })
}
