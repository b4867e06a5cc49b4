//! What a provider announces by itself, without a lease.
//!
//! An announcement can only add what is missing: the provider's id of a call whose answer got lost. It
//! takes nothing back and ends nothing, so one that is forged, late, doubled or out of order does no
//! harm; and since it changes neither state nor fence, whoever holds the job goes on as before. A job that
//! waits to ask about such a call need not wait any longer.

use chrono::{DateTime, Utc};
use domain::{AttemptId, GenerationId};

use crate::database::Database;
use crate::error::StoreError;

/// Writes the provider's id of a call into the ledger, where it is not known yet and the call is still
/// open. Gives the job, also where there was nothing to write; `None` where no such attempt is open.
///
/// # Errors
/// [`StoreError::Unavailable`]; writing the same again is harmless.
pub async fn accepted(
    db: &Database,
    now: DateTime<Utc>,
    attempt: AttemptId,
    provider: &str,
    provider_ref: &str,
) -> Result<Option<Announced>, StoreError> {
    let mut tx = db.begin("announced_attempt").await?;
    let written = sqlx::query_scalar!(
        r#"-- store::callbacks::accepted
        UPDATE atelier.attempt SET state = 'accepted', provider_ref = $3
        WHERE id = $1 AND provider = $2 AND provider_ref IS NULL
            AND state IN ('submitting', 'unknown')
        RETURNING job_id"#,
        attempt.0,
        provider,
        provider_ref
    )
    .fetch_optional(&mut *tx)
    .await?;
    let job = match written {
        Some(job) => Some(job),
        None => {
            sqlx::query_scalar!(
                r#"-- store::callbacks::open
                SELECT job_id FROM atelier.attempt
                WHERE id = $1 AND provider = $2 AND state IN ('submitting', 'accepted', 'unknown')"#,
                attempt.0,
                provider
            )
            .fetch_optional(&mut *tx)
            .await?
        }
    };
    if let Some(job) = job {
        // A job that waits until it may ask about its lost call has nothing more to wait for.
        sqlx::query!(
            r#"-- store::callbacks::bring_forward
            UPDATE atelier.job SET run_at = $2
            WHERE id = $1 AND state = 'waiting' AND dispatched_at IS NULL AND run_at > $2"#,
            job,
            now
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(job.map(|job| Announced {
        job: GenerationId(job),
        was_missing: written.is_some(),
    }))
}

/// An open attempt that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The job that it belongs to.
    pub job: GenerationId,
    /// Whether the provider's id was not known before.
    pub was_missing: bool,
}
