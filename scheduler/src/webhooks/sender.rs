//! One try: a POST to a stranger's server, and what came of it.
//!
//! The deadline covers everything, from the look-up of the name to the last byte of the answer that is
//! read. Of the answer at most [`MAX_RESPONSE_BYTES`] are read; where more comes, the connection is
//! dropped. Redirects are answers like others. A try may be cancelled; whether the receiver got it is then
//! not known, as with any lost answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::address::AllowList;
use domain::webhook_policy::{AttemptFault, MAX_REASON_CHARS};
use domain::{Target, TargetFault};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use providers::ConfigError;
use providers::guard::{GuardedClients, Lookup, NoAnswer, timing};
use reqwest::Response;
use service::telemetry::error_chain;

/// As much of an answer's body is read and kept.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024;
/// As much of an answer's headers is kept, names and values together.
const MAX_HEADER_BYTES: usize = 4 * 1024;

/// Below the five seconds after which widespread servers close an idle connection: a request on a
/// connection that is just being closed fails.
const IDLE: Duration = Duration::from_secs(4);
const MAX_IDLE_PER_HOST: usize = 64;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where to.
    pub url: String,
    /// All headers but the content type.
    pub headers: HeaderMap,
    /// The exact bytes that were signed.
    pub body: Bytes,
    /// How long the whole try may take.
    pub limit: Duration,
}

/// What came of a try.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status, where one came.
    pub status: Option<u16>,
    /// Why it did not deliver; `None` where it did.
    pub fault: Option<AttemptFault>,
    /// The same in words; empty where it delivered.
    pub reason: String,
    /// The address that was connected to.
    pub remote_ip: Option<String>,
    /// The beginning of the answer's body.
    pub response: Vec<u8>,
    /// Whether there was more.
    pub response_truncated: bool,
    /// The first of the answer's headers.
    pub response_headers: Vec<(String, String)>,
    /// The answer's `Retry-After`.
    pub retry_after: Option<String>,
    /// All of it.
    pub duration: Duration,
    /// Look-up of the name.
    pub dns: Option<Duration>,
    /// TCP and TLS.
    pub connect: Option<Duration>,
    /// From the beginning to the answer's head.
    pub first_byte: Option<Duration>,
}

/// Sends webhooks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    clients: GuardedClients,
    allowed: AllowList,
}

impl Sender {
    /// Builds the clients; connects nowhere.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allowed: &AllowList, lookup: &Arc<dyn Lookup>) -> Result<Self, ConfigError> {
        let clients = GuardedClients::new(allowed, lookup, |builder| {
            builder
                .http1_only()
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        })?;
        Ok(Self {
            clients,
            allowed: allowed.clone(),
        })
    }

    /// Makes one try.
    pub async fn send(&self, message: Message) -> Answer {
        let started = Instant::now();
        let mut answer = Answer::default();
        let limit = message.limit;
        match Target::parse(&message.url, &self.allowed) {
            Err(fault) => answer.refuse(&fault),
            Ok(target) => {
                let exchange = self.exchange(&target, message, started, &mut answer);
                let (within, connection) =
                    timing::timed(tokio::time::timeout(limit, exchange)).await;
                if within.is_err() {
                    answer.fail(AttemptFault::Timeout, &format!("{} s", limit.as_secs_f32()));
                }
                answer.dns = connection.lookup;
                answer.connect = connection.connect;
            }
        }
        answer.duration = started.elapsed();
        answer
    }

    async fn exchange(
        &self,
        target: &Target,
        message: Message,
        started: Instant,
        answer: &mut Answer,
    ) {
        let request = self
            .clients
            .of(target.reach)
            .post(target.url.clone())
            .headers(message.headers)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(message.body);
        match request.send().await {
            Err(error) => answer.unanswered(error),
            Ok(response) => {
                answer.first_byte = Some(started.elapsed());
                answer.head(&response);
                let read = answer.read(response).await;
                // The status counts only with the whole answer, or as much of it as is ever read.
                match (read, answer.status.and_then(AttemptFault::of_status)) {
                    (Err(error), _) => answer.unanswered(error),
                    (Ok(()), Some(fault)) => {
                        let status = answer.status.unwrap_or_default();
                        answer.fail(fault, &format!("status {status}"));
                    }
                    (Ok(()), None) => {}
                }
            }
        }
    }
}

impl Answer {
    /// Whether the receiver has it.
    pub fn delivered(&self) -> bool {
        self.fault.is_none()
    }

    /// A try that came to nothing by a fault of ours.
    pub(super) fn broken() -> Self {
        let mut answer = Self::default();
        answer.fail(AttemptFault::Broken, "the try itself failed");
        answer
    }

    fn fail(&mut self, fault: AttemptFault, detail: &str) {
        self.fault = Some(fault);
        let reason = format!("{} ({detail})", fault.explanation());
        self.reason = reason.chars().take(MAX_REASON_CHARS).collect();
    }

    fn refuse(&mut self, fault: &TargetFault) {
        match fault {
            TargetFault::InvalidUrl(why) => self.fail(AttemptFault::InvalidUrl, why),
            TargetFault::Scheme(scheme) => self.fail(AttemptFault::BlockedScheme, scheme),
            TargetFault::Port(port) => self.fail(AttemptFault::BlockedPort, &port.to_string()),
            TargetFault::Credentials => self.fail(AttemptFault::BlockedCredentials, "userinfo"),
            TargetFault::Address(refused) => {
                self.fail(AttemptFault::BlockedAddress, refused.network)
            }
        }
    }

    fn unanswered(&mut self, error: reqwest::Error) {
        let why = NoAnswer::of(&error);
        let error = error_chain(&error.without_url());
        match why {
            // What an inner name resolves to is nobody's business outside: the network's kind is enough.
            NoAnswer::Refused(refused) => self.fail(AttemptFault::BlockedAddress, refused.network),
            NoAnswer::Unresolved => self.fail(AttemptFault::Dns, &error),
            NoAnswer::Tls => self.fail(AttemptFault::Tls, &error),
            NoAnswer::Connect => self.fail(AttemptFault::Connect, &error),
            NoAnswer::Broken => self.fail(AttemptFault::Broken, &error),
        }
    }

    fn head(&mut self, response: &Response) {
        self.status = Some(response.status().as_u16());
        self.remote_ip = response
            .remote_addr()
            .map(|address| address.ip().to_string());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        self.retry_after = response.headers().get(RETRY_AFTER).map(text);
        let mut room = MAX_HEADER_BYTES;
        for (name, value) in response.headers() {
            let value = text(value);
            let Some(left) = room.checked_sub(name.as_str().len() + value.len()) else {
                break;
            };
            room = left;
            self.response_headers
                .push((name.as_str().to_owned(), value));
        }
    }

    async fn read(&mut self, mut response: Response) -> reqwest::Result<()> {
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_RESPONSE_BYTES - self.response.len();
            if chunk.len() > room {
                self.response.extend_from_slice(&chunk[..room]);
                self.response_truncated = true;
                break;
            }
            self.response.extend_from_slice(&chunk);
        }
        Ok(())
    }
}
