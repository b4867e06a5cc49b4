//! Reading generations.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{BrandId, GenerationId, JobState, Lane, ProductId, PublicId};
use serde_json::Value;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::time::from_public;

mod rows;

/// A generation as its brand may see it.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The id inside. Not shown.
    pub id: GenerationId,
    /// The id outside.
    pub public_id: PublicId,
    /// Whose it is.
    pub brand_id: BrandId,
    /// What for.
    pub product_id: ProductId,
    /// The shop's session that asked.
    pub session_id: Option<String>,
    /// Where the job stands.
    pub state: JobState,
    /// How far a running job is.
    pub stage: Stage,
    /// The lane it waits in.
    pub lane: Lane,
    /// The fence, which changes with every claim: part of the entity tag.
    pub fence: i64,
    /// Whether somebody asked for it to stop.
    pub cancel_requested: bool,
    /// The customisations as accepted.
    pub customizations: Value,
    /// Provider and pipeline report, once done.
    pub report: Option<Value>,
    /// The attempts at a picture, the oldest first, as JSON: provider, model, key id, state, cost, and
    /// every candidate that was considered with what was said of it.
    pub attempts: Vec<Value>,
    /// Provider name.
    pub ai_provider: String,
    /// Model name.
    pub model: String,
    /// Why it ended without pictures.
    pub error_code: Option<String>,
    /// The same in a sentence.
    pub error_message: Option<String>,
    /// What the provider charged, in millionths of a US dollar, once done.
    pub cost_micros: Option<i64>,
    /// From claim to settle in milliseconds, once done.
    pub processing_ms: Option<i32>,
    /// Address of the full picture, once done.
    pub output_url: Option<String>,
    /// Address of the thumbnail, once done.
    pub thumbnail_url: Option<String>,
    /// Address of the AR model, if there is one.
    pub ar_model_url: Option<String>,
    /// The customer's own data.
    pub metadata: Option<Value>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// When the result is forgotten.
    pub expires_at: Option<DateTime<Utc>>,
    /// The stored pictures.
    pub outputs: Vec<Output>,
}

/// How far a running job is, read from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not begun.
    Queued,
    /// The prompt is being built.
    Preparing,
    /// The provider is at work.
    Generating,
    /// The answer is here; the picture is being composed and stored.
    Composing,
    /// It has ended.
    Ended,
}

/// One stored picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// `full`, `thumbnail`, or `w640` and the like.
    pub variant: String,
    /// Where it is in the object store.
    pub object_key: String,
    /// Its media type.
    pub content_type: String,
    /// Its width.
    pub width_px: i32,
    /// Its height.
    pub height_px: i32,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256.
    pub sha256: Vec<u8>,
}

/// Which generations to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this product.
    pub product: Option<ProductId>,
    /// Only in these states.
    pub states: Vec<JobState>,
    /// Only accepted at or after this.
    pub since: Option<DateTime<Utc>>,
    /// Only older than this one: the cursor. Ids are made in the order of acceptance, so pages stay
    /// stable while new generations arrive.
    pub before: Option<GenerationId>,
    /// Skip this many: for the older platform's page numbers only.
    pub offset: i64,
}

/// A brand's generation by its public id.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    db: &Database,
    brand: &BrandId,
    public_id: &PublicId,
) -> Result<Option<Generation>, StoreError> {
    let mut connection = db.connection().await?;
    let id = sqlx::query_scalar!(
        r#"-- store::generations::find
        SELECT atelier.job_id(id) FROM "Generation" WHERE "publicId" = $1 AND "brandId" = $2"#,
        public_id.as_str(),
        brand.as_str()
    )
    .fetch_optional(&mut *connection)
    .await?
    .flatten();
    let ids: Vec<Uuid> = id.into_iter().collect();
    Ok(load(&mut connection, &ids).await?.pop())
}

/// A brand's generations, the newest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    db: &Database,
    brand: &BrandId,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Generation>, StoreError> {
    let states: Vec<String> = filter
        .states
        .iter()
        .map(|s| s.as_str().to_owned())
        .collect();
    let mut connection = db.connection().await?;
    let ids = sqlx::query_scalar!(
        r#"-- store::generations::list
        SELECT id FROM atelier.job
        WHERE brand_id = $1 AND ($2::text IS NULL OR product_id = $2)
            AND (cardinality($3::text[]) = 0 OR state = ANY($3))
            AND ($4::timestamptz IS NULL OR created_at >= $4)
            AND ($5::uuid IS NULL OR id < $5)
        ORDER BY id DESC LIMIT $6 OFFSET $7"#,
        brand.as_str(),
        filter.product.as_ref().map(ProductId::as_str),
        &states,
        filter.since,
        filter.before.map(|id| id.0),
        limit,
        filter.offset
    )
    .fetch_all(&mut *connection)
    .await?;
    load(&mut connection, &ids).await
}

/// Generations with their pictures, the newest first.
async fn load(
    connection: &mut sqlx::PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Generation>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        rows::Row,
        r#"-- store::generations::load
        SELECT j.id, g."publicId" AS public_id, j.brand_id, j.product_id,
            g."sessionId" AS session_id, j.state, j.lane, j.fence,
            j.cancel_requested_at IS NOT NULL AS "cancel_requested!", g.customizations,
            g."aiResponse" AS report, g."aiProvider" AS ai_provider, g.model,
            g."errorCode" AS error_code, g."errorMessage" AS error_message,
            (g.cost * 1000000)::bigint AS cost_micros, g."processingTime" AS processing_ms,
            g."outputUrl" AS output_url, g."thumbnailUrl" AS thumbnail_url,
            g."arModelUrl" AS ar_model_url, o.metadata AS "metadata?", j.created_at,
            g."completedAt" AS completed_at, g."expiresAt" AS expires_at,
            (SELECT jsonb_agg(jsonb_build_object('attempt', a.id, 'provider', a.provider,
                'model', a.model, 'key', a.key_id, 'state', a.state, 'error_code', a.error_code,
                'cost_micros', a.cost_micros, 'considered', a.route, 'opened_at', a.opened_at,
                'closed_at', a.closed_at, 'lost_by', a.lost_by, 'asks', a.asks,
                'ask_at', a.ask_at) ORDER BY a.opened_at, a.id)
             FROM atelier.attempt a WHERE a.job_id = j.id) AS attempts
        FROM atelier.job j
        JOIN "Generation" g ON g.id = j.id::text
        LEFT JOIN atelier.request_option o ON o.job_id = j.id
        WHERE j.id = ANY($1)
        ORDER BY j.id DESC"#,
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut outputs = outputs_of(connection, ids).await?;
    rows.into_iter()
        .map(|row| {
            let pictures = outputs.remove(&row.id).unwrap_or_default();
            row.into_generation(pictures)
        })
        .collect()
}

/// How many generations match, counted up to `most`. Cursor and offset do not count.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn count(
    db: &Database,
    brand: &BrandId,
    filter: &Filter,
    most: i64,
) -> Result<i64, StoreError> {
    let states: Vec<String> = filter
        .states
        .iter()
        .map(|s| s.as_str().to_owned())
        .collect();
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::generations::count
        SELECT count(*) AS "count!" FROM (
            SELECT 1 FROM atelier.job
            WHERE brand_id = $1 AND ($2::text IS NULL OR product_id = $2)
                AND (cardinality($3::text[]) = 0 OR state = ANY($3))
                AND ($4::timestamptz IS NULL OR created_at >= $4)
            LIMIT $5) matching"#,
        brand.as_str(),
        filter.product.as_ref().map(ProductId::as_str),
        &states,
        filter.since,
        most
    )
    .fetch_one(&mut *connection)
    .await?)
}

/// How many jobs wait in the same lane before this one, counted up to `most`. Backlog and streams are
/// counted apart, each in the order of its own index: without that the planner may prefer to walk over
/// every ended job.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn queue_position(
    db: &Database,
    lane: Lane,
    id: GenerationId,
    most: i64,
) -> Result<i64, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::generations::queue_position
        SELECT count(*) AS "count!" FROM (
            (SELECT 1 FROM atelier.job
             WHERE state = 'waiting' AND dispatched_at IS NULL AND lane = $1 AND id < $2
             ORDER BY brand_id, priority DESC, id LIMIT $3)
            UNION ALL
            (SELECT 1 FROM atelier.job
             WHERE state = 'waiting' AND dispatched_at IS NOT NULL AND lane = $1 AND id < $2
             ORDER BY dispatched_at LIMIT $3)
            LIMIT $3) ahead"#,
        lane.as_str(),
        id.0,
        most
    )
    .fetch_one(&mut *connection)
    .await?)
}

/// One stored picture, by the generation's public id alone: knowing the id is the right to see it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn output(
    db: &Database,
    public_id: &PublicId,
    variant: &str,
) -> Result<Option<Output>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        Output,
        r#"-- store::generations::output
        SELECT a.variant, a.object_key, a.content_type, a.width_px, a.height_px, a.size_bytes,
            a.sha256
        FROM "Generation" g
        JOIN atelier.asset a ON a.job_id = atelier.job_id(g.id)
        WHERE g."publicId" = $1 AND a.variant = $2"#,
        public_id.as_str(),
        variant
    )
    .fetch_optional(&mut *connection)
    .await?)
}

async fn outputs_of(
    connection: &mut sqlx::PgConnection,
    jobs: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Output>>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::generations::outputs_of
        SELECT job_id, variant, object_key, content_type, width_px, height_px, size_bytes, sha256
        FROM atelier.asset WHERE job_id = ANY($1) ORDER BY width_px DESC, variant"#,
        jobs
    )
    .fetch_all(connection)
    .await?;
    let mut outputs: HashMap<Uuid, Vec<Output>> = HashMap::new();
    for row in rows {
        outputs.entry(row.job_id).or_default().push(Output {
            variant: row.variant,
            object_key: row.object_key,
            content_type: row.content_type,
            width_px: row.width_px,
            height_px: row.height_px,
            size_bytes: row.size_bytes,
            sha256: row.sha256,
        });
    }
    Ok(outputs)
}

/// Reads a state column.
pub(crate) fn job_state(text: &str, job: Uuid) -> Result<JobState, StoreError> {
    text.parse().map_err(|_| StoreError::Inconsistent {
        table: "atelier.job",
        column: "state",
        id: GenerationId(job).as_text(),
        detail: text.to_owned(),
    })
}

/// The instant of a nullable brand-facing column.
fn instant(at: Option<chrono::NaiveDateTime>) -> Option<DateTime<Utc>> {
    at.map(from_public)
}
