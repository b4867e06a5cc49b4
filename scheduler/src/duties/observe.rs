//! The numbers of the whole service.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Clock, Lane};
use queue::Queue;
use store::Database;
use store::aftercare::OpenCount;
use store::dispatch::LaneDepth;
use store::webhooks::measure::Standing;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// Rows counted of each lane and kind at most: a deeper backlog is drawn as this deep. It keeps one
/// measurement below about 100 ms whatever waits.
pub(crate) const COUNTED_MAX: i64 = 100_000;

/// The duty `observe`: measures what waits and runs. It changes nothing, and is a duty so that one
/// replica alone exports these numbers.
pub struct Observe {
    db: Database,
    queue: Queue,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
}

impl Observe {
    /// The duty's name.
    pub const NAME: &'static str = "observe";

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

    fn set_lane(&self, now: DateTime<Utc>, depth: &LaneDepth) {
        let lane = &[depth.lane.as_str()];
        let metrics = &self.metrics;
        metrics
            .waiting
            .with_label_values(lane)
            .set(gauge(depth.due));
        metrics
            .delayed
            .with_label_values(lane)
            .set(gauge(depth.delayed));
        metrics
            .dispatched
            .with_label_values(lane)
            .set(gauge(depth.dispatched));
        let oldest = wait_seconds(now, depth.oldest_run_at);
        metrics
            .oldest_wait_seconds
            .with_label_values(lane)
            .set(oldest);
    }

    fn set_attempts(&self, now: DateTime<Utc>, counts: &[OpenCount]) {
        self.forget_attempts();
        for open in counts {
            let owner = match open.is_owned {
                true => "job",
                false => "aftercare",
            };
            let labels = &[open.state.as_str(), owner];
            let metrics = &self.metrics;
            let number = metrics.attempts_open.with_label_values(labels);
            number.set(gauge(open.count));
            let oldest = metrics
                .attempts_open_oldest_seconds
                .with_label_values(labels);
            oldest.set(wait_seconds(now, Some(open.oldest)));
        }
    }

    fn set_webhooks(&self, now: DateTime<Utc>, standing: &Standing) {
        let metrics = &self.metrics;
        let oldest = wait_seconds(now, standing.oldest_due);
        metrics.webhooks_oldest_due_seconds.set(oldest);
        metrics.webhook_repairs.set(standing.repairs);
        metrics.webhook_breakers.reset();
        for (state, count) in &standing.breakers {
            let number = metrics
                .webhook_breakers
                .with_label_values(&[state.as_str()]);
            number.set(*count);
        }
    }

    /// What is not open any more is not exported.
    fn forget_attempts(&self) {
        self.metrics.attempts_open.reset();
        self.metrics.attempts_open_oldest_seconds.reset();
    }
}

/// How long something due since `since` has been waiting, in seconds; 0 for nothing.
pub(crate) fn wait_seconds(now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> f64 {
    since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Duty for Observe {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let now = self.clock.now();
        let depth = store::dispatch::depth(&self.db, now, COUNTED_MAX).await?;
        for lane in &depth.lanes {
            self.set_lane(now, lane);
        }
        self.metrics.running.set(gauge(depth.running));
        let slots = store::sessions::fleet_slots(&self.db).await?;
        self.metrics.slots.set(i64::from(slots));
        self.set_attempts(now, &store::aftercare::open_counts(&self.db).await?);
        self.set_webhooks(
            now,
            &store::webhooks::measure::standing(&self.db, now).await?,
        );
        for (lane, length) in self.queue.lengths().await? {
            let stream = self
                .metrics
                .stream_length
                .with_label_values(&[lane.as_str()]);
            stream.set(gauge(length));
        }
        Ok(Progress {
            detail: format!("{} jobs run on {slots} slots", depth.running),
            ..Progress::default()
        })
    }

    /// Zeroes what the new holder now exports, so that nothing is counted twice.
    fn stand_down(&mut self) {
        let metrics = &self.metrics;
        for lane in Lane::ALL {
            let lane = &[lane.as_str()];
            metrics.waiting.with_label_values(lane).set(0);
            metrics.delayed.with_label_values(lane).set(0);
            metrics.dispatched.with_label_values(lane).set(0);
            metrics.stream_length.with_label_values(lane).set(0);
            metrics.oldest_wait_seconds.with_label_values(lane).set(0.0);
        }
        self.forget_attempts();
        metrics.webhooks_oldest_due_seconds.set(0.0);
        metrics.webhook_repairs.set(0);
        metrics.webhook_breakers.reset();
        metrics.running.set(0);
        metrics.slots.set(0);
    }
}
