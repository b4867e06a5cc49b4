//! One request, from its head to its answer: key, faults, ledger entry, headers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::Clock;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt, Limited};
use sha2::{Digest, Sha256};

use crate::answer::{Answer, Failure, Outcome};
use crate::fault::{Fired, Kind, Mode, Probe, RetryAfter};
use crate::ids;
use crate::ledger::{Entry, EntryNumber};
use crate::provider::Provider;
use crate::socket::Connection;
use crate::world::World;

/// The largest body that is read. OpenAI takes 16 pictures of 50 MB; nothing here needs as much.
const MAX_BODY_BYTES: usize = 256 << 20;

/// A refusal that every provider knows, before its words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoKey,
    BadKey,
    RateLimited(Retry),
    Quota { code: Option<String> },
    ServerError { status: u16 },
    Overloaded(Retry),
    ModelGone { model: String },
    TooLarge,
}

/// What a refusal says about coming back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) says: RetryAfter,
    pub(crate) after: Duration,
}

impl Retry {
    /// Whole seconds, rounded up: coming back then succeeds.
    pub(crate) fn seconds(self) -> u64 {
        self.after.as_millis().div_ceil(1000).max(1) as u64
    }

    /// Adds the headers, if there are any.
    pub(crate) fn dress(self, mut answer: Answer) -> Answer {
        if self.says != RetryAfter::None {
            answer.set("retry-after", &self.seconds().to_string());
        }
        if self.says == RetryAfter::Ms {
            let ms = self.after.as_micros().div_ceil(1000);
            answer.set("retry-after-ms", &ms.to_string());
        }
        answer
    }
}

/// What accepting a request costs and is known by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Charge {
    pub(crate) billed: bool,
    pub(crate) cost_micros: i64,
    pub(crate) pictures: u32,
    pub(crate) seed: Option<u64>,
    pub(crate) webhook: Option<String>,
    pub(crate) remote_id: Option<String>,
    /// What is to be drawn, as the client wrote it.
    pub(crate) prompt: String,
}

/// Which endpoint a request came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint {
    pub(crate) provider: Provider,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// One request.
pub(crate) struct Call {
    pub(crate) world: Arc<World>,
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
    pub(crate) request_id: String,
    pub(crate) fired: Fired,
    connection: Connection,
    began: Instant,
    at: DateTime<Utc>,
    model: String,
    entry: Option<EntryNumber>,
    too_large: bool,
}

impl Call {
    /// Reads the request. One whose body breaks off in the middle ends with its connection.
    pub(crate) async fn read(world: Arc<World>, endpoint: Endpoint, request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let connection = parts
            .extensions
            .get::<Connection>()
            .cloned()
            .unwrap_or_default();
        let (body, too_large) = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => (body.to_bytes(), false),
            Err(_) => (Bytes::new(), true),
        };
        let at = world.clock.now();
        Self {
            world,
            endpoint,
            headers: parts.headers,
            uri: parts.uri,
            body,
            request_id: ids::request(),
            fired: Fired::default(),
            connection,
            began: Instant::now(),
            at,
            model: String::new(),
            entry: None,
            too_large,
        }
    }

    /// Checks the key and the faults that strike before anything is accepted.
    pub(crate) fn gate(&mut self, model: &str) -> Result<(), Failure> {
        self.strike(model, true)
    }

    /// As [`Call::gate`], for what is open to everybody.
    pub(crate) fn gate_without_key(&mut self, model: &str) -> Result<(), Failure> {
        self.strike(model, false)
    }

    fn strike(&mut self, model: &str, needs_key: bool) -> Result<(), Failure> {
        model.clone_into(&mut self.model);
        let Endpoint {
            provider,
            name,
            kind,
        } = self.endpoint;
        self.fired = self.world.faults.meet(Probe {
            provider,
            endpoint: name,
            model,
            kind,
        });
        if self.fired.has(Mode::Outage) {
            return Err(Failure::Reset);
        }
        if needs_key && self.key().is_none() {
            return Err(provider.refuse(&Refusal::NoKey).into());
        }
        if self.fired.has(Mode::ResetBeforeAccept) {
            return Err(Failure::Reset);
        }
        match self.refusal() {
            Some(refusal) => Err(provider.refuse(&refusal).into()),
            None => Ok(()),
        }
    }

    fn refusal(&self) -> Option<Refusal> {
        let fired = &self.fired;
        if self.too_large {
            return Some(Refusal::TooLarge);
        }
        if fired.has(Mode::AuthInvalid) {
            return Some(Refusal::BadKey);
        }
        if let Some(after) = fired.window_left {
            let says = fired.retry_after(Mode::RateLimit);
            return Some(Refusal::RateLimited(Retry { says, after }));
        }
        if let Some(fault) = fired.get(Mode::Quota) {
            return Some(Refusal::Quota {
                code: fault.code.clone(),
            });
        }
        if let Some(fault) = fired.get(Mode::ErrorBefore) {
            return Some(Refusal::ServerError {
                status: fault.status.unwrap_or(500),
            });
        }
        if let Some(after) = fired.pause(Mode::Overloaded) {
            let says = fired.retry_after(Mode::Overloaded);
            return Some(Refusal::Overloaded(Retry { says, after }));
        }
        fired.has(Mode::ModelGone).then(|| Refusal::ModelGone {
            model: self.model.clone(),
        })
    }

    /// Writes the accepted request down.
    pub(crate) fn accept(&mut self, charge: Charge) -> EntryNumber {
        let mut entry = self.blank_entry();
        entry.accepted = true;
        entry.billed = charge.billed;
        entry.cost_micros = if charge.billed { charge.cost_micros } else { 0 };
        entry.pictures = charge.pictures;
        entry.seed = charge.seed;
        entry.webhook = charge.webhook;
        entry.remote_id = charge.remote_id;
        entry.prompt_sha256 = hex(&Sha256::digest(charge.prompt.as_bytes()));
        let number = self.world.ledger.add(entry);
        self.entry = Some(number);
        number
    }

    /// Works for as long as a synchronous call takes, then lets the faults strike that come after
    /// accepting. If the client leaves meanwhile this is dropped, and the entry stays.
    pub(crate) async fn work(&self, duration: Duration) -> Result<(), Failure> {
        for mode in [Mode::ResetAfterAccept, Mode::LostAck] {
            if let Some(pause) = self.fired.pause(mode) {
                tokio::time::sleep(pause).await;
                return Err(Failure::Reset);
            }
        }
        if !duration.is_zero() {
            tokio::time::sleep(duration).await;
        }
        if let Some(fault) = self.fired.get(Mode::ErrorAfterBill) {
            tokio::time::sleep(Duration::from_millis(fault.ms.unwrap_or(0))).await;
            let status = fault.status.unwrap_or(500);
            return Err(self
                .endpoint
                .provider
                .refuse(&Refusal::ServerError { status })
                .into());
        }
        Ok(())
    }

    /// Sends the outcome.
    pub(crate) async fn finish(self, outcome: Outcome) -> Response {
        let number = self.entry.or_else(|| {
            let asked = self.endpoint.kind != Kind::Read;
            asked.then(|| self.world.ledger.add(self.blank_entry()))
        });
        let mut answer = match outcome {
            Ok(answer) => answer,
            Err(Failure::Answer(answer)) => *answer,
            Err(Failure::Reset) => {
                self.connection.reset();
                // The connection's task drops this request together with the connection.
                return std::future::pending().await;
            }
        };
        if let Some(pause) = self.fired.pause(Mode::Slow) {
            tokio::time::sleep(pause).await;
        }
        let good = answer.status.is_success();
        let spoiled = answer.spoil(if good {
            &self.fired
        } else {
            const { &Fired::NONE }
        });
        self.dress(&mut answer);
        if let Some(number) = number {
            let status = answer.status.as_u16();
            self.world
                .ledger
                .change(number, |entry| entry.status = Some(status));
        }
        let receipt = answer.delivers.map(|number| {
            let world = Arc::clone(&self.world);
            Box::new(move || world.ledger.deliver(number)) as crate::socket::Receipt
        });
        answer.into_response(&spoiled, &self.connection, receipt)
    }

    fn dress(&self, answer: &mut Answer) {
        match self.endpoint.provider {
            Provider::OpenAi => {
                let ms = self.began.elapsed().as_millis().max(1).to_string();
                answer.set("x-request-id", &self.request_id);
                answer.set("openai-processing-ms", &ms);
                answer.set("openai-version", "2020-10-01");
                answer.set("openai-organization", "org-sandbox");
            }
            Provider::Stability => answer.set("x-request-id", &self.request_id),
            Provider::Replicate => {
                answer.set("ratelimit-remaining", "599");
                answer.set("ratelimit-reset", "1");
            }
        }
    }

    fn blank_entry(&self) -> Entry {
        let text = |name: &str| {
            let value = self.headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        Entry {
            n: 0,
            provider: self.endpoint.provider,
            endpoint: self.endpoint.name,
            model: self.model.clone(),
            request_id: self.request_id.clone(),
            remote_id: None,
            accepted: false,
            billed: false,
            delivered: false,
            cost_micros: 0,
            pictures: 0,
            status: None,
            faults: self.fired.names(),
            key: self.key().map(|key| key_hash(&key)).unwrap_or_default(),
            client_request_id: text("x-client-request-id"),
            idempotency_key: text("idempotency-key"),
            seed: None,
            webhook: None,
            prompt_sha256: String::new(),
            at: self.at,
        }
    }

    /// The key, whatever scheme it comes with. Any that is not empty will do.
    fn key(&self) -> Option<String> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
        let known = ["bearer", "token", ""].contains(&scheme.to_ascii_lowercase().as_str());
        let key = rest.trim();
        // A bare `Bearer` is a scheme without a key.
        let empty = key.is_empty() || (scheme.is_empty() && key.eq_ignore_ascii_case("bearer"));
        (known && !empty).then(|| key.to_owned())
    }

    /// `http://HOST` as the client reached us.
    pub(crate) fn origin(&self) -> String {
        let host = self
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok());
        format!("http://{}", host.unwrap_or("127.0.0.1"))
    }
}

fn key_hash(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes())[..6])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
