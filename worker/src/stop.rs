//! Why the work on a job ends before it has pictures.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Ending, FailureCode, ProductId, PublicId};
use serde_json::{Map, Value};
use store::settle::{Ended, Outcome};

/// The metric's label of a job that was given back unsent.
pub(crate) const HANDED_BACK: &str = "handed_back";

/// What an end without pictures says of its job.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) public_id: PublicId,
    pub(crate) product_id: ProductId,
    /// The prompt, if it was built.
    pub(crate) final_prompt: Option<String>,
    /// The candidates that were considered, if it came to that.
    pub(crate) considered: Option<Value>,
    /// What a moderation service said, if one was asked.
    pub(crate) moderation: Option<Value>,
}

impl Subject {
    /// What the generation's record says of an end without pictures; nothing where there is nothing.
    fn report(&self) -> Option<Value> {
        let facts = [
            ("considered", &self.considered),
            ("moderation", &self.moderation),
        ];
        let known = facts.into_iter().filter_map(|(name, fact)| {
            let fact = fact.clone()?;
            Some((name.to_owned(), fact))
        });
        let report: Map<String, Value> = known.collect();
        (!report.is_empty()).then_some(Value::Object(report))
    }
}

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
            Self::HandBack => HANDED_BACK,
            Self::Held(_) => "held",
            Self::Lost => "lost",
        }
    }

    /// What is settled; nothing for a job that is not ours any more.
    pub(crate) fn into_outcome(self, subject: &Subject, now: DateTime<Utc>) -> Option<Outcome> {
        let ended = |ending| {
            Some(Outcome::Ended(Ended {
                ending,
                public_id: subject.public_id.clone(),
                product_id: subject.product_id.clone(),
                final_prompt: subject.final_prompt.clone(),
                report: subject.report(),
            }))
        };
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
