//! Hints by publish and subscribe: cancelled generations, those whose provider announced something, and
//! nudges for duties.
//!
//! A hint may be lost; the state behind it stands in PostgreSQL and is read periodically. So a feed
//! reconnects for ever and never reports an error.

use std::time::Duration;

use domain::GenerationId;
use futures::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Cmd, RedisError};

use crate::backoff::Backoff;
use crate::error::QueueError;
use crate::handle::Queue;

/// A feed that is silent for this long asks the server whether it is still there: a connection whose
/// other end vanished says nothing by itself.
const SILENCE: Duration = Duration::from_secs(15);

impl Queue {
    /// Tells every worker that a generation was cancelled.
    ///
    /// # Errors
    /// As every command; the cancel holds all the same, workers see it later.
    pub async fn publish_cancel(&self, id: GenerationId) -> Result<(), QueueError> {
        self.publish(self.keys().cancel(), &id.as_text()).await
    }

    /// Tells every worker that a generation's provider announced something: whoever waits for its picture
    /// asks now.
    ///
    /// # Errors
    /// As every command; it is asked all the same, later.
    pub async fn publish_announced(&self, id: GenerationId) -> Result<(), QueueError> {
        self.publish(self.keys().announced(), &id.as_text()).await
    }

    /// Wakes a duty before its period is over.
    ///
    /// # Errors
    /// As every command; the duty runs all the same, later.
    pub async fn nudge(&self, duty: &str) -> Result<(), QueueError> {
        self.publish(self.keys().nudge(), duty).await
    }

    async fn publish(&self, channel: String, payload: &str) -> Result<(), QueueError> {
        self.command::<u64>("PUBLISH", &Cmd::publish(channel, payload))
            .await
            .map(drop)
    }

    /// The cancelled generations, as they are published from now on.
    pub fn subscribe_cancels(&self) -> GenerationFeed {
        GenerationFeed(Feed::new(self, self.keys().cancel(), "cancel"))
    }

    /// The generations whose provider announced something, as they are published from now on.
    pub fn subscribe_announced(&self) -> GenerationFeed {
        GenerationFeed(Feed::new(self, self.keys().announced(), "announced"))
    }

    /// The duties nudged, as they are published from now on.
    pub fn subscribe_nudges(&self) -> NudgeFeed {
        NudgeFeed(Feed::new(self, self.keys().nudge(), "nudge"))
    }
}

/// Generations that something is told about. Connects with the first [`Self::next`].
#[derive(Debug)]
pub struct GenerationFeed(Feed);

impl GenerationFeed {
    /// Waits for the next one, over any number of reconnections. May be cancelled without losing a
    /// message that had arrived.
    pub async fn next(&mut self) -> GenerationId {
        loop {
            if let Ok(id) = self.0.next().await.parse() {
                return id;
            }
        }
    }
}

/// Nudged duties. Connects with the first [`Self::next`].
#[derive(Debug)]
pub struct NudgeFeed(Feed);

impl NudgeFeed {
    /// Waits for the next one, over any number of reconnections. May be cancelled without losing a
    /// message that had arrived.
    pub async fn next(&mut self) -> String {
        self.0.next().await
    }
}

struct Live {
    sink: PubSubSink,
    messages: PubSubStream,
}

struct Feed {
    queue: Queue,
    channel: String,
    name: &'static str,
    live: Option<Live>,
    backoff: Backoff,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Feed {
    fn new(queue: &Queue, channel: String, name: &'static str) -> Self {
        Self {
            queue: queue.clone(),
            channel,
            name,
            live: None,
            backoff: Backoff::default(),
        }
    }

    async fn next(&mut self) -> String {
        loop {
            match self.listen().await {
                Ok(payload) => return payload,
                Err(error) => self.lost(&error).await,
            }
        }
    }

    /// Waits for one message on a living connection. Between its awaits nothing is held that a
    /// cancellation could lose.
    async fn listen(&mut self) -> Result<String, RedisError> {
        if self.live.is_none() {
            self.live = Some(Box::pin(self.connect()).await?);
            if self.backoff.failures() > 0 {
                tracing::info!(feed = self.name, "subscribed to Redis again");
            }
            self.backoff.succeeded();
        }
        let answer_limit = self.queue.inner.command_timeout;
        while let Some(live) = self.live.as_mut() {
            match tokio::time::timeout(SILENCE, live.messages.next()).await {
                Ok(Some(message)) => {
                    return Ok(String::from_utf8_lossy(message.get_payload_bytes()).into_owned());
                }
                Ok(None) => break,
                Err(_) => {
                    let ping = tokio::time::timeout(answer_limit, live.sink.ping::<redis::Value>());
                    ping.await.map_err(|_| timed_out())??;
                }
            }
        }
        Err(closed())
    }

    async fn connect(&self) -> Result<Live, RedisError> {
        let inner = &self.queue.inner;
        let connecting = async {
            let mut pubsub = inner.client.get_async_pubsub().await?;
            pubsub.subscribe(&self.channel).await?;
            Ok(pubsub.split())
        };
        let (sink, messages) = tokio::time::timeout(inner.connect_timeout, connecting)
            .await
            .map_err(|_| timed_out())
            .and_then(|connected| connected)?;
        inner
            .metrics
            .feed_reconnects
            .with_label_values(&[self.name])
            .inc();
        Ok(Live { sink, messages })
    }

    /// Drops the connection and waits. Logs the first failure of a row only.
    async fn lost(&mut self, error: &RedisError) {
        self.live = None;
        if self.backoff.failures() == 0 {
            tracing::warn!(feed = self.name, %error, "lost the subscription to Redis");
        }
        let wait = self.backoff.failed(rand::random());
        tokio::time::sleep(wait).await;
    }
}

fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn closed() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()
}
