//! Why the work on a job ends before it has pictures.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{Ending, FailureCode};
use store::settle::{Ended, Outcome};

use crate::job::Job;
use crate::worker::Worker;

/// Why the work on a job ends before it has pictures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stop {
    /// For good, with a code the shopper's page can show.
    Failed(FailureCode),
    /// Somebody asked for it.
    Canceled,
    /// The job's deadline has passed.
    Expired,
    /// It is to be tried again after this long.
    Retry {
        /// How long.
        after: Duration,
        /// Whether this was a try of its own.
        counted: bool,
        /// Why, as a stable code.
        code: &'static str,
    },
    /// The process drains and nothing was sent.
    HandBack,
    /// A person or a reconciler must decide.
    Held(String),
    /// The job is not ours any more: drop everything.
    Lost,
}

impl Stop {
    /// A fault of ours that passes: again after a second, and no try is counted.
    pub(crate) fn passing(code: &'static str) -> Self {
        Self::Retry {
            after: Duration::from_secs(1),
            counted: false,
            code,
        }
    }

    /// The value of the metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Retry { .. } => "retried",
            Self::HandBack => "handed_back",
            Self::Held(_) => "held",
            Self::Lost => "lost",
        }
    }

    /// What is settled; nothing for a job that is not ours any more.
    pub(crate) fn into_outcome(self, worker: &Worker, job: &Job) -> Option<Outcome> {
        let ended = |ending| {
            Some(Outcome::Ended(Ended {
                ending,
                public_id: job.claim.public_id.clone(),
                product_id: job.claim.product_id.clone(),
                final_prompt: job.final_prompt.clone(),
            }))
        };
        let now = worker.clock.now();
        match self {
            Self::Failed(code) => ended(Ending::Failed(code)),
            Self::Canceled => ended(Ending::Canceled),
            Self::Expired => ended(Ending::Expired),
            Self::Retry {
                after,
                counted,
                code,
            } => {
                let after = TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
                let run_at = now.checked_add_signed(after).unwrap_or(now);
                Some(Outcome::Retry {
                    run_at,
                    counted,
                    code: code.to_owned(),
                })
            }
            Self::HandBack => Some(Outcome::Retry {
                run_at: now,
                counted: false,
                code: "draining".to_owned(),
            }),
            Self::Held(reason) => Some(Outcome::Held { reason }),
            Self::Lost => None,
        }
    }
}
