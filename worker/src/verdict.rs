//! What a provider's error means for the job.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{FailureCode, Micros};
use providers::{ErrorKind, Next, ProviderError, Spent};

use crate::job::Job;
use crate::stop::Stop;
use crate::worker::Worker;

/// A job younger than this waits out an outage without a try being counted.
const OUTAGE_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// Whether a job is young enough to wait out an outage, so that no try is counted.
pub(crate) fn waits_out(worker: &Worker, job: &Job) -> bool {
    worker.clock.now() - job.claim.created_at <= OUTAGE_PATIENCE
}

/// What the error says was spent; what is not known yet counts as nothing until it is.
pub(crate) fn cost(error: &ProviderError) -> Micros {
    match error.spent() {
        Spent::Known(cost) => cost,
        Spent::None | Spent::Maybe => Micros::ZERO,
    }
}

/// What comes of a job that nobody else can be asked about after its attempt was closed like this.
pub(crate) fn of_closed(worker: &Worker, job: &Job, kind: ErrorKind, next: Next) -> Stop {
    if job.is_late() && passes(kind) {
        return Stop::Expired;
    }
    match next {
        Next::SameAfter(after) if passes(kind) => retry(worker, job, kind, Some(after)),
        Next::OtherKey | Next::OtherProvider if passes(kind) => retry(worker, job, kind, None),
        _ => Stop::Failed(failure(kind)),
    }
}

/// What comes of a job whoever else could be asked: nobody draws for another what was refused for its
/// content, and an invalid request is our own fault.
pub(crate) fn final_word(kind: ErrorKind, next: Next) -> Option<Stop> {
    let is_final = match kind {
        ErrorKind::ContentPolicy => true,
        // A key's fault is mended by another key, whatever the adapter says.
        ErrorKind::Auth | ErrorKind::QuotaExhausted => false,
        _ => next == Next::Stop,
    };
    is_final.then(|| Stop::Failed(failure(kind)))
}

/// What comes of a job that the brand's budget has no room for beside what is reserved by calls under
/// way: they may turn out to cost less.
pub(crate) fn budget_reserved(worker: &Worker, job: &Job) -> Stop {
    match retry(worker, job, ErrorKind::RateLimited, None) {
        Stop::Retry { after, .. } => Stop::Retry {
            after,
            counted: false,
            code: "budget_reserved",
        },
        _ => Stop::Failed(FailureCode::BudgetExhausted),
    }
}

/// Another try later, or the failure if there is none left or no time for one.
pub(crate) fn retry(worker: &Worker, job: &Job, kind: ErrorKind, asked: Option<Duration>) -> Stop {
    let policy = worker.settings.retry;
    let counted = kind != ErrorKind::RateLimited;
    let tries = u32::try_from(job.claim.tries)
        .unwrap_or(0)
        .saturating_add(1);
    let after = policy.delay(tries, asked, rand::random());
    let in_time = job
        .deadline
        .is_none_or(|end| tokio::time::Instant::now() + after < end);
    if in_time && (!counted || policy.allows(tries)) {
        Stop::Retry {
            after,
            counted,
            code: kind.code(),
        }
    } else {
        Stop::Failed(failure(kind))
    }
}

fn passes(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::Timeout
        | ErrorKind::Network
        | ErrorKind::BadAnswer => true,
        ErrorKind::ContentPolicy
        | ErrorKind::InvalidRequest
        | ErrorKind::Auth
        | ErrorKind::QuotaExhausted => false,
    }
}

/// The code the shopper's page is shown.
pub(crate) fn failure(kind: ErrorKind) -> FailureCode {
    match kind {
        ErrorKind::ContentPolicy => FailureCode::ContentPolicy,
        ErrorKind::InvalidRequest => FailureCode::InvalidRequest,
        ErrorKind::Auth | ErrorKind::QuotaExhausted => FailureCode::ProviderAccount,
        ErrorKind::BadAnswer => FailureCode::ProviderBadAnswer,
        ErrorKind::RateLimited
        | ErrorKind::Unavailable
        | ErrorKind::Timeout
        | ErrorKind::Network => FailureCode::ProviderUnavailable,
    }
}
