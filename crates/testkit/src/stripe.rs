//! A Stripe of one's own: customers, invoices, invoice items and signed events, on a local address.
//!
//! It is faithful where a client of ours can go wrong, after <https://docs.stripe.com/api/idempotent_requests>:
//! - the first answer to an `Idempotency-Key`, a `500` as well, is given again for 24 hours; with other
//!   parameters the key is refused, and while the first request is under way it is `409`;
//! - an answer that was refused before anything began (`400`, `409`, `429`) is not kept;
//! - parameters that it does not know are refused, as are moves that an invoice's state does not allow;
//! - events of one object may come twice and in any order ([`FakeStripe::events`] gives them to be sent).
//!
//! [`StripeFault`]s are armed by the test. What it has is asserted at the end: [`FakeStripe::invoices`] and
//! the like, and [`FakeStripe::requests`] for how it was asked. The official Python client is the judge of
//! its answers (`crates/testkit/tests/it/stripe.rs`). It has no payments, taxes or subscriptions.

mod events;
mod form;
mod http;
mod objects;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use events::StripeEvent;
use state::State;

/// A way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripeFault {
    /// Does what was asked, then answers `500`, which is kept under the key as any answer.
    FailAfterCommit,
    /// Does nothing and answers `500`, which is kept under the key as any answer.
    FailBefore,
    /// Answers `409`: another request with this key is under way.
    KeyInUse,
    /// Answers `429`.
    TooMany,
    /// Does what was asked, and answers after this long.
    Slow(Duration),
}

/// One request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeRequest {
    /// `POST` or `GET`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The header `Idempotency-Key`.
    pub key: Option<String>,
    /// The status that was answered.
    pub status: u16,
    /// Whether an earlier answer was given again.
    pub replayed: bool,
}

/// A running fake. It ends with this value.
pub struct FakeStripe {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends with this value.
    _serving: JoinSet<()>,
}

/// What the handlers share with the test.
struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

impl FakeStripe {
    /// Starts one on a free port. `clock` decides when keys are forgotten. Must be called on a runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            clock,
        });
        let router = http::router(shared.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            // A listener of our own does not fail.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            shared,
            _serving: serving,
        })
    }

    /// Its address, without a trailing slash: what `https://api.stripe.com` is for the real one.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Misbehaves so for the next `times` requests that write.
    pub fn arm(&self, fault: StripeFault, times: usize) {
        self.shared.state().arm(fault, times);
    }

    /// Misbehaves no more.
    pub fn disarm(&self) {
        self.shared.state().disarm();
    }

    /// Every customer, in the order of making.
    pub fn customers(&self) -> Vec<Value> {
        self.shared.state().objects.customers.clone()
    }

    /// Every invoice, in the order of making.
    pub fn invoices(&self) -> Vec<Value> {
        self.shared.state().objects.invoices.clone()
    }

    /// Every invoice item, in the order of making.
    pub fn items(&self) -> Vec<Value> {
        self.shared.state().objects.items.clone()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<StripeRequest> {
        self.shared.state().seen.clone()
    }

    /// Every event so far, signed with `secret` at this moment: a real one signs each delivery anew.
    pub fn events(&self, secret: &str) -> Vec<StripeEvent> {
        let now = self.shared.now();
        let state = self.shared.state();
        let events = state.objects.events.iter();
        events
            .map(|event| events::sign(event, secret, now))
            .collect()
    }

    /// Somebody finalises a draft at Stripe. Returns whether there was one.
    pub fn finalize(&self, invoice: &str) -> bool {
        self.change(invoice, "open")
    }

    /// The customer pays an open or uncollectible invoice. Returns whether there was one to pay.
    pub fn pay(&self, invoice: &str) -> bool {
        self.change(invoice, "paid")
    }

    /// A payment of an open invoice fails. Returns whether there was one.
    pub fn fail_payment(&self, invoice: &str) -> bool {
        let now = self.shared.now();
        self.shared.state().objects.fail_payment(invoice, now)
    }

    /// Somebody voids the invoice at Stripe. Returns whether that was possible.
    pub fn void(&self, invoice: &str) -> bool {
        self.change(invoice, "void")
    }

    /// Somebody gives the invoice up at Stripe. Returns whether that was possible.
    pub fn give_up(&self, invoice: &str) -> bool {
        self.change(invoice, "uncollectible")
    }

    fn change(&self, invoice: &str, status: &'static str) -> bool {
        let now = self.shared.now();
        self.shared
            .state()
            .objects
            .change(invoice, status, now)
            .is_ok()
    }
}
