//! Forgetting what nobody can ask for any more.

use chrono::{DateTime, Duration, Utc};

use crate::database::Database;
use crate::error::StoreError;

/// How long an idempotency key is remembered. The draft standard asks for at least 24 hours; a day
/// more covers a client that was down over night.
pub const IDEMPOTENCY_HOURS: i64 = 48;

/// How long the row of an ended worker session is kept for operators.
pub const SESSION_DAYS: i64 = 7;

/// Deletes old idempotency keys and worker sessions, at most `limit` of each. Returns how many rows
/// went.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn sweep(db: &Database, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let mut tx = db.begin("retention").await?;
    let keys = sqlx::query!(
        r#"-- store::retention::idempotency_keys
        DELETE FROM atelier.idempotency_key WHERE ctid IN (
            SELECT ctid FROM atelier.idempotency_key WHERE created_at < $1 LIMIT $2)"#,
        now - Duration::hours(IDEMPOTENCY_HOURS),
        limit
    )
    .execute(&mut *tx)
    .await?;
    let sessions = sqlx::query!(
        r#"-- store::retention::sessions
        DELETE FROM atelier.worker_session WHERE id IN (
            SELECT s.id FROM atelier.worker_session s
            WHERE s.ended_at < $1
                AND NOT EXISTS (SELECT 1 FROM atelier.job j
                                WHERE j.session_id = s.id AND j.state = 'running')
            LIMIT $2)"#,
        now - Duration::days(SESSION_DAYS),
        limit
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(keys.rows_affected() + sessions.rows_affected())
}
