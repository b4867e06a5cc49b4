//! The backlog, as the dispatcher sees it.
//!
//! `dispatched_at` says that an entry should stand in the lane's stream. It is a note, not a fact:
//! Redis may have lost the entry, so rows that stay unclaimed are put back by [`put_back`].

use std::collections::BTreeMap;

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

/// The first due jobs of each brand that has any in `lane`: at most `per_brand` of at most `brands`
/// brands, brands in the order of their ids, beginning after `after`. Fewer brands than asked for mean
/// that there are no more of them behind.
///
/// The cost grows with the brands that have a backlog, not with the backlog: a loose scan of the
/// index `job_backlog` hops from brand to brand. Only jobs that are not yet due, which the retry lane
/// alone has, are walked over one by one.
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
                AND run_at <= $5 AND cancel_requested_at IS NULL
             ORDER BY brand_id LIMIT 1)
            UNION ALL
            SELECT (SELECT j.brand_id FROM atelier.job j
                    WHERE j.lane = $1 AND j.state = 'waiting' AND j.dispatched_at IS NULL
                        AND j.brand_id > brand.id AND j.run_at <= $5
                        AND j.cancel_requested_at IS NULL
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

/// Puts back into the backlog those of `ids` that still wait: their entries were not added, or were
/// taken out of their stream. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`]; then [`put_back`] finds them.
pub async fn withdraw(db: &Database, ids: &[GenerationId]) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut connection = db.connection().await?;
    let done = sqlx::query!(
        r#"-- store::dispatch::withdraw
        UPDATE atelier.job SET dispatched_at = NULL
        WHERE id IN (SELECT id FROM atelier.job
                     WHERE id = ANY($1) AND state = 'waiting' AND dispatched_at IS NOT NULL
                     FOR UPDATE SKIP LOCKED)"#,
        &ids
    )
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected())
}

/// How many jobs of each lane are dispatched and not yet claimed. Lanes without any are left out.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn dispatched_by_lane(db: &Database) -> Result<BTreeMap<Lane, u64>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::dispatch::dispatched_by_lane
        SELECT lane, count(*) AS "count!" FROM atelier.job
        WHERE state = 'waiting' AND dispatched_at IS NOT NULL
        GROUP BY lane"#
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok((lane_of(&row.lane)?, u64::try_from(row.count).unwrap_or(0))))
        .collect()
}

/// What waits in one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneDepth {
    /// The lane.
    pub lane: Lane,
    /// Jobs in the backlog that are due.
    pub due: u64,
    /// Jobs in the backlog that are due later.
    pub delayed: u64,
    /// Jobs in the stream, not yet claimed.
    pub dispatched: u64,
    /// Since when the oldest of the due and dispatched jobs could have run.
    pub oldest_run_at: Option<DateTime<Utc>>,
}

/// How much work there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Every lane, in the order of their names.
    pub lanes: Vec<LaneDepth>,
    /// Jobs that a worker holds.
    pub running: u64,
}

/// How much work there is, each number counted up to `cap`, so that the cost stays bounded however
/// deep the backlog is.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn depth(db: &Database, now: DateTime<Utc>, cap: i64) -> Result<Depth, StoreError> {
    let lanes = Lane::ALL.map(|lane| lane.as_str().to_owned());
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::dispatch::depth
        SELECT l.lane AS "lane!", b.due AS "due!", b.delayed AS "delayed!",
            d.dispatched AS "dispatched!", LEAST(b.oldest, d.oldest) AS oldest
        FROM unnest($1::text[]) AS l (lane)
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE run_at <= $2) AS due,
                count(*) FILTER (WHERE run_at > $2) AS delayed,
                min(run_at) FILTER (WHERE run_at <= $2) AS oldest
            FROM (SELECT j.run_at FROM atelier.job j
                  WHERE j.lane = l.lane AND j.state = 'waiting' AND j.dispatched_at IS NULL
                  LIMIT $3) backlog
        ) b
        CROSS JOIN LATERAL (
            SELECT count(*) AS dispatched, min(run_at) AS oldest
            FROM (SELECT j.run_at FROM atelier.job j
                  WHERE j.lane = l.lane AND j.state = 'waiting' AND j.dispatched_at IS NOT NULL
                  LIMIT $3) sent
        ) d
        ORDER BY l.lane"#,
        &lanes,
        now,
        cap
    )
    .fetch_all(&mut *connection)
    .await?;
    let running = sqlx::query_scalar!(
        r#"-- store::dispatch::running
        SELECT count(*) AS "count!"
        FROM (SELECT 1 FROM atelier.job WHERE state = 'running' LIMIT $1) running"#,
        cap
    )
    .fetch_one(&mut *connection)
    .await?;
    let lanes: Result<Vec<LaneDepth>, StoreError> = rows
        .into_iter()
        .map(|row| {
            Ok(LaneDepth {
                lane: lane_of(&row.lane)?,
                due: u64::try_from(row.due).unwrap_or(0),
                delayed: u64::try_from(row.delayed).unwrap_or(0),
                dispatched: u64::try_from(row.dispatched).unwrap_or(0),
                oldest_run_at: row.oldest,
            })
        })
        .collect();
    Ok(Depth {
        lanes: lanes?,
        running: u64::try_from(running).unwrap_or(0),
    })
}

fn lane_of(text: &str) -> Result<Lane, StoreError> {
    text.parse().map_err(|_| StoreError::Inconsistent {
        table: "atelier.job",
        column: "lane",
        id: String::new(),
        detail: format!("unknown lane {text:?}"),
    })
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
