//! Ending jobs whose time is over.

use std::sync::Arc;

use domain::Clock;
use store::Database;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// The duty `expiry`: jobs that were not begun or not finished in time end as EXPIRED, their unit of
/// quota goes back and the brand is told.
pub struct Expiry {
    db: Database,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
}

impl Expiry {
    /// The duty's name.
    pub const NAME: &'static str = "expiry";

    /// The duty.
    pub fn new(db: Database, clock: Arc<dyn Clock>, metrics: SchedulerMetrics) -> Self {
        Self { db, clock, metrics }
    }
}

impl Duty for Expiry {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let ended = store::expiry::sweep(&self.db, self.clock.now()).await?;
        self.metrics.expired_total.inc_by(ended);
        Ok(Progress {
            changed: ended,
            detail: format!("ended {ended} jobs"),
            more: ended >= u64::try_from(store::expiry::SWEEP).unwrap_or(u64::MAX),
            next_at: None,
        })
    }
}
