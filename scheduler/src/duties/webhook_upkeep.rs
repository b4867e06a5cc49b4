//! Keeping endpoints fit to be sent to.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::Clock;
use service::telemetry::error_chain;
use store::provider_keys::KeepError;
use store::{Database, SealingKeys};

use crate::duty::{Duty, Progress};
use crate::error::DutyError;

/// The most endpoints of a kind that one run looks after.
const BATCH: u64 = 100;
/// Between two looks for lanes that stand still: it walks through all that are idle.
const ROUSE_EVERY: chrono::Duration = chrono::Duration::seconds(60);

/// The duty `webhooks`: adopts endpoints that the older platform made, seals secrets that it keeps in the
/// clear and makes those that are lacking, and wakes lanes whose endpoint it switched on. Dying between
/// two of these leaves the rest to the next run.
pub struct WebhookUpkeep {
    db: Database,
    clock: Arc<dyn Clock>,
    keys: Option<SealingKeys>,
    roused_at: Option<DateTime<Utc>>,
}

impl WebhookUpkeep {
    /// The duty's name.
    pub const NAME: &'static str = "webhooks";

    /// The duty. Without keys, secrets stay as they are.
    pub fn new(db: Database, clock: Arc<dyn Clock>, keys: Option<SealingKeys>) -> Self {
        Self {
            db,
            clock,
            keys,
            roused_at: None,
        }
    }

    async fn seal(&self, now: DateTime<Utc>, limit: i64) -> Result<u64, DutyError> {
        let Some(keys) = &self.keys else { return Ok(0) };
        match store::webhooks::secrets::upkeep(&self.db, now, keys, limit).await {
            Ok(sealed) => Ok(sealed),
            Err(KeepError::Store(error)) => Err(error.into()),
            Err(error) => {
                tracing::error!(
                    error = error_chain(&error),
                    "webhook secrets cannot be sealed; are the sealing keys right?"
                );
                Ok(0)
            }
        }
    }

    async fn rouse(&mut self, now: DateTime<Utc>, limit: i64) -> Result<u64, DutyError> {
        if self.roused_at.is_some_and(|at| now - at < ROUSE_EVERY) {
            return Ok(0);
        }
        let roused = store::webhooks::lanes::rouse(&self.db, now, limit).await?;
        if roused < BATCH {
            self.roused_at = Some(now);
        }
        Ok(roused)
    }
}

impl Duty for WebhookUpkeep {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let now = self.clock.now();
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let adopted = store::webhooks::adopt::adopt(&self.db, now, limit).await?;
        let sealed = self.seal(now, limit).await?;
        let roused = self.rouse(now, limit).await?;
        Ok(Progress {
            changed: adopted + sealed + roused,
            detail: format!(
                "adopted {adopted} endpoints, sealed or made {sealed} secrets, woke {roused} lanes"
            ),
            more: adopted >= BATCH || sealed >= BATCH || roused >= BATCH,
            next_at: None,
        })
    }
}
