//! Taking back what dead workers left.

use std::sync::Arc;

use domain::Clock;
use queue::Queue;
use store::Database;

use crate::duties::Dispatch;
use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// The duty `recovery`: closes sessions whose lease has run out and puts their jobs into the retry
/// lane, or holds those that crashed too often. A person looks at a held job, so each is logged.
pub struct Recovery {
    db: Database,
    queue: Queue,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
}

impl Recovery {
    /// The duty's name.
    pub const NAME: &'static str = "recovery";

    /// The duty.
    pub fn new(
        db: Database,
        queue: Queue,
        clock: Arc<dyn Clock>,
        metrics: SchedulerMetrics,
    ) -> Self {
        Self {
            db,
            queue,
            clock,
            metrics,
        }
    }
}

impl Duty for Recovery {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let now = self.clock.now();
        let found = store::recovery::recover_dead_sessions(&self.db, now).await?;
        for session in &found.sessions {
            tracing::warn!(%session, "a worker session died; its jobs go to other workers");
        }
        for job in &found.waiting {
            tracing::info!(%job, "a job of a dead worker waits again");
        }
        for job in &found.held {
            tracing::warn!(%job, "a job crashed too often and is held for a person");
        }
        let (waiting, held) = (found.waiting.len() as u64, found.held.len() as u64);
        let sessions = found.sessions.len() as u64;
        self.metrics.sessions_recovered_total.inc_by(sessions);
        let jobs = &self.metrics.jobs_recovered_total;
        jobs.with_label_values(&["waiting"]).inc_by(waiting);
        jobs.with_label_values(&["held"]).inc_by(held);
        if waiting > 0 {
            nudge_dispatch(&self.queue).await;
        }
        Ok(Progress {
            changed: sessions + waiting + held,
            detail: format!("closed {sessions} sessions, {waiting} jobs wait again, {held} held"),
            ..Progress::default()
        })
    }
}

/// Wakes the dispatcher, wherever it runs. Without the nudge it runs a period later.
pub(super) async fn nudge_dispatch(queue: &Queue) {
    if let Err(error) = queue.nudge(Dispatch::NAME).await {
        tracing::debug!(%error, "the dispatcher was not nudged");
    }
}
