//! What a duty is.

use std::future::Future;

use chrono::{DateTime, Utc};

use crate::error::DutyError;

/// A reconciler: looks at the world and moves it a step towards what it should be.
///
/// It takes no input, so it may run at any time, twice, or on two machines at once; and it may be cut
/// off in the middle, because the next run finds whatever is left. What it remembers between runs only
/// makes it fairer or faster, never more right.
pub trait Duty: Send + 'static {
    /// Its name in leases, nudges, metrics and logs.
    fn name(&self) -> &'static str;

    /// One run.
    ///
    /// # Errors
    /// What was not done is done by a later run.
    fn run(&mut self) -> impl Future<Output = Result<Progress, DutyError>> + Send;

    /// Called when another replica has taken the duty over: forget what only its holder may say.
    fn stand_down(&mut self) {}
}

/// What one run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many things were changed.
    pub changed: u64,
    /// What was done, for the operator; empty when nothing was.
    pub detail: String,
    /// There is more to do: run again at once.
    pub more: bool,
    /// Run again at this moment, if that is before the period is over.
    pub next_at: Option<DateTime<Utc>>,
}
