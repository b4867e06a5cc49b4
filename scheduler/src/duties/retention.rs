//! Forgetting rows that nobody can ask for any more.

use std::sync::Arc;

use domain::Clock;
use store::Database;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;

/// The most rows of a kind that one run deletes: some tens of milliseconds of locks.
const BATCH_ROWS: u64 = 1_000;

/// The duty `retention`: old idempotency keys and worker sessions. How long each is kept stands in
/// [`store::retention`].
pub struct Retention {
    db: Database,
    clock: Arc<dyn Clock>,
}

impl Retention {
    /// The duty's name.
    pub const NAME: &'static str = "retention";

    /// The duty.
    pub fn new(db: Database, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock }
    }
}

impl Duty for Retention {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let limit = i64::try_from(BATCH_ROWS).unwrap_or(i64::MAX);
        let gone = store::retention::sweep(&self.db, self.clock.now(), limit).await?;
        Ok(Progress {
            changed: gone,
            detail: format!("deleted {gone} rows"),
            more: gone >= BATCH_ROWS,
            next_at: None,
        })
    }
}
