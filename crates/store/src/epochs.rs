//! What Redis must say to be believed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// The epoch of a shard, if one was ever set.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn current(db: &Database, shard: i32) -> Result<Option<Uuid>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::epochs::current
        SELECT epoch FROM atelier.stream_epoch WHERE shard = $1"#,
        shard
    )
    .fetch_optional(&mut *connection)
    .await?)
}

/// Begins a new epoch: every job that was noted as dispatched is in the backlog again. Returns how
/// many went back.
///
/// Called when the streams were lost. The caller writes `epoch` to Redis only afterwards: if it dies
/// in between, the two differ and this runs again.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn begin(
    db: &Database,
    now: DateTime<Utc>,
    shard: i32,
    epoch: Uuid,
) -> Result<u64, StoreError> {
    let mut tx = db.begin("begin_epoch").await?;
    sqlx::query!(
        r#"-- store::epochs::begin
        INSERT INTO atelier.stream_epoch (shard, epoch, since) VALUES ($1, $2, $3)
        ON CONFLICT (shard) DO UPDATE SET epoch = EXCLUDED.epoch, since = EXCLUDED.since"#,
        shard,
        epoch,
        now
    )
    .execute(&mut *tx)
    .await?;
    let back = sqlx::query!(
        r#"-- store::epochs::rebuild
        UPDATE atelier.job SET dispatched_at = NULL
        WHERE id IN (SELECT id FROM atelier.job
                     WHERE state = 'waiting' AND dispatched_at IS NOT NULL
                     ORDER BY id FOR UPDATE)"#
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(back.rows_affected())
}
