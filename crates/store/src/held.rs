//! Held jobs: those that wait for a person's decision.

use chrono::{DateTime, Utc};
use domain::{BrandId, PublicId};

use crate::database::Database;
use crate::error::StoreError;

/// Lets a brand's held generation go on: it waits in the retry lane and its crashes are forgotten.
/// Returns whether it was held.
///
/// What is open in the ledger stays open, so the next owner reconciles before it sends anything.
///
/// # Errors
/// [`StoreError::Unavailable`]; asking again is harmless.
pub async fn release(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    public_id: &PublicId,
) -> Result<bool, StoreError> {
    let mut tx = db.begin("release_held").await?;
    let released = sqlx::query_scalar!(
        r#"-- store::held::release
        UPDATE atelier.job j
        SET state = 'waiting', lane = 'retry', run_at = $3, dispatched_at = NULL, crashes = 0,
            reason = NULL
        FROM "Generation" g
        WHERE g."publicId" = $1 AND g."brandId" = $2 AND j.id = atelier.job_id(g.id)
            AND j.state = 'held'
        RETURNING j.id"#,
        public_id.as_str(),
        brand.as_str(),
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    crate::generation_status::set_pending(&mut tx, &released).await?;
    tx.commit().await?;
    Ok(!released.is_empty())
}
