//! API calls, counted in memory and written once per interval.
//!
//! A call costs a lock and a look into a map, never a statement. When an interval ends its counts are frozen
//! under a number and written as one usage record per brand; while that does not succeed the same interval is
//! written again, and the next one goes on counting. A record's id names the process and the interval, so
//! writing again, whatever became of the first time, bills nothing twice.
//!
//! What a kill loses: the interval that was being counted, and one that could not be written before. SIGTERM
//! loses nothing: the last interval is written when the last connection has closed.
//!
//! Where a plan limits calls, what a process knows is as old as its last interval: processes together may let
//! through what they count in one interval beyond the ceiling, and what was let through is counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{BrandId, Clock, Metric};
use service::CancellationToken;
use service::telemetry::error_chain;
use store::metering::{self, CountedCalls};
use store::quota::{self, Standing};
use store::{Database, StoreError};
use uuid::Uuid;

use crate::metrics::ApiMetrics;
use crate::problem::Problem;
use crate::refusal;

/// How long writing the last interval may take when the process stops.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// The counts of one process.
#[derive(Clone)]
pub(crate) struct Meter(Arc<Shared>);

struct Shared {
    database: Database,
    clock: Arc<dyn Clock>,
    metrics: ApiMetrics,
    process: Uuid,
    counts: Mutex<Counts>,
    /// Held while an interval is written, so that intervals are written in order and one at a time.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counts {
    /// The number of the interval that is being counted.
    interval: u64,
    open: BTreeMap<BrandId, u32>,
    /// An interval that ended and is not known to be written.
    frozen: Option<CountedCalls>,
    /// Brands whose plan limits calls, as of the last interval that was written.
    limited: HashMap<BrandId, Standing>,
}

impl Meter {
    pub(crate) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        metrics: ApiMetrics,
        process: Uuid,
    ) -> Self {
        Self(Arc::new(Shared {
            database,
            clock,
            metrics,
            process,
            counts: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }))
    }

    /// Counts a call of a brand, or refuses it if the brand is known to have none left.
    pub(crate) fn count(&self, brand: &BrandId) -> Result<(), Problem> {
        let mut counts = self.counts();
        let calls = counts.open.get(brand).copied().unwrap_or(0);
        let pending = counts
            .frozen
            .as_ref()
            .and_then(|frozen| frozen.calls.get(brand));
        let unwritten = u64::from(calls) + pending.copied().map_or(0, u64::from);
        let now = self.0.clock.now();
        if let Some(standing) = counts.limited.get(brand)
            && now < standing.resets_at()
            && standing.allowance.grant(standing.used + unwritten, 1) == 0
        {
            let refused = refusal::of_calls(standing, unwritten, now);
            drop(counts);
            return Err(refused);
        }
        counts.open.insert(brand.clone(), calls.saturating_add(1));
        Ok(())
    }

    /// Writes intervals until `stop`. The last one is written by [`Meter::finish`].
    pub(crate) async fn run(self, every: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            self.flush_or_tell().await;
        }
    }

    /// Writes what is left, when no more calls can come.
    pub(crate) async fn finish(&self) {
        // Twice: an interval that could not be written stands before the last one.
        for _ in 0..2 {
            if tokio::time::timeout(LAST_FLUSH, self.flush_or_tell())
                .await
                .is_err()
            {
                tracing::warn!("the last API calls were not counted: PostgreSQL did not answer");
                return;
            }
        }
    }

    async fn flush_or_tell(&self) {
        if let Err(error) = self.flush().await {
            self.0.metrics.calls_unwritten_total.inc();
            let error = error_chain(&error);
            tracing::warn!(
                error,
                "API calls were not written; the same interval is written again"
            );
        }
    }

    /// Ends the interval, or takes the one that is left over, and writes it.
    async fn flush(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.0.writing.lock().await;
        let now = self.0.clock.now();
        let Some(frozen) = self.freeze(now) else {
            return Ok(());
        };
        metering::record_calls(&self.0.database, now, &frozen).await?;
        self.counts().frozen = None;
        let calls: u64 = frozen.calls.values().copied().map(u64::from).sum();
        self.0.metrics.calls_written_total.inc_by(calls);
        let mut brands: Vec<BrandId> = frozen.calls.into_keys().collect();
        let known: Vec<BrandId> = self.counts().limited.keys().cloned().collect();
        brands.extend(known);
        let standing = quota::standing(&self.0.database, now, &brands, Metric::ApiCall).await?;
        let limited = standing
            .into_iter()
            .filter(|one| one.allowance.ceiling().is_some());
        self.counts().limited = limited.map(|one| (one.brand.clone(), one)).collect();
        Ok(())
    }

    fn freeze(&self, now: DateTime<Utc>) -> Option<CountedCalls> {
        let mut counts = self.counts();
        if counts.frozen.is_none() && !counts.open.is_empty() {
            let interval = counts.interval;
            counts.interval += 1;
            counts.frozen = Some(CountedCalls {
                process: self.0.process,
                interval,
                at: now,
                calls: std::mem::take(&mut counts.open),
            });
        }
        counts.frozen.clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
