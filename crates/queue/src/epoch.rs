//! The shard's epoch: how the dispatcher notices that Redis was lost.

use redis::Cmd;
use uuid::Uuid;

use crate::error::QueueError;
use crate::handle::Queue;

impl Queue {
    /// The epoch that stands in Redis. `None` when there is none, or something that is no epoch:
    /// to the dispatcher both mean that this is not the Redis it filled.
    ///
    /// # Errors
    /// Could not tell; the dispatcher must not rebuild on an error.
    pub async fn epoch(&self) -> Result<Option<Uuid>, QueueError> {
        let stored: Option<Vec<u8>> = self.command("GET", &Cmd::get(self.keys().epoch())).await?;
        Ok(stored.and_then(|bytes| Uuid::try_parse_ascii(&bytes).ok()))
    }

    /// Writes the epoch, after the streams were rebuilt.
    ///
    /// # Errors
    /// As every command. Safe to cancel and to repeat.
    pub async fn set_epoch(&self, epoch: Uuid) -> Result<(), QueueError> {
        let text = epoch.hyphenated().to_string();
        self.command("SET", &Cmd::set(self.keys().epoch(), text))
            .await
    }
}
