//! What a provider's error means for the job.

use std::time::Duration;

use domain::{FailureCode, Micros};
use providers::{ErrorKind, Next, ProviderError, Spent};

use crate::job::Job;
use crate::stop::Stop;
use crate::worker::Worker;

/// What the error says was spent; what is not known yet counts as nothing until it is.
pub(crate) fn cost(error: &ProviderError) -> Micros {
    match error.spent() {
        Spent::Known(cost) => cost,
        Spent::None | Spent::Maybe => Micros::ZERO,
    }
}

/// What comes of a job whose attempt is closed by this error.
pub(crate) fn of_closed(worker: &Worker, job: &Job, error: &ProviderError) -> Stop {
    let kind = error.kind();
    match error.next() {
        Next::SameAfter(after) => retry(worker, job, kind, Some(after)),
        // There is no second key or provider to turn to; what passes is waited for.
        Next::OtherKey | Next::OtherProvider if passes(kind) => retry(worker, job, kind, None),
        _ => Stop::Failed(failure(kind)),
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
