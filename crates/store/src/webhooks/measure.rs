//! How sending stands in the whole service.

use chrono::{DateTime, Utc};

use crate::database::Database;
use crate::error::StoreError;

/// Most lanes looked at for the oldest delivery that is due.
const LOOKED_AT: i64 = 1_000;

/// What waits, and how the endpoints stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since when the delivery that has been due longest waits, among those that may be sent now.
    pub oldest_due: Option<DateTime<Utc>>,
    /// Endpoints by the state of their breaker.
    pub breakers: Vec<(String, i64)>,
    /// Repairs that are open.
    pub repairs: i64,
}

/// Measures. A lane whose breaker is open is not late: its endpoint is spared.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn standing(db: &Database, now: DateTime<Utc>) -> Result<Standing, StoreError> {
    let mut connection = db.connection().await?;
    let oldest_due = sqlx::query_scalar!(
        r#"-- store::webhooks::measure::oldest_due
        SELECT min(first.next_at) FROM (
            SELECT l.webhook_id FROM atelier.webhook_lane l
            WHERE l.due_at <= $1 AND l.breaker <> 'open' ORDER BY l.due_at LIMIT $2) lane
        CROSS JOIN LATERAL (
            SELECT d.next_at FROM atelier.webhook_delivery d
            WHERE d.webhook_id = lane.webhook_id AND d.status = 'pending' AND d.next_at <= $1
            ORDER BY d.next_at, d.seq LIMIT 1) first"#,
        now,
        LOOKED_AT
    )
    .fetch_one(&mut *connection)
    .await?;
    let breakers = sqlx::query!(
        r#"-- store::webhooks::measure::breakers
        SELECT breaker, count(*) AS "count!" FROM atelier.webhook_lane GROUP BY breaker"#
    )
    .fetch_all(&mut *connection)
    .await?;
    let repairs = sqlx::query_scalar!(
        r#"-- store::webhooks::measure::repairs
        SELECT count(*) AS "count!" FROM atelier.bulk_job WHERE state IN ('queued', 'running')"#
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Standing {
        oldest_due,
        breakers: breakers
            .into_iter()
            .map(|row| (row.breaker, row.count))
            .collect(),
        repairs,
    })
}
