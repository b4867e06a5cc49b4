//! The life of a job: its states and the moves between them.
//!
//! ```text
//!            claim                 settle
//! waiting ──────────▶ running ───────────────▶ done
//!    ▲ │                 │  ├── reject ───────▶ failed
//!    │ │  retry, hand    │  ├── cancel ───────▶ canceled
//!    │ │  back, recover  │  ├── expire ───────▶ expired
//!    │ ◀─────────────────┘  └── hold ─────────▶ held
//!    │ ├── cancel ▶ canceled      release: held ▶ waiting
//!    │ └── expire ▶ expired
//! ```
//!
//! The SQL of the store follows this table and nothing else; a test there compares the two.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lane::UnknownName;

/// After this many crashes under a job it is held instead of run again: a picture that kills the
/// process that draws it must not kill the whole fleet one by one.
pub const MAX_CRASHES: i16 = 3;

/// The number a claim raises. Every later write of that claim names it, and a write with an old
/// fence changes nothing (invariant I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Accepted, not begun, or begun and due again at `run_at`.
    Waiting,
    /// A worker session holds it under a fence.
    Running,
    /// Its pictures exist and its usage is recorded.
    Done,
    /// It ended without a picture; the code says why.
    Failed,
    /// Somebody asked for it to stop.
    Canceled,
    /// It was not begun, or not finished, in time.
    Expired,
    /// A person or a reconciler must decide: unknown spend, or too many crashes.
    Held,
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// A worker takes it.
    Claim,
    /// The picture is stored and the usage recorded.
    Settle,
    /// It failed for good.
    Reject,
    /// It failed for now and is due again later.
    Retry,
    /// A draining worker gives it back unsent.
    HandBack,
    /// Its worker died.
    Recover,
    /// The customer cancelled.
    Cancel,
    /// Time ran out.
    Expire,
    /// It needs a decision.
    Hold,
    /// The decision was: go on.
    Release,
}

impl Move {
    /// Every move, for tables and tests.
    pub const ALL: [Self; 10] = [
        Self::Claim,
        Self::Settle,
        Self::Reject,
        Self::Retry,
        Self::HandBack,
        Self::Recover,
        Self::Cancel,
        Self::Expire,
        Self::Hold,
        Self::Release,
    ];
}

/// A move that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {from} cannot {action:?}")]
pub struct IllegalMove {
    /// The state the job is in.
    pub from: JobState,
    /// What was asked of it.
    pub action: Move,
}

impl JobState {
    /// Every state, for tables and tests.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Canceled,
        Self::Expired,
        Self::Held,
    ];

    /// The state after `action`.
    ///
    /// # Errors
    /// [`IllegalMove`] when a job in this state cannot do that; ended jobs can do nothing.
    pub fn after(self, action: Move) -> Result<Self, IllegalMove> {
        match (self, action) {
            (Self::Waiting, Move::Claim) => Ok(Self::Running),
            (Self::Waiting | Self::Running | Self::Held, Move::Cancel) => Ok(Self::Canceled),
            (Self::Waiting | Self::Running, Move::Expire) => Ok(Self::Expired),
            (Self::Running, Move::Settle) => Ok(Self::Done),
            (Self::Running | Self::Held, Move::Reject) => Ok(Self::Failed),
            (Self::Running, Move::Retry | Move::HandBack | Move::Recover)
            | (Self::Held, Move::Release) => Ok(Self::Waiting),
            (Self::Running, Move::Hold) => Ok(Self::Held),
            (from, action) => Err(IllegalMove { from, action }),
        }
    }

    /// Whether nothing can happen to the job any more.
    pub fn is_ended(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Failed | Self::Canceled | Self::Expired
        )
    }

    /// The name in the `atelier.job.state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Held => "held",
        }
    }

    /// The word for this state in the public API (`/v1`).
    pub fn public_word(self) -> &'static str {
        match self {
            Self::Waiting => "queued",
            Self::Running => "processing",
            Self::Done => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Held => "held",
        }
    }

    /// The value of the older platform's `GenerationStatus` enum for this state. It has no word for
    /// canceled or held: a canceled generation reads FAILED (with `errorCode` `canceled`), a held
    /// one PROCESSING, because it may still succeed.
    pub fn generation_status(self) -> &'static str {
        match self {
            Self::Waiting => "PENDING",
            Self::Running | Self::Held => "PROCESSING",
            Self::Done => "COMPLETED",
            Self::Failed | Self::Canceled => "FAILED",
            Self::Expired => "EXPIRED",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_job_cannot_move() {
        for state in JobState::ALL.into_iter().filter(|state| state.is_ended()) {
            for action in Move::ALL {
                assert_eq!(
                    state.after(action),
                    Err(IllegalMove {
                        from: state,
                        action
                    })
                );
            }
        }
    }

    #[test]
    fn only_a_waiting_job_can_be_claimed() {
        for state in JobState::ALL {
            assert_eq!(state.after(Move::Claim).is_ok(), state == JobState::Waiting);
        }
    }

    #[test]
    fn every_state_that_is_not_an_end_can_reach_an_end() {
        for state in JobState::ALL.into_iter().filter(|state| !state.is_ended()) {
            assert!(state.after(Move::Cancel).unwrap().is_ended());
        }
    }

    #[test]
    fn names_read_back() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse::<JobState>().unwrap(), state);
        }
    }
}
