//! Upkeep of the streams: entries and consumers that dead workers left in Redis.

use std::time::Duration;

use queue::Queue;
use store::Database;

use crate::duties::recovery::nudge_dispatch;
use crate::duty::{Duty, Progress};
use crate::error::DutyError;

/// A delivered entry that is not settled after this time has no reader any more: workers settle as soon
/// as the claim was answered, which takes milliseconds.
const ENTRY_IDLE: Duration = Duration::from_secs(30);

/// A consumer that has not read for this time is gone: a living one reads every two seconds.
const CONSUMER_IDLE: Duration = Duration::from_secs(3_600);

/// The duty `streams`: takes entries from readers that vanished between reading and claiming, puts
/// their jobs back into the backlog if they still wait, and forgets consumers of former processes.
pub struct Streams {
    db: Database,
    queue: Queue,
    entry_idle: Duration,
}

impl Streams {
    /// The duty's name.
    pub const NAME: &'static str = "streams";

    /// The duty.
    pub fn new(db: Database, queue: Queue) -> Self {
        Self {
            db,
            queue,
            entry_idle: ENTRY_IDLE,
        }
    }

    /// The same with another time after which an entry is taken from its reader, for tests.
    #[must_use]
    pub fn with_entry_idle(mut self, entry_idle: Duration) -> Self {
        self.entry_idle = entry_idle;
        self
    }
}

impl Duty for Streams {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let entries = self.queue.reclaim(self.entry_idle).await?;
        let mut back = 0;
        if !entries.is_empty() {
            back = store::dispatch::withdraw(&self.db, &entries).await?;
            let count = entries.len();
            tracing::info!(
                count,
                back,
                "entries that their readers never settled were removed"
            );
        }
        if back > 0 {
            nudge_dispatch(&self.queue).await;
        }
        let consumers = self.queue.drop_idle_consumers(CONSUMER_IDLE).await?;
        let entries = entries.len() as u64;
        Ok(Progress {
            changed: entries + consumers,
            detail: format!(
                "removed {entries} entries and {consumers} consumers, put back {back} jobs"
            ),
            ..Progress::default()
        })
    }
}
