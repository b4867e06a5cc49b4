//! The provider ledger, written in batches shared by the jobs in hand.

use std::sync::Arc;

use domain::Clock;
use service::telemetry::error_chain;
use service::{BatchConfig, BatchMetrics, Batcher, BoxError, Context};
use store::budgets::BudgetAlert;
use store::ledger::{self, AttemptUpdate, NewAttempt, Opened, Recorded};
use store::{Database, StoreError};

use crate::metrics::WorkerMetrics;
use crate::retry::persistently;
use crate::stop::Stop;

/// Two transactions in flight keep one always filling; 64 rows stay far below a millisecond each.
pub(crate) const BATCH: BatchConfig = BatchConfig {
    slots: 2,
    max_items: 64,
    queue: 1024,
};

/// Whether a row was written; none when the database's answer is unknown or was no.
type Written = Option<bool>;

/// The ledger, as the jobs use it.
pub(crate) struct Ledger {
    open: Batcher<NewAttempt, Option<Opened>>,
    record: Batcher<AttemptUpdate, Written>,
    metrics: WorkerMetrics,
}

impl Ledger {
    /// Starts the batchers.
    pub(crate) fn start(
        context: &Context,
        db: &Database,
        metrics: &WorkerMetrics,
    ) -> Result<Self, BoxError> {
        let measured = |part| BatchMetrics::register(context.metrics(), part);
        let (clock, opens) = (context.clock(), db.clone());
        let open = Batcher::spawn(
            "ledger-open",
            BATCH,
            Some(measured("worker_ledger_open")?),
            context.tasks(),
            move |batch| open_batch(opens.clone(), Arc::clone(&clock), batch),
        )?;
        let (clock, records, alerts) = (context.clock(), db.clone(), metrics.clone());
        let record = Batcher::spawn(
            "ledger-record",
            BATCH,
            Some(measured("worker_ledger_record")?),
            context.tasks(),
            move |batch| record_batch(records.clone(), Arc::clone(&clock), alerts.clone(), batch),
        )?;
        Ok(Self {
            open,
            record,
            metrics: metrics.clone(),
        })
    }

    /// Commits an intent to pay and reserves what it may cost. Nothing may be sent unless it
    /// [stands](Opened::Stands).
    pub(crate) async fn open(&self, attempt: NewAttempt) -> Result<Opened, Stop> {
        match self.open.submit(attempt).await {
            Ok(Some(Opened::Refused)) => Err(self.lost("open")),
            Ok(Some(opened)) => Ok(opened),
            // The attempt may stand as submitting; whoever claims the job next reconciles it.
            Ok(None) | Err(_) => Err(Stop::passing("ledger_unavailable")),
        }
    }

    /// Writes down what happened to an attempt.
    pub(crate) async fn record(&self, update: AttemptUpdate) -> Result<(), Stop> {
        match self.record.submit(update).await {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false)) => Err(self.lost("record")),
            Ok(None) | Err(_) => Err(Stop::passing("ledger_unavailable")),
        }
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        self.open.close();
        self.record.close();
    }

    fn lost(&self, write: &'static str) -> Stop {
        self.metrics
            .leases_lost_total
            .with_label_values(&[write])
            .inc();
        Stop::Lost
    }
}

/// Not repeated: after an error whose outcome is unknown, a repeat would take our own row for
/// somebody else's. The jobs are tried again as jobs.
async fn open_batch(
    db: Database,
    clock: Arc<dyn Clock>,
    batch: Vec<NewAttempt>,
) -> Vec<Option<Opened>> {
    match ledger::open(&db, clock.now(), &batch).await {
        Ok(opened) => opened.into_iter().map(Some).collect(),
        Err(error) => {
            tracing::warn!(
                error = error_chain(&error),
                "cannot open attempts in the ledger"
            );
            vec![None; batch.len()]
        }
    }
}

/// Repeated until it is written: it says what money was spent on. Where the database refuses the
/// batch, each row goes alone, so that one bad row harms only itself.
async fn record_batch(
    db: Database,
    clock: Arc<dyn Clock>,
    metrics: WorkerMetrics,
    batch: Vec<AttemptUpdate>,
) -> Vec<Written> {
    if let Ok(recorded) = record_rows(&db, clock.as_ref(), &batch).await {
        announce(&metrics, &recorded.alerts);
        return recorded.written.into_iter().map(Some).collect();
    }
    let mut results = Vec::with_capacity(batch.len());
    for row in &batch {
        let written = record_rows(&db, clock.as_ref(), std::slice::from_ref(row)).await;
        let written = written.inspect_err(|error| {
            let job = row.lease.job;
            tracing::error!(%job, error = error_chain(error), "a ledger row is refused");
        });
        if let Ok(recorded) = &written {
            announce(&metrics, &recorded.alerts);
        }
        results.push(written.ok().and_then(|rows| rows.written.first().copied()));
    }
    results
}

async fn record_rows(
    db: &Database,
    clock: &dyn Clock,
    rows: &[AttemptUpdate],
) -> Result<Recorded, StoreError> {
    persistently("ledger", || ledger::record(db, clock.now(), rows)).await
}

/// Tells of budgets that came near their end or reached it: once for each brand, share and period.
pub(crate) fn announce(metrics: &WorkerMetrics, alerts: &[BudgetAlert]) {
    for alert in alerts {
        tracing::warn!(brand = %alert.brand, percent = alert.percent, "a budget is used up so far");
        let percent = alert.percent.to_string();
        let counter = &metrics.budget_alerts_total;
        counter.with_label_values(&[&percent]).inc();
    }
}
