//! Natural group commit: the one batching component of the project.
//!
//! Concurrent submitters share one call of a handler, usually one database transaction. A batch
//! leaves as soon as one of `slots` batch slots is free, with whatever has queued by then, up to
//! `max_items`. There is no timer: under little load an item leaves alone and at once; under much
//! load batches grow by themselves, because items queue while the slots are busy. (A linger timer of
//! 2 ms was measured to halve throughput and to double latency.)
//!
//! Invariants: items stand in a batch in the order in which they entered the queue; an item that
//! entered the queue is handled even if its submitter is cancelled; a handler runs to its end unless
//! the process stops hard; a batch that fails does not end the batcher.
//!
//! It does not retry and does not interpret results: an item that fails alone does so through its
//! own `R`, which usually is a `Result`. The handler runs outside the submitters' tracing spans.

mod config;
mod metrics;
mod slots;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use self::config::{BatchConfig, BatchConfigError};
pub use self::metrics::BatchMetrics;
use self::slots::{Queued, Slots};
use crate::tasks::Tasks;

/// Why an item has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The queue is full; the item was not taken. Only `try_submit` answers this.
    #[error("the batch queue is full")]
    Full,
    /// The batcher takes no more items; this one was not taken.
    #[error("the batcher is closed")]
    Closed,
    /// The batch with this item panicked, answered the wrong number of results or was cut off by the
    /// shutdown. **Its effect is unknown**: it may have been committed.
    #[error("the batch failed, its effect is unknown")]
    Failed,
}

/// The submitting side. Cloning is cheap; the batcher's slots end, once the queue is empty, when the
/// last clone is dropped or after [`Batcher::close`].
pub struct Batcher<T, R> {
    queue: mpsc::Sender<Queued<T, R>>,
    closing: CancellationToken,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            closing: self.closing.clone(),
        }
    }
}

impl<T, R> std::fmt::Debug for Batcher<T, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher")
            .field("free", &self.queue.capacity())
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts the slots as supervised tasks called `name`. `handler` must return exactly one result
    /// per item, in the items' order. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When a bound of `config` is zero or too large.
    pub fn spawn<H, F>(
        name: &'static str,
        config: BatchConfig,
        metrics: Option<BatchMetrics>,
        tasks: &Tasks,
        handler: H,
    ) -> Result<Self, BatchConfigError>
    where
        H: Fn(Vec<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        let BatchConfig {
            slots,
            max_items,
            queue,
        } = config.check()?;
        let (sender, receiver) = mpsc::channel(queue);
        let closing = CancellationToken::new();
        let shared = Arc::new(Slots {
            name,
            max_items,
            metrics,
            receiver: Mutex::new(receiver),
            closing: closing.clone(),
            handler,
        });
        for _ in 0..slots {
            tasks.spawn(name, shared.clone().run());
        }
        Ok(Self {
            queue: sender,
            closing,
        })
    }

    /// Submits an item, waiting for room in the queue, and waits for its result.
    ///
    /// Cancelling it while it waits for room withdraws the item; cancelling it later only gives up
    /// the result.
    ///
    /// # Errors
    /// [`BatchError::Closed`] or [`BatchError::Failed`].
    pub async fn submit(&self, item: T) -> Result<R, BatchError> {
        let room = tokio::select! {
            biased;
            () = self.closing.cancelled() => return Err(BatchError::Closed),
            room = self.queue.reserve() => room.map_err(|_| BatchError::Closed)?,
        };
        Self::deliver(room, item).await
    }

    /// Like [`Batcher::submit`], but a full queue is answered at once.
    ///
    /// # Errors
    /// [`BatchError::Full`], [`BatchError::Closed`] or [`BatchError::Failed`].
    pub async fn try_submit(&self, item: T) -> Result<R, BatchError> {
        if self.closing.is_cancelled() {
            return Err(BatchError::Closed);
        }
        let room = self.queue.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => BatchError::Full,
            mpsc::error::TrySendError::Closed(()) => BatchError::Closed,
        })?;
        Self::deliver(room, item).await
    }

    async fn deliver(room: mpsc::Permit<'_, Queued<T, R>>, item: T) -> Result<R, BatchError> {
        let (answer, answered) = oneshot::channel();
        room.send(Queued {
            item,
            since: Instant::now(),
            answer,
        });
        answered.await.map_err(|_| BatchError::Failed)
    }

    /// Takes no more items; what has queued is still handled, then the slots end.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// How many items wait for a slot now.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}
