//! Settling, in batches shared by the jobs in hand.

use std::sync::Arc;

use domain::Clock;
use service::telemetry::error_chain;
use service::{BatchMetrics, Batcher, BoxError, Context};
use store::settle::{Settled, Settlement, settle};
use store::{Database, StoreError};

use crate::ledger::BATCH;
use crate::metrics::WorkerMetrics;
use crate::retry::persistently;

/// The settling side, as the jobs use it.
pub(crate) struct Settler {
    batcher: Batcher<Settlement, Option<Settled>>,
    metrics: WorkerMetrics,
}

/// The database refuses this settlement whatever is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl Settler {
    /// Starts the batcher.
    pub(crate) fn start(
        context: &Context,
        db: &Database,
        metrics: &WorkerMetrics,
    ) -> Result<Self, BoxError> {
        let (clock, db) = (context.clock(), db.clone());
        let batcher = Batcher::spawn(
            "settle",
            BATCH,
            Some(BatchMetrics::register(context.metrics(), "worker_settle")?),
            context.tasks(),
            move |batch| settle_batch(db.clone(), Arc::clone(&clock), batch),
        )?;
        Ok(Self {
            batcher,
            metrics: metrics.clone(),
        })
    }

    /// Settles one job together with whoever else settles now.
    pub(crate) async fn settle(&self, settlement: Settlement) -> Result<Settled, Refused> {
        match self.batcher.submit(settlement).await {
            Ok(Some(Settled::Lost)) => {
                self.metrics
                    .leases_lost_total
                    .with_label_values(&["settle"])
                    .inc();
                Ok(Settled::Lost)
            }
            Ok(Some(Settled::Applied)) => Ok(Settled::Applied),
            Ok(None) => Err(Refused),
            // Its effect is unknown: the job is either settled, or handed back as a stray.
            Err(_) => Ok(Settled::Lost),
        }
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        self.batcher.close();
    }
}

/// Repeats the whole batch while the database is away. Where it refuses the batch, each settlement
/// goes alone, so that one bad row harms only itself.
async fn settle_batch(
    db: Database,
    clock: Arc<dyn Clock>,
    batch: Vec<Settlement>,
) -> Vec<Option<Settled>> {
    if let Ok(settled) = settle_rows(&db, clock.as_ref(), &batch).await {
        return settled.into_iter().map(Some).collect();
    }
    let mut results = Vec::with_capacity(batch.len());
    for row in &batch {
        let settled = settle_rows(&db, clock.as_ref(), std::slice::from_ref(row)).await;
        let settled = settled.inspect_err(|error| {
            let job = row.lease.job;
            tracing::error!(%job, error = error_chain(error), "a settlement is refused");
        });
        results.push(settled.ok().and_then(|rows| rows.first().copied()));
    }
    results
}

async fn settle_rows(
    db: &Database,
    clock: &dyn Clock,
    rows: &[Settlement],
) -> Result<Vec<Settled>, StoreError> {
    persistently("settle", || settle(db, clock.now(), rows)).await
}
