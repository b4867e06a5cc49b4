//! How long transactions take and how they end.

use prometheus::{HistogramOpts, HistogramVec, Registry};

/// The store's metrics of one process.
#[derive(Clone)]
pub struct StoreMetrics {
    pub(crate) transaction_seconds: HistogramVec,
}

impl StoreMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the registry already holds them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let transaction_seconds = HistogramVec::new(
            HistogramOpts::new(
                "atelier_store_transaction_seconds",
                "Time from asking for a connection to the end of a named transaction, by outcome",
            )
            .buckets(vec![
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
            ]),
            &["name", "outcome"],
        )?;
        registry.register(Box::new(transaction_seconds.clone()))?;
        Ok(Self {
            transaction_seconds,
        })
    }
}
