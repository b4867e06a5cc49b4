//! A receiver that remembers when each message came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::Event;
use testkit::{Reply, WebhookReceiver, wait};
use uuid::Uuid;

/// What came: of each event the first time, and how often altogether.
#[derive(Debug, Default)]
struct Seen {
    first: HashMap<Uuid, Instant>,
    requests: u64,
}

/// A receiver that answers 200 at once.
pub(crate) struct Arrivals {
    receiver: WebhookReceiver,
    seen: Arc<Mutex<Seen>>,
}

impl Arrivals {
    /// Starts it.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        let receiver = WebhookReceiver::counting(move |received| {
            let at = Instant::now();
            let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
            seen.requests += 1;
            if let Some(event) = Event::parse_message_id(received.id()) {
                seen.first.entry(event).or_insert(at);
            }
            Reply::status(200)
        })
        .await?;
        Ok(Self { receiver, seen })
    }

    /// Where it listens.
    pub(crate) fn url(&self, path: &str) -> String {
        self.receiver.url(path)
    }

    /// Its socket.
    pub(crate) fn address(&self) -> SocketAddr {
        self.receiver.address()
    }

    /// Waits until so many events have come; when the last of them did.
    pub(crate) async fn all(&self, count: usize, within: Duration) -> anyhow::Result<Instant> {
        let what = format!("{count} events have arrived");
        wait::until(&what, within, async || self.events() >= count)
            .await
            .map_err(|error| anyhow::anyhow!("{error}; {} came", self.events()))?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(seen
            .first
            .values()
            .max()
            .copied()
            .unwrap_or_else(Instant::now))
    }

    /// How many different events have come.
    pub(crate) fn events(&self) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.first.len()
    }

    /// How many requests have come.
    pub(crate) fn requests(&self) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests
    }

    /// When each event came first.
    pub(crate) fn first(&self) -> HashMap<Uuid, Instant> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.first.clone()
    }
}
