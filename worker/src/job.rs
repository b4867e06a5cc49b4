//! One job in hand, as the stages see it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::UnknownOutcome;
use serde_json::Value;
use service::Timer;
use store::claims::Claimed;
use store::moderations::Moderated;
use tokio::time::Instant;

use crate::held::Hold;
use crate::metrics::WorkerMetrics;
use crate::moderation;
use crate::stop::{Stop, Subject};
use crate::worker::Worker;

/// One job in hand.
pub(crate) struct Job {
    /// What the claim brought.
    pub(crate) claim: Claimed,
    /// Our hold on it.
    pub(crate) hold: Arc<Hold>,
    /// When it was claimed.
    pub(crate) claimed_at: Instant,
    /// Until when a provider may be waited for.
    pub(crate) deadline: Option<Instant>,
    /// What its brand wants where nobody can tell whether a call was paid.
    pub(crate) unknown_outcome: UnknownOutcome,
    /// The prompt, once built.
    pub(crate) final_prompt: Option<String>,
    /// What a moderation service said of it, where one was asked.
    pub(crate) moderated: Option<Moderated>,
    /// The candidates that were considered when no picture came of it.
    pub(crate) considered: Option<Value>,
    /// How long its stages took.
    pub(crate) stages: Stages,
}

/// How long each stage of a job took, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stages(BTreeMap<&'static str, u64>);

impl Stages {
    /// Adds to a stage.
    pub(crate) fn add(&mut self, stage: &'static str, time: Duration) {
        *self.0.entry(stage).or_default() += millis(time);
    }

    /// All of them by name.
    pub(crate) fn all(&self) -> &BTreeMap<&'static str, u64> {
        &self.0
    }
}

/// A stage under way. Dropped unsaid, it counts as failed.
pub(crate) struct Stage {
    name: &'static str,
    timer: Timer,
}

impl Stage {
    /// Begins a stage.
    pub(crate) fn begin(metrics: &WorkerMetrics, name: &'static str) -> Self {
        Self {
            name,
            timer: Timer::start(&metrics.stage_seconds, &[name]),
        }
    }

    /// Notes how long it took, whatever came of it.
    pub(crate) fn end<T>(self, job: &mut Job, result: Result<T, Stop>) -> Result<T, Stop> {
        job.stages.add(self.name, self.timer.elapsed());
        if result.is_ok() {
            self.timer.succeed();
        }
        result
    }
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Job {
    /// A job claimed just now, at `now` by the wall clock.
    pub(crate) fn new(claim: Claimed, hold: Arc<Hold>, now: DateTime<Utc>) -> Self {
        let claimed_at = Instant::now();
        let left = |deadline: DateTime<Utc>| (deadline - now).to_std().unwrap_or_default();
        let deadline = claim.deadline.map(|deadline| claimed_at + left(deadline));
        let mut stages = Stages::default();
        stages.add("queue", (now - claim.run_at).to_std().unwrap_or_default());
        Self {
            claim,
            hold,
            claimed_at,
            deadline,
            unknown_outcome: UnknownOutcome::default(),
            final_prompt: None,
            moderated: None,
            considered: None,
            stages,
        }
    }

    /// What an end without pictures says of it.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            public_id: self.claim.public_id.clone(),
            product_id: self.claim.product_id.clone(),
            final_prompt: self.final_prompt.clone(),
            considered: self.considered.clone(),
            moderation: self.moderated.as_ref().map(moderation::record),
        }
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Resolves at the deadline; never, where there is none.
    pub(crate) async fn late(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Runs work that has cost nothing yet and may be dropped: a cancellation, the deadline, and a
    /// drain (unless an earlier owner has sent something) end it.
    pub(crate) async fn unless_stopped<T>(
        &self,
        worker: &Worker,
        work: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        let soft = worker.shutdown.soft();
        let unsent = self.claim.open_attempt.is_none();
        tokio::select! {
            biased;
            () = self.hold.cancel.cancelled() => Err(Stop::Canceled),
            () = soft.cancelled(), if unsent => Err(Stop::HandBack),
            () = self.late() => Err(Stop::Expired),
            result = work => result,
        }
    }
}
