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

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use prometheus::Histogram;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::metrics::{BATCH_ITEMS, MetricError, MetricSpec, Metrics, SECONDS_FAST};
use crate::tasks::Tasks;

/// The bounds of a batcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// Batches in flight at the same time, 1 to [`BatchConfig::SLOTS_LIMIT`].
    pub slots: usize,
    /// Items in one batch, 1 to [`BatchConfig::ITEMS_LIMIT`].
    pub max_items: usize,
    /// Items waiting for a slot, 1 to [`BatchConfig::QUEUE_LIMIT`].
    pub queue: usize,
}

impl BatchConfig {
    /// Each slot usually holds a database connection; more than this is a mistake.
    pub const SLOTS_LIMIT: usize = 64;
    /// One transaction of more items than this holds its locks too long.
    pub const ITEMS_LIMIT: usize = 10_000;
    /// The queue lives in memory; a longer one only hides that the database is too slow.
    pub const QUEUE_LIMIT: usize = 1_000_000;

    fn check(self) -> Result<Self, BatchConfigError> {
        let bounds = [
            ("slots", self.slots, Self::SLOTS_LIMIT),
            ("max_items", self.max_items, Self::ITEMS_LIMIT),
            ("queue", self.queue, Self::QUEUE_LIMIT),
        ];
        match bounds
            .into_iter()
            .find(|(_, value, limit)| !(1..=*limit).contains(value))
        {
            None => Ok(self),
            Some((field, value, limit)) => Err(BatchConfigError {
                field,
                value,
                limit,
            }),
        }
    }
}

/// A bound of [`BatchConfig`] that is zero or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("batch setting {field} is {value}, it must be between 1 and {limit}")]
pub struct BatchConfigError {
    /// The field's name.
    pub field: &'static str,
    /// What was given.
    pub value: usize,
    /// The largest allowed value.
    pub limit: usize,
}

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

/// What a batcher measures.
#[derive(Debug, Clone)]
pub struct BatchMetrics {
    /// Items per batch, observed when it leaves.
    pub items: Histogram,
    /// Seconds an item waited in the queue for its batch to leave.
    pub wait_seconds: Histogram,
    /// Seconds the handler took for one batch.
    pub duration_seconds: Histogram,
}

impl BatchMetrics {
    /// Registers `atelier_<part>_batch_items`, `…_batch_wait_seconds` and `…_batch_duration_seconds`.
    ///
    /// # Errors
    /// When `part` does not make a valid name or is registered already.
    pub fn register(metrics: &Metrics, part: &str) -> Result<Self, MetricError> {
        let histogram = |what: &str, help: &str, buckets: &[f64]| {
            let name = format!("atelier_{part}_batch_{what}");
            metrics.register::<Histogram>(&MetricSpec {
                name: &name,
                help,
                labels: &[],
                buckets,
            })
        };
        Ok(Self {
            items: histogram(
                "items",
                "Items that left together in one batch.",
                BATCH_ITEMS,
            )?,
            wait_seconds: histogram(
                "wait_seconds",
                "Time an item waited for a free batch slot.",
                SECONDS_FAST,
            )?,
            duration_seconds: histogram(
                "duration_seconds",
                "Time the handler took for one batch.",
                SECONDS_FAST,
            )?,
        })
    }
}

struct Queued<T, R> {
    item: T,
    since: Instant,
    answer: oneshot::Sender<R>,
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
        let (answer, answered) = oneshot::channel();
        room.send(Queued {
            item,
            since: Instant::now(),
            answer,
        });
        answered.await.map_err(|_| BatchError::Failed)
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

/// The handling side: every slot runs [`Slots::run`] on the one shared queue.
struct Slots<T, R, H> {
    name: &'static str,
    max_items: usize,
    metrics: Option<BatchMetrics>,
    receiver: Mutex<mpsc::Receiver<Queued<T, R>>>,
    closing: CancellationToken,
    handler: H,
}

impl<T, R, H, F> Slots<T, R, H>
where
    H: Fn(Vec<T>) -> F,
    F: Future<Output = Vec<R>>,
{
    async fn run(self: Arc<Self>) {
        while let Some(batch) = self.next().await {
            self.handle(batch).await;
        }
    }

    /// Everything that waits, up to `max_items`; `None` once the queue is closed and empty. A free
    /// slot waits here holding the receiver, the other free slots wait for the lock.
    async fn next(&self) -> Option<Vec<Queued<T, R>>> {
        let mut receiver = self.receiver.lock().await;
        let mut batch = Vec::new();
        if !self.closing.is_cancelled() {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => {}
                _ = receiver.recv_many(&mut batch, self.max_items) => {
                    return (!batch.is_empty()).then_some(batch);
                }
            }
        }
        // Submitters that wait for room are answered `Closed`; what has entered is still received.
        receiver.close();
        receiver.recv_many(&mut batch, self.max_items).await;
        (!batch.is_empty()).then_some(batch)
    }

    async fn handle(&self, batch: Vec<Queued<T, R>>) {
        let left = Instant::now();
        let count = batch.len();
        let mut items = Vec::with_capacity(count);
        let mut answers = Vec::with_capacity(count);
        for Queued {
            item,
            since,
            answer,
        } in batch
        {
            if let Some(metrics) = &self.metrics {
                metrics
                    .wait_seconds
                    .observe(left.duration_since(since).as_secs_f64());
            }
            items.push(item);
            answers.push(answer);
        }
        if let Some(metrics) = &self.metrics {
            metrics.items.observe(count as f64);
        }
        // The handler is called inside the caught future: it may panic before its first await.
        let outcome = AssertUnwindSafe(async { (self.handler)(items).await })
            .catch_unwind()
            .await;
        if let Some(metrics) = &self.metrics {
            metrics
                .duration_seconds
                .observe(left.elapsed().as_secs_f64());
        }
        match outcome {
            Ok(results) if results.len() == count => {
                for (answer, result) in answers.into_iter().zip(results) {
                    // A cancelled submitter no longer listens; its item has been handled.
                    let _ = answer.send(result);
                }
            }
            // Dropping the answers tells every submitter that the batch failed.
            Ok(results) => tracing::error!(
                batcher = self.name,
                items = count,
                results = results.len(),
                "a batch handler answered the wrong number of results"
            ),
            Err(_) => tracing::error!(
                batcher = self.name,
                items = count,
                "a batch handler panicked; the batcher goes on"
            ),
        }
    }
}
