//! The backlog, as the dispatcher sees it.
//!
//! `dispatched_at` says that an entry should stand in the lane's stream. It is a note, not a fact:
//! Redis may have lost the entry, so rows that stay unclaimed are put back by [`put_back`].

use chrono::{DateTime, Utc};
use domain::{BrandId, GenerationId, Lane};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// A waiting job that is not in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The job.
    pub id: GenerationId,
    /// Whose it is.
    pub brand_id: BrandId,
    /// How many units of work it counts for.
    pub weight: i32,
    /// Trace context of its request.
    pub trace_parent: String,
}

/// The first due jobs of each brand that has a backlog in `lane`: at most `per_brand` of at most
/// `brands` brands, brands in the order of their ids, beginning after `after`.
///
/// The cost grows with the brands that have a backlog, not with the backlog: a loose scan of the
/// index `job_backlog` hops from brand to brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn heads(
    db: &Database,
    now: DateTime<Utc>,
    lane: Lane,
    after: Option<&BrandId>,
    brands: i64,
    per_brand: i64,
) -> Result<Vec<Head>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::dispatch::heads
        WITH RECURSIVE brand (id, n) AS (
            (SELECT brand_id, 1 FROM atelier.job
             WHERE lane = $1 AND state = 'waiting' AND dispatched_at IS NULL AND brand_id > $2
             ORDER BY brand_id LIMIT 1)
            UNION ALL
            SELECT (SELECT j.brand_id FROM atelier.job j
                    WHERE j.lane = $1 AND j.state = 'waiting' AND j.dispatched_at IS NULL
                        AND j.brand_id > brand.id
                    ORDER BY j.brand_id LIMIT 1), n + 1
            FROM brand WHERE brand.id IS NOT NULL AND n < $3
        )
        SELECT head.id AS "id!", head.brand_id AS "brand_id!", head.weight AS "weight!",
            head.trace_parent AS "trace_parent!"
        FROM brand CROSS JOIN LATERAL (
            SELECT j.id, j.brand_id, j.weight, j.trace_parent FROM atelier.job j
            WHERE j.lane = $1 AND j.state = 'waiting' AND j.dispatched_at IS NULL
                AND j.brand_id = brand.id AND j.run_at <= $5 AND j.cancel_requested_at IS NULL
            ORDER BY j.priority DESC, j.id LIMIT $4
        ) head
        WHERE brand.id IS NOT NULL"#,
        lane.as_str(),
        after.map_or("", BrandId::as_str),
        i32::try_from(brands).unwrap_or(i32::MAX),
        per_brand,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Head {
            id: GenerationId(row.id),
            brand_id: BrandId(row.brand_id),
            weight: row.weight,
            trace_parent: row.trace_parent,
        })
        .collect())
}

/// Notes that these jobs are about to stand in their stream. Returns those that were still waiting in
/// the backlog: only they are to be added.
///
/// # Errors
/// [`StoreError::Unavailable`]; rows that were noted but not added are found by [`put_back`].
pub async fn note_dispatched(
    db: &Database,
    now: DateTime<Utc>,
    ids: &[GenerationId],
) -> Result<Vec<GenerationId>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut connection = db.connection().await?;
    let noted = sqlx::query_scalar!(
        r#"-- store::dispatch::note_dispatched
        UPDATE atelier.job SET dispatched_at = $2
        WHERE id IN (SELECT id FROM atelier.job
                     WHERE id = ANY($1) AND state = 'waiting' AND dispatched_at IS NULL
                     FOR UPDATE SKIP LOCKED)
        RETURNING id"#,
        &ids,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(noted.into_iter().map(GenerationId).collect())
}

/// Puts back into the backlog what was dispatched before `before` in `lanes` and is still unclaimed:
/// its entry was lost, or never added. Returns how many.
///
/// A job that is still in a stream after all is then there twice, which is harmless: the claim is
/// conditional.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put_back(
    db: &Database,
    lanes: &[Lane],
    before: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let lanes: Vec<String> = lanes.iter().map(|lane| lane.as_str().to_owned()).collect();
    let mut connection = db.connection().await?;
    let done = sqlx::query!(
        r#"-- store::dispatch::put_back
        UPDATE atelier.job SET dispatched_at = NULL
        WHERE id IN (SELECT id FROM atelier.job
                     WHERE state = 'waiting' AND dispatched_at < $2 AND lane = ANY($1)
                     FOR UPDATE SKIP LOCKED)"#,
        &lanes,
        before
    )
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected())
}

/// How many jobs of each brand are dispatched and not yet claimed, the largest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn dispatched_by_brand(
    db: &Database,
    limit: i64,
) -> Result<Vec<(BrandId, u32)>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::dispatch::dispatched_by_brand
        SELECT brand_id, count(*) AS "count!" FROM atelier.job
        WHERE state = 'waiting' AND dispatched_at IS NOT NULL
        GROUP BY brand_id ORDER BY count(*) DESC LIMIT $1"#,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                BrandId(row.brand_id),
                u32::try_from(row.count).unwrap_or(u32::MAX),
            )
        })
        .collect())
}

/// When the next backlogged job of the retry lane becomes due, if any.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn next_due(db: &Database) -> Result<Option<DateTime<Utc>>, StoreError> {
    let mut connection = db.connection().await?;
    let due = sqlx::query_scalar!(
        r#"-- store::dispatch::next_due
        SELECT min(run_at) FROM atelier.job
        WHERE lane = 'retry' AND state = 'waiting' AND dispatched_at IS NULL"#
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(due)
}
