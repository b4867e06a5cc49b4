//! Ending what is too late, and what was cancelled while nobody held it.

use chrono::{DateTime, Utc};
use domain::{BrandId, Ending, GenerationId, ProductId};

use crate::database::Database;
use crate::ending::{self, EndedRow};
use crate::error::StoreError;
use crate::events::Subject;

/// How many jobs one sweep ends at most; the duty repeats while it is full.
pub const SWEEP: i64 = 500;

/// Ends waiting jobs that are past `start_by` (if never begun) or `deadline`, and those that somebody
/// cancelled while they ran under a worker that died. Returns how many ended.
///
/// Each kind is found by an index of its own (one condition with OR reads the whole table: 100 ms
/// beside 500,000 ended jobs, where this takes less than 1 ms). A cancelled job that waits was given
/// back by a worker or taken from one, so it is in the backlog of the retry lane.
///
/// A running job past its deadline is ended by its worker: a result that beats its deadline is never
/// thrown away, and only the worker knows.
///
/// # Errors
/// [`StoreError::Unavailable`]; the sweep is repeated.
pub async fn sweep(db: &Database, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut tx = db.begin("expire").await?;
    let ended = sqlx::query!(
        r#"-- store::expiry::sweep
        UPDATE atelier.job j
        SET state = late.state, quota = 'released', reason = late.state, ended_at = $1,
            dispatched_at = NULL
        FROM (
            SELECT id, CASE WHEN cancel_requested_at IS NULL THEN 'expired' ELSE 'canceled' END
                AS state
            FROM atelier.job
            WHERE state = 'waiting' AND ((start_by <= $1 AND fence = 0) OR deadline <= $1
                    OR cancel_requested_at IS NOT NULL)
                AND id = ANY (ARRAY(
                    (SELECT id FROM atelier.job
                     WHERE state = 'waiting' AND start_by <= $1 AND fence = 0
                     ORDER BY start_by LIMIT $2)
                    UNION ALL
                    (SELECT id FROM atelier.job
                     WHERE state = 'waiting' AND deadline <= $1
                     ORDER BY deadline LIMIT $2)
                    UNION ALL
                    (SELECT id FROM atelier.job
                     WHERE lane = 'retry' AND state = 'waiting' AND dispatched_at IS NULL
                        AND cancel_requested_at IS NOT NULL
                     LIMIT $2)))
            ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
        ) late, "Generation" g
        WHERE j.id = late.id AND g.id = j.id::text
        RETURNING j.id, j.brand_id, j.product_id, j.state, g."publicId" AS public_id"#,
        now,
        SWEEP
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut rows = Vec::with_capacity(ended.len());
    for row in ended {
        let ending = match row.state.as_str() {
            "canceled" => Ending::Canceled,
            _ => Ending::Expired,
        };
        let subject = Subject {
            id: GenerationId(row.id),
            public_id: &crate::claims::public_id(&row.public_id, row.id)?,
            brand_id: &BrandId(row.brand_id),
            product_id: &ProductId(row.product_id),
        };
        rows.push(EndedRow::new(&subject, ending, now));
    }
    ending::write(&mut tx, now, &rows).await?;
    tx.commit().await?;
    Ok(rows.len() as u64)
}
