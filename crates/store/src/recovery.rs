//! What dead workers left.

use chrono::{DateTime, Utc};
use domain::{GenerationId, MAX_CRASHES, SessionId};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// What one recovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Sessions whose lease had run out.
    pub sessions: Vec<SessionId>,
    /// Jobs that wait again, in the retry lane.
    pub waiting: Vec<GenerationId>,
    /// Jobs that crashed too often and are held for a person.
    pub held: Vec<GenerationId>,
}

/// Closes sessions whose lease ran out by the database's clock and takes their jobs back. A crash is
/// counted apart from tries; the third one holds the job.
///
/// A job whose row somebody holds at this moment is passed over and found by the next run: a worker
/// that froze in the middle of a transaction must not keep the other jobs from being recovered.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeated by the duty.
pub async fn recover_dead_sessions(
    db: &Database,
    now: DateTime<Utc>,
) -> Result<Recovered, StoreError> {
    let mut tx = db.begin("recover").await?;
    let sessions = sqlx::query_scalar!(
        r#"-- store::recovery::close_sessions
        UPDATE atelier.worker_session SET ended_at = $1
        WHERE id IN (SELECT id FROM atelier.worker_session
                     WHERE ended_at IS NULL AND expires_at < now() FOR UPDATE SKIP LOCKED)
        RETURNING id"#,
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    let jobs = sqlx::query!(
        r#"-- store::recovery::take_back
        UPDATE atelier.job j
        SET state = CASE WHEN crashes + 1 >= $2 THEN 'held' ELSE 'waiting' END,
            reason = CASE WHEN crashes + 1 >= $2 THEN 'crashed' ELSE reason END,
            crashes = crashes + 1, session_id = NULL, lane = 'retry', run_at = $1,
            dispatched_at = NULL
        FROM (
            SELECT l.id FROM atelier.job l JOIN atelier.worker_session s ON s.id = l.session_id
            WHERE l.state = 'running' AND s.ended_at IS NOT NULL
            FOR UPDATE OF l SKIP LOCKED
        ) left_over
        WHERE j.id = left_over.id
        RETURNING j.id, j.state"#,
        now,
        i32::from(MAX_CRASHES)
    )
    .fetch_all(&mut *tx)
    .await?;
    let (held, waiting): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.state == "held");
    let waiting: Vec<Uuid> = waiting.into_iter().map(|job| job.id).collect();
    crate::generation_status::set_pending(&mut tx, &waiting).await?;
    tx.commit().await?;
    Ok(Recovered {
        sessions: sessions.into_iter().map(SessionId).collect(),
        waiting: waiting.into_iter().map(GenerationId).collect(),
        held: held.into_iter().map(|job| GenerationId(job.id)).collect(),
    })
}
