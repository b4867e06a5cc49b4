//! Cancelling, from any process.

use chrono::{DateTime, Utc};
use domain::{BrandId, Ending, GenerationId, JobState, ProductId, PublicId};
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::ending::{self, EndedRow};
use crate::error::StoreError;
use crate::events::Subject;

/// What a wish to cancel met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It was waiting (or held) and has ended now.
    Canceled,
    /// It is running; its worker was asked to stop.
    Requested(GenerationId),
    /// It had ended.
    AlreadyEnded(JobState),
    /// The brand has no such generation.
    NotFound,
}

/// Cancels a brand's generation. A waiting one ends at once and its quota goes back; a running one
/// is marked, and its worker ends it.
///
/// # Errors
/// [`StoreError::Unavailable`]; asking again is harmless.
pub async fn cancel(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    public_id: &PublicId,
) -> Result<CancelOutcome, StoreError> {
    let mut tx = db.begin("cancel").await?;
    let Some(job) = find(&mut tx, brand, public_id).await? else {
        tx.commit().await?;
        return Ok(CancelOutcome::NotFound);
    };
    let outcome = match job.state {
        state if state.is_ended() => CancelOutcome::AlreadyEnded(state),
        JobState::Running => {
            request(&mut tx, now, job.id).await?;
            CancelOutcome::Requested(job.id)
        }
        _ => {
            end(&mut tx, now, brand, public_id, &job).await?;
            CancelOutcome::Canceled
        }
    };
    tx.commit().await?;
    Ok(outcome)
}

struct Found {
    id: GenerationId,
    product_id: ProductId,
    state: JobState,
}

/// Finds the job and locks its row, so that it cannot be claimed between looking and ending.
async fn find(
    tx: &mut Transaction,
    brand: &BrandId,
    public_id: &PublicId,
) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query!(
        r#"-- store::cancel::find
        SELECT j.id, j.product_id, j.state
        FROM "Generation" g JOIN atelier.job j ON j.id = atelier.job_id(g.id)
        WHERE g."publicId" = $1 AND g."brandId" = $2
        FOR UPDATE OF j"#,
        public_id.as_str(),
        brand.as_str()
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(Found {
            id: GenerationId(row.id),
            product_id: ProductId(row.product_id),
            state: crate::generations::job_state(&row.state, row.id)?,
        })
    })
    .transpose()
}

async fn request(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    job: GenerationId,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::cancel::request
        UPDATE atelier.job SET cancel_requested_at = COALESCE(cancel_requested_at, $2)
        WHERE id = $1"#,
        job.0,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn end(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: &BrandId,
    public_id: &PublicId,
    job: &Found,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::cancel::end
        UPDATE atelier.job SET state = 'canceled', quota = 'released', reason = $2, ended_at = $3,
            cancel_requested_at = COALESCE(cancel_requested_at, $3), dispatched_at = NULL
        WHERE id = $1"#,
        job.id.0,
        Ending::Canceled.reason().as_str(),
        now
    )
    .execute(&mut **tx)
    .await?;
    let subject = Subject {
        id: job.id,
        public_id,
        brand_id: brand,
        product_id: &job.product_id,
    };
    let row = EndedRow::new(&subject, Ending::Canceled, now);
    ending::write(tx, now, &[row]).await
}

/// Which of these running jobs somebody wants to stop. For workers that missed the nudge.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn requested(
    db: &Database,
    jobs: &[GenerationId],
) -> Result<Vec<GenerationId>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let mut connection = db.connection().await?;
    let wanted = sqlx::query_scalar!(
        r#"-- store::cancel::requested
        SELECT id FROM atelier.job WHERE id = ANY($1) AND cancel_requested_at IS NOT NULL"#,
        &ids
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(wanted.into_iter().map(GenerationId).collect())
}
