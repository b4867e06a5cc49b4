//! What the worker looks after beside its jobs: cancellations, and jobs it holds without knowing.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use queue::BreakerState;
use service::CancellationToken;
use service::telemetry::error_chain;
use store::cancel;
use store::claims::hand_back_strays;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::worker::Worker;

/// How often running jobs are compared with the wishes to cancel, for hints that got lost.
const CANCEL_PERIOD: Duration = Duration::from_secs(2);
/// How often the metrics of the providers' health and of the image work are brought up to date.
const HEALTH_PERIOD: Duration = Duration::from_secs(1);
/// How often spent cents are told to the older platform, and for how many brands at once.
const CENTS_PERIOD: Duration = Duration::from_secs(10);
const CENTS_BRANDS: i64 = 1_000;
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

/// Passes on what providers announce, as it is published.
pub(crate) async fn announcements(worker: Arc<Worker>, idle: CancellationToken) {
    let mut announced = worker.queue.subscribe_announced();
    loop {
        tokio::select! {
            () = idle.cancelled() => return,
            id = announced.next() => worker.held.announced(id),
        }
    }
}

/// Keeps this process's view of the providers' health and the fleet's together, and shows it.
pub(crate) async fn provider_health(worker: Arc<Worker>, idle: CancellationToken) {
    let shown = async {
        let mut ticks = ticks(HEALTH_PERIOD);
        loop {
            ticks.tick().await;
            show_health(&worker);
            show_imaging(&worker);
        }
    };
    tokio::select! {
        () = idle.cancelled() => {}
        () = worker.health.keep() => {}
        () = shown => {}
    }
}

/// Brings the cents that the older platform reads up to date with what was spent. Any worker may: a
/// brand that another is about is left to it.
pub(crate) async fn spent_cents(worker: Arc<Worker>, idle: CancellationToken) {
    let mut ticks = ticks(CENTS_PERIOD);
    while tick(&mut ticks, &idle).await {
        if let Err(error) = store::budgets::mirror(&worker.db, CENTS_BRANDS).await {
            tracing::debug!(error = error_chain(&error), "spent cents are told later");
        }
    }
}

fn show_imaging(worker: &Worker) {
    let load = worker.pool.load();
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    for (state, jobs) in [
        ("waiting", load.waiting),
        ("queued", load.queued),
        ("running", load.running),
    ] {
        let jobs_in = worker.metrics.imaging_jobs.with_label_values(&[state]);
        jobs_in.set(gauge(jobs));
    }
    let promised = gauge(load.promised_mib.saturating_mul(1 << 20));
    worker.metrics.imaging_promised_bytes.set(promised);
}

fn show_health(worker: &Worker) {
    let (breakers, keys) = worker.health.troubles();
    let metrics = &worker.metrics;
    metrics.provider_breaker_state.reset();
    for (circuit, state) in breakers {
        let state = match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open(_) => 2,
        };
        let gauge = &metrics.provider_breaker_state;
        gauge.with_label_values(&[&circuit]).set(state);
    }
    metrics.provider_keys_disabled.reset();
    for (reason, count) in keys {
        let gauge = &metrics.provider_keys_disabled;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        gauge.with_label_values(&[&reason]).set(count);
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
