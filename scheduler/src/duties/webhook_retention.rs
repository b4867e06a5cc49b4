//! Forgetting what was told long ago.

use std::sync::Arc;

use domain::Clock;
use store::Database;
use store::webhooks::retention::{Place, sweep};

use crate::duty::{Duty, Progress};
use crate::error::DutyError;

/// The most rows of a kind that one run deletes.
const BATCH_ROWS: u64 = 1_000;

/// The duty `webhook_retention`: tries, events and deliveries that arrived, and what removed endpoints leave
/// behind. How long each is kept stands in [`store::webhooks::retention`].
pub struct WebhookRetention {
    db: Database,
    clock: Arc<dyn Clock>,
    /// It only saves looking again at events that must stay.
    place: Place,
}

impl WebhookRetention {
    /// The duty's name.
    pub const NAME: &'static str = "webhook_retention";

    /// The duty.
    pub fn new(db: Database, clock: Arc<dyn Clock>) -> Self {
        Self {
            db,
            clock,
            place: Place::default(),
        }
    }
}

impl Duty for WebhookRetention {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let limit = i64::try_from(BATCH_ROWS).unwrap_or(i64::MAX);
        let gone = sweep(&self.db, self.clock.now(), limit, &mut self.place).await?;
        Ok(Progress {
            changed: gone,
            detail: format!("deleted up to {gone} rows of a kind"),
            more: gone >= BATCH_ROWS,
            next_at: None,
        })
    }
}
