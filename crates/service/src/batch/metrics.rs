//! What a batcher measures.

use prometheus::Histogram;

use crate::metrics::{BATCH_ITEMS, MetricError, MetricSpec, Metrics, SECONDS_FAST};

/// The histograms of one batcher.
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
