//! Taking jobs, and giving back those nobody works on.
//!
//! A claim is one conditional update: rows that are no longer waiting do not move and are not ours.
//! If the reply to a claim's commit is lost, jobs run under a session that does not know of them;
//! [`hand_back_strays`] returns them to the backlog.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{BrandId, Fence, GenerationId, ProductId, PublicId, SessionId};
use serde_json::Value;
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::events::{self, Subject};
use crate::intake::RequestOption;
use crate::lease::Lease;
use crate::ledger::{OpenAttempt, open_attempts};

/// A job that is ours, with what is needed to work on it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The right to write to it.
    pub lease: Lease,
    /// Whose it is.
    pub brand_id: BrandId,
    /// What it is for.
    pub product_id: ProductId,
    /// Its id outside.
    pub public_id: PublicId,
    /// The validated customisations.
    pub customizations: Value,
    /// The shopper's own words.
    pub user_prompt: Option<String>,
    /// The provider asked for.
    pub ai_provider: String,
    /// The model asked for.
    pub model: String,
    /// The quality asked for.
    pub quality: String,
    /// How often it failed and was tried again.
    pub tries: i16,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it became due (its creation, or the retry's time).
    pub run_at: DateTime<Utc>,
    /// Not finished by then: EXPIRED.
    pub deadline: Option<DateTime<Utc>>,
    /// Trace context of the request.
    pub trace_parent: String,
    /// Options of the request.
    pub option: RequestOption,
    /// What an earlier owner left open in the ledger. Read before anything is sent.
    pub open_attempt: Option<OpenAttempt>,
}

/// Claims those of `ids` that are waiting, due and wanted, for a session whose lease is alive.
///
/// # Errors
/// After [`StoreError::Unavailable`] the claim may have happened; see [`hand_back_strays`].
pub async fn claim(
    db: &Database,
    now: DateTime<Utc>,
    session: SessionId,
    ids: &[GenerationId],
) -> Result<Vec<Claimed>, StoreError> {
    let mut tx = db.begin("claim").await?;
    let moved = take(&mut tx, now, session, ids).await?;
    if moved.is_empty() {
        tx.commit().await?;
        return Ok(Vec::new());
    }
    let jobs: Vec<Uuid> = moved.iter().map(|row| row.id).collect();
    let requests = mark_processing(&mut tx, &jobs).await?;
    announce_started(&mut tx, now, &moved, &requests).await?;
    let mut options = load_options(&mut tx, &jobs).await?;
    let mut attempts = open_attempts(&mut tx, &jobs).await?;
    tx.commit().await?;
    let mut requests: HashMap<String, RequestRow> = requests
        .into_iter()
        .map(|row| (row.id.clone(), row))
        .collect();
    moved
        .into_iter()
        .map(|job| {
            let request = requests
                .remove(&GenerationId(job.id).as_text())
                .ok_or_else(|| missing_generation(job.id))?;
            let option = options.remove(&job.id).unwrap_or_default();
            let attempt = attempts.remove(&job.id);
            assemble(session, job, request, option, attempt)
        })
        .collect()
}

struct JobRow {
    id: Uuid,
    fence: i64,
    brand_id: String,
    product_id: String,
    tries: i16,
    created_at: DateTime<Utc>,
    run_at: DateTime<Utc>,
    deadline: Option<DateTime<Utc>>,
    trace_parent: String,
}

async fn take(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    session: SessionId,
    ids: &[GenerationId],
) -> Result<Vec<JobRow>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        JobRow,
        r#"-- store::claims::take
        UPDATE atelier.job j
        SET state = 'running', fence = j.fence + 1, session_id = $2, claimed_at = $3
        FROM (
            SELECT id FROM atelier.job
            WHERE id = ANY($1) AND state = 'waiting' AND run_at <= $3
                AND cancel_requested_at IS NULL
                AND (start_by IS NULL OR start_by > $3 OR fence > 0)
                AND (deadline IS NULL OR deadline > $3)
                AND EXISTS (SELECT 1 FROM atelier.worker_session s
                            WHERE s.id = $2 AND s.ended_at IS NULL AND s.expires_at > now())
            FOR UPDATE SKIP LOCKED
        ) due
        WHERE j.id = due.id
        RETURNING j.id, j.fence, j.brand_id, j.product_id, j.tries, j.created_at, j.run_at,
            j.deadline, j.trace_parent"#,
        &ids,
        session.0,
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

struct RequestRow {
    id: String,
    public_id: String,
    customizations: Value,
    user_prompt: Option<String>,
    ai_provider: String,
    model: String,
    quality: String,
}

async fn mark_processing(
    tx: &mut Transaction,
    jobs: &[Uuid],
) -> Result<Vec<RequestRow>, StoreError> {
    let ids: Vec<String> = jobs.iter().map(|id| GenerationId(*id).as_text()).collect();
    let rows = sqlx::query_as!(
        RequestRow,
        r#"-- store::claims::mark_processing
        UPDATE "Generation" SET status = 'PROCESSING' WHERE id = ANY($1)
        RETURNING id, "publicId" AS public_id, customizations, "userPrompt" AS user_prompt,
            "aiProvider" AS ai_provider, model, quality"#,
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// `generation.started`, once per generation, and only where an endpoint of the brand asks for it:
/// unlike the end of a generation, its start is of no use to anybody later.
async fn announce_started(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    jobs: &[JobRow],
    requests: &[RequestRow],
) -> Result<(), StoreError> {
    let brands: Vec<String> = jobs
        .iter()
        .filter(|job| job.fence == 1)
        .map(|job| job.brand_id.clone())
        .collect();
    if brands.is_empty() {
        return Ok(());
    }
    let listening = sqlx::query_scalar!(
        r#"-- store::claims::listening
        SELECT DISTINCT e.brand_id FROM atelier.webhook_endpoint e
        JOIN "Webhook" w ON w.id = e.webhook_id
        WHERE e.brand_id = ANY($1) AND e.deleted_at IS NULL
            AND w."isActive" AND 'GENERATION_STARTED' = ANY(w.events)"#,
        &brands
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut started = Vec::new();
    for job in jobs
        .iter()
        .filter(|job| job.fence == 1 && listening.contains(&job.brand_id))
    {
        let id = GenerationId(job.id);
        let Some(request) = requests.iter().find(|row| row.id == id.as_text()) else {
            continue;
        };
        let subject = Subject {
            id,
            public_id: &public_id(&request.public_id, job.id)?,
            brand_id: &BrandId(job.brand_id.clone()),
            product_id: &ProductId(job.product_id.clone()),
        };
        started.push(events::started(&subject, now));
    }
    crate::outbox::write(tx, now, &started).await
}

async fn load_options(
    tx: &mut Transaction,
    jobs: &[Uuid],
) -> Result<HashMap<Uuid, RequestOption>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::claims::load_options
        SELECT job_id, template_id, webhook_url, metadata, widths
        FROM atelier.request_option WHERE job_id = ANY($1)"#,
        jobs
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let option = RequestOption {
                template_id: row.template_id,
                webhook_url: row.webhook_url,
                metadata: row.metadata,
                widths: row.widths,
            };
            (row.job_id, option)
        })
        .collect())
}

fn assemble(
    session: SessionId,
    job: JobRow,
    request: RequestRow,
    option: RequestOption,
    open_attempt: Option<OpenAttempt>,
) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        lease: Lease {
            job: GenerationId(job.id),
            fence: Fence(job.fence),
            session,
        },
        brand_id: BrandId(job.brand_id),
        product_id: ProductId(job.product_id),
        public_id: public_id(&request.public_id, job.id)?,
        customizations: request.customizations,
        user_prompt: request.user_prompt,
        ai_provider: request.ai_provider,
        model: request.model,
        quality: request.quality,
        tries: job.tries,
        created_at: job.created_at,
        run_at: job.run_at,
        deadline: job.deadline,
        trace_parent: job.trace_parent,
        option,
        open_attempt,
    })
}

/// Reads a public id column.
pub(crate) fn public_id(text: &str, job: Uuid) -> Result<PublicId, StoreError> {
    PublicId::parse(text).map_err(|error| StoreError::Inconsistent {
        table: "Generation",
        column: "publicId",
        id: GenerationId(job).as_text(),
        detail: error.to_string(),
    })
}

fn missing_generation(job: Uuid) -> StoreError {
    StoreError::Inconsistent {
        table: "Generation",
        column: "id",
        id: GenerationId(job).as_text(),
        detail: "a job has no generation".to_owned(),
    }
}

/// Returns to the backlog what runs under `session` but is not in `held`, if it was claimed before
/// `claimed_before` (so that a claim in flight is left alone). Returns the ids.
///
/// This is how a claim whose reply was lost is undone. Harmless at any time: nothing was sent for a
/// job that its session does not know.
///
/// # Errors
/// [`StoreError::Unavailable`]; call it again.
pub async fn hand_back_strays(
    db: &Database,
    now: DateTime<Utc>,
    session: SessionId,
    held: &[GenerationId],
    claimed_before: DateTime<Utc>,
) -> Result<Vec<GenerationId>, StoreError> {
    let held: Vec<Uuid> = held.iter().map(|id| id.0).collect();
    let mut tx = db.begin("hand_back_strays").await?;
    let ids = sqlx::query_scalar!(
        r#"-- store::claims::hand_back_strays
        UPDATE atelier.job
        SET state = 'waiting', session_id = NULL, lane = 'retry', run_at = $4, dispatched_at = NULL
        WHERE id IN (SELECT id FROM atelier.job
                     WHERE session_id = $1 AND state = 'running' AND id <> ALL($2)
                         AND claimed_at < $3
                     FOR UPDATE SKIP LOCKED)
        RETURNING id"#,
        session.0,
        &held,
        claimed_before,
        now
    )
    .fetch_all(&mut *tx)
    .await?;
    crate::generation_status::set_pending(&mut tx, &ids).await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(GenerationId).collect())
}
