//! Repairs of many deliveries: recover, replay, replay what was never sent.

use std::sync::Arc;

use domain::Clock;
use store::Database;
use store::webhooks::bulk::{Step, step};

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// Deliveries that one step looks at: some tens of milliseconds of locks.
const STEP_ROWS: i64 = 1_000;
/// Steps of one run.
const STEPS: usize = 10;

/// The duty `webhook_repairs`: moves open repairs on, the one that has waited longest first. Each step
/// commits with the place it has reached, so dying anywhere repeats and skips nothing.
pub struct WebhookRepairs {
    db: Database,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
}

impl WebhookRepairs {
    /// The duty's name.
    pub const NAME: &'static str = "webhook_repairs";

    /// The duty.
    pub fn new(db: Database, clock: Arc<dyn Clock>, metrics: SchedulerMetrics) -> Self {
        Self { db, clock, metrics }
    }
}

impl Duty for WebhookRepairs {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let (mut queued, mut ended, mut waiting, mut more) = (0, 0, 0, true);
        for _ in 0..STEPS {
            match step(&self.db, self.clock.now(), STEP_ROWS).await? {
                Step::Moved(count) => queued += count,
                Step::Ended => ended += 1,
                // Others may be open whose endpoints have room.
                Step::Waits => waiting += 1,
                Step::Idle => {
                    more = false;
                    break;
                }
            }
        }
        self.metrics.webhooks_requeued_total.inc_by(queued);
        Ok(Progress {
            changed: queued + ended,
            detail: format!("made {queued} deliveries due, ended {ended} repairs"),
            more: more && waiting == 0,
            next_at: None,
        })
    }
}
