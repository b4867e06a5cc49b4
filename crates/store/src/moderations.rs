//! What a moderation service said of the requests of brands that ask one.
//!
//! A decision is written before anything is paid, so that a job which is taken up again is not asked about
//! twice and cannot get another answer. [`ModerationDecision::Unseen`] alone may be followed by another.
//! What was looked at is not kept here.

use chrono::{DateTime, Utc};
use domain::{GenerationId, ModerationDecision};

use crate::database::Database;
use crate::error::StoreError;
use crate::lease::Lease;

/// What came of the look at one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderated {
    /// The decision.
    pub decision: ModerationDecision,
    /// To what the service objects, in its own words.
    pub categories: Vec<String>,
}

/// What was decided about a job; none where nobody was asked yet.
///
/// # Errors
/// [`StoreError::Unavailable`]; [`StoreError::Inconsistent`] when the stored row is no decision.
pub async fn find(db: &Database, job: GenerationId) -> Result<Option<Moderated>, StoreError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::moderations::find
        SELECT decision, categories FROM atelier.moderation WHERE job_id = $1"#,
        job.0
    )
    .fetch_optional(&mut *connection)
    .await?;
    row.map(|row| {
        let decision = row.decision.parse().map_err(|error: domain::UnknownName| {
            StoreError::Inconsistent {
                table: "atelier.moderation",
                column: "decision",
                id: job.as_text(),
                detail: error.to_string(),
            }
        })?;
        Ok(Moderated {
            decision,
            categories: row.categories,
        })
    })
    .transpose()
}

/// Writes a decision down. Returns whether it stands: not where the lease is lost, or where somebody
/// decided before.
///
/// # Errors
/// [`StoreError::Unavailable`]; writing the same again is harmless.
pub async fn decide(
    db: &Database,
    now: DateTime<Utc>,
    lease: Lease,
    moderated: &Moderated,
) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let written = sqlx::query!(
        r#"-- store::moderations::decide
        INSERT INTO atelier.moderation AS m (job_id, decision, categories, decided_at)
        SELECT j.id, $4, $5, $6 FROM (
            SELECT id FROM atelier.job
            WHERE id = $1 AND fence = $2 AND session_id = $3 AND state = 'running' FOR SHARE
        ) j
        ON CONFLICT (job_id) DO UPDATE
        SET decision = EXCLUDED.decision, categories = EXCLUDED.categories,
            decided_at = EXCLUDED.decided_at
        WHERE m.decision = 'unseen'
            OR (m.decision = EXCLUDED.decision AND m.categories = EXCLUDED.categories)"#,
        lease.job.0,
        lease.fence.0,
        lease.session.0,
        moderated.decision.as_str(),
        &moderated.categories,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(written.rows_affected() == 1)
}
