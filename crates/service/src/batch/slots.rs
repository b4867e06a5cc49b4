//! The handling side: the slots that take batches from the one shared queue.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::metrics::BatchMetrics;

/// An item on its way to a batch.
pub(super) struct Queued<T, R> {
    pub(super) item: T,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<R>,
}

/// What all slots share; every slot runs [`Slots::run`] on the one shared queue.
pub(super) struct Slots<T, R, H> {
    pub(super) name: &'static str,
    pub(super) max_items: usize,
    pub(super) metrics: Option<BatchMetrics>,
    pub(super) receiver: Mutex<mpsc::Receiver<Queued<T, R>>>,
    pub(super) closing: CancellationToken,
    pub(super) handler: H,
}

impl<T, R, H, F> Slots<T, R, H>
where
    H: Fn(Vec<T>) -> F,
    F: Future<Output = Vec<R>>,
{
    /// One slot, until the queue is closed and empty.
    pub(super) async fn run(self: Arc<Self>) {
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
