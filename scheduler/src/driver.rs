//! The frame around a duty: when it runs, under which lease, and what becomes of a failure.
//!
//! One driver per duty and process, and one run at a time. A run begins when the period is over, when
//! somebody nudged, at the moment the last run asked for, or at once while the last run said that there
//! is more. A failure is logged when it begins and when it is over, not each time, and never ends the
//! process: what makes duties fail (PostgreSQL or Redis away) passes.
//!
//! Whoever holds the duty's lease works, all others stand by and ask again. The lease has a term of
//! several periods, so a holder that dies is followed within seconds; one that stops in order gives its
//! leases up. Leases run out by the database's clock; waiting is measured by the runtime's timer; the
//! moments handed to the store come from the injected clock.

mod pace;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use service::telemetry::error_chain;
use service::{CancellationToken, Timer};
use store::Database;
use store::duties::DutyTerm;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;
use crate::nudges::Nudges;
use crate::status::{DutyState, StatusBoard};
use pace::Pause;

/// How long one run may take. Every run is bounded work that takes milliseconds; one that takes this
/// long waits for a server that has stopped answering, and a new connection may do better.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// How long taking a lease or writing the status may take.
const LEASE_LIMIT: Duration = Duration::from_secs(10);

/// The status in the database is written at most this often while nothing changes in it.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The longest detail kept in the database, in characters.
const DETAIL_CHARS: usize = 500;

/// What the duties of a process share.
#[derive(Clone)]
pub struct Frame {
    /// PostgreSQL.
    pub db: Database,
    /// Where the moments come from.
    pub clock: Arc<dyn Clock>,
    /// Who holds the leases of this process.
    pub holder: Uuid,
    /// What wakes the duties.
    pub nudges: Nudges,
    /// Where they say how they stand.
    pub status: StatusBoard,
    /// Where they are measured.
    pub metrics: SchedulerMetrics,
}

impl Frame {
    /// Gives up every lease of this process. May be cancelled; the leases then run out.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; the leases then run out.
    pub async fn release(&self) -> Result<(), DutyError> {
        within(LEASE_LIMIT, store::duties::release(&self.db, self.holder)).await
    }
}

/// What a tick came to.
#[derive(Debug)]
pub enum Tick {
    /// Another process holds the duty.
    Standby,
    /// The duty ran.
    Ran(Progress),
    /// The duty ran and failed, or could not be leased.
    Failed(DutyError),
}

#[derive(Debug, Clone, Copy)]
struct Held {
    term: DutyTerm,
    renew_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Reported {
    at: Instant,
    well: bool,
}

/// One duty of one process.
pub struct Driver<D> {
    duty: D,
    period: Duration,
    frame: Frame,
    bell: Arc<Notify>,
    held: Option<Held>,
    reported: Option<Reported>,
    /// Failed ticks in a row.
    failures: u32,
}

impl<D: Duty> Driver<D> {
    /// A driver that has not run yet.
    pub fn new(frame: &Frame, duty: D, period: Duration) -> Self {
        let name = duty.name();
        let period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        frame.status.enter(name, period_ms);
        Self {
            bell: frame.nudges.bell(name),
            duty,
            period,
            frame: frame.clone(),
            held: None,
            reported: None,
            failures: 0,
        }
    }

    /// Runs the duty until `stop`, and the run in hand to its end. A cancelled run does no harm: see
    /// [`Duty`].
    pub async fn drive(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let tick = Box::pin(self.tick()).await;
            let pause = pace::after(&tick, self.period, self.failures, self.frame.clock.now());
            tokio::select! {
                () = stop.cancelled() => break,
                () = rest(pause, &self.bell) => {}
            }
        }
    }

    /// Leases the duty if it is free or ours, and runs it once if it is ours then.
    pub async fn tick(&mut self) -> Tick {
        let result = match self.hold().await {
            Ok(None) => {
                self.stand_by();
                return Tick::Standby;
            }
            Ok(Some(term)) => self.run_once(term).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(progress) => {
                self.note_success(&progress);
                Tick::Ran(progress)
            }
            Err(error) => {
                self.note_failure(&error);
                Tick::Failed(error)
            }
        }
    }

    /// Takes or renews the lease. A third of the term is left when it is renewed.
    async fn hold(&mut self) -> Result<Option<DutyTerm>, DutyError> {
        if let Some(held) = self.held
            && Instant::now() < held.renew_at
        {
            return Ok(Some(held.term));
        }
        let asked_at = Instant::now();
        let ttl = pace::lease_term(self.period);
        let lease = store::duties::lease(&self.frame.db, self.duty.name(), self.frame.holder, ttl);
        let term = within(LEASE_LIMIT, lease).await?;
        self.held = term.map(|term| Held {
            term,
            renew_at: asked_at + ttl / 3 * 2,
        });
        Ok(term)
    }

    async fn run_once(&mut self, term: DutyTerm) -> Result<Progress, DutyError> {
        let name = self.duty.name();
        self.frame.metrics.held.with_label_values(&[name]).set(1);
        let timer = Timer::start(&self.frame.metrics.run_seconds, &[name]);
        let result = within(RUN_LIMIT, self.duty.run()).await;
        if result.is_ok() {
            timer.succeed();
        }
        self.report(term, &result).await;
        result
    }

    /// Writes the outcome to the database, where all replicas' statuses are read. Best effort: the
    /// duty's work is done whether or not anybody reads of it.
    async fn report(&mut self, term: DutyTerm, result: &Result<Progress, DutyError>) {
        let well = result.is_ok();
        let recent = self
            .reported
            .is_some_and(|last| last.well == well && last.at.elapsed() < REPORT_EVERY);
        // Where PostgreSQL has just failed, writing to it would only add another wait.
        if recent
            || matches!(
                result,
                Err(DutyError::Store(_) | DutyError::TimedOut { .. })
            )
        {
            return;
        }
        let detail = match result {
            Ok(progress) => progress.detail.clone(),
            Err(error) => error_chain(error).chars().take(DETAIL_CHARS).collect(),
        };
        let outcome = if well {
            Ok(detail.as_str())
        } else {
            Err(detail.as_str())
        };
        let (db, now) = (&self.frame.db, self.frame.clock.now());
        let report = store::duties::report(db, now, self.duty.name(), term, outcome);
        match within(LEASE_LIMIT, report).await {
            Ok(()) => {
                let at = Instant::now();
                self.reported = Some(Reported { at, well });
            }
            Err(error) => tracing::debug!(error = error_chain(&error), "no report was written"),
        }
    }

    fn stand_by(&mut self) {
        let name = self.duty.name();
        self.failures = 0;
        self.duty.stand_down();
        self.frame.metrics.held.with_label_values(&[name]).set(0);
        self.frame.status.update(name, |status| {
            status.state = DutyState::Standby;
            status.last_error = None;
        });
    }

    fn note_success(&mut self, progress: &Progress) {
        let name = self.duty.name();
        if self.failures > 0 {
            tracing::info!(duty = name, failures = self.failures, "the duty goes on");
        }
        self.failures = 0;
        let now = self.frame.clock.now();
        self.frame
            .metrics
            .last_success
            .with_label_values(&[name])
            .set(now.timestamp());
        self.frame.status.update(name, |status| {
            status.state = DutyState::Working;
            status.runs += 1;
            status.last_success_at = Some(now);
            status.last_error = None;
            if progress.changed > 0 {
                status.last_change = Some(progress.detail.clone());
            }
        });
    }

    fn note_failure(&mut self, error: &DutyError) {
        let name = self.duty.name();
        let chain = error_chain(error);
        if self.failures == 0 {
            tracing::warn!(
                duty = name,
                kind = error.kind(),
                error = chain,
                "a duty fails; it is tried again until it goes well"
            );
        }
        self.failures = self.failures.saturating_add(1);
        self.frame.status.update(name, |status| {
            status.state = DutyState::Failing;
            status.last_error = Some(chain);
        });
    }
}

async fn rest(pause: Pause, bell: &Notify) {
    match pause {
        Pause::None => tokio::task::yield_now().await,
        Pause::Deaf(wait) => tokio::time::sleep(wait).await,
        Pause::Until(wait) => tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = bell.notified() => tokio::time::sleep(pace::NUDGE_GAP.min(wait)).await,
        },
    }
}

/// Bounds a step. What is cut off may still take effect, which every duty allows for.
async fn within<T, E: Into<DutyError>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, DutyError> {
    match tokio::time::timeout(limit, Box::pin(work)).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(DutyError::TimedOut {
            limit_seconds: limit.as_secs(),
        }),
    }
}
