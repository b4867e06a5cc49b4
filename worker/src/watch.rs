//! What the worker looks after beside its jobs: cancellations, and jobs it holds without knowing.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use service::CancellationToken;
use service::telemetry::error_chain;
use store::cancel;
use store::claims::hand_back_strays;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::worker::Worker;

/// How often running jobs are compared with the wishes to cancel, for hints that got lost.
const CANCEL_PERIOD: Duration = Duration::from_secs(2);
/// How often jobs that we hold without knowing are handed back.
const STRAY_PERIOD: Duration = Duration::from_secs(5);
/// Claims younger than this may still be on their way to us: twice the longest claim.
const STRAY_AGE: TimeDelta = TimeDelta::seconds(10);

/// Passes on the hints to cancel, as they are published.
pub(crate) async fn cancel_hints(worker: Arc<Worker>, idle: CancellationToken) {
    let mut hints = worker.queue.subscribe_cancels();
    loop {
        tokio::select! {
            () = idle.cancelled() => return,
            id = hints.next() => worker.held.cancel(id),
        }
    }
}

/// Looks up the wishes to cancel.
pub(crate) async fn cancel_wishes(worker: Arc<Worker>, idle: CancellationToken) {
    let mut ticks = ticks(CANCEL_PERIOD);
    while tick(&mut ticks, &idle).await {
        let held = worker.held.ids();
        if held.is_empty() {
            continue;
        }
        match cancel::requested(&worker.db, &held).await {
            Ok(wanted) => wanted.into_iter().for_each(|id| worker.held.cancel(id)),
            Err(error) => tracing::debug!(error = error_chain(&error), "cannot look for cancels"),
        }
    }
}

/// Hands back what a claim with a lost answer left under our session.
pub(crate) async fn strays(worker: Arc<Worker>, idle: CancellationToken) {
    let mut ticks = ticks(STRAY_PERIOD);
    while tick(&mut ticks, &idle).await {
        let now = worker.clock.now();
        let held = worker.held.ids();
        let before = now - STRAY_AGE;
        match hand_back_strays(&worker.db, now, worker.session, &held, before).await {
            Ok(strays) if !strays.is_empty() => {
                worker.metrics.strays_total.inc_by(strays.len() as u64);
                tracing::warn!(jobs = strays.len(), "handed back jobs whose claim got lost");
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(error = error_chain(&error), "cannot look for strays"),
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick; false when the last job has left.
async fn tick(ticks: &mut Interval, idle: &CancellationToken) -> bool {
    tokio::select! {
        () = idle.cancelled() => false,
        _ = ticks.tick() => true,
    }
}
