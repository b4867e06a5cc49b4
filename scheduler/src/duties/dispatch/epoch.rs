//! Whether Redis is still the one that was filled.
//!
//! The epoch is a random number that stands in PostgreSQL and in Redis. Missing or different in Redis
//! means that the streams are not what PostgreSQL's notes say: wiped, restarted empty, or another
//! server. Then every job noted as sent joins the backlog again and is sent anew.
//!
//! The order of the steps decides what dying between them leaves behind:
//! - after the groups were made: the epochs still differ, the next run starts over;
//! - after the new epoch is in PostgreSQL and the notes are undone: they still differ, and the next run
//!   does the same again with another number, which costs duplicates at most;
//! - after the epoch is in Redis: everything was done.
//!
//! The reverse order would say "all is well" before the notes are undone, and jobs would wait for the
//! sweep instead.

use chrono::{DateTime, Utc};
use queue::Queue;
use store::Database;
use uuid::Uuid;

use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// The one shard there is today.
const SHARD: i32 = 0;

/// Rebuilds if the epochs differ; returns whether they did. An error means that nobody could tell, and
/// nothing is rebuilt then.
pub(super) async fn agree(
    db: &Database,
    queue: &Queue,
    now: DateTime<Utc>,
    metrics: &SchedulerMetrics,
) -> Result<bool, DutyError> {
    let found = queue.epoch().await?;
    let expected = store::epochs::current(db, SHARD).await?;
    if found.is_some() && found == expected {
        return Ok(false);
    }
    queue.ensure_groups().await?;
    let epoch = Uuid::new_v4();
    let jobs = store::epochs::begin(db, now, SHARD, epoch).await?;
    queue.set_epoch(epoch).await?;
    metrics.epoch_resets_total.inc();
    match expected {
        None => tracing::info!(%epoch, "the streams begin their first epoch"),
        Some(_) => tracing::warn!(%epoch, jobs, "Redis was lost; its streams are filled again"),
    }
    Ok(true)
}
