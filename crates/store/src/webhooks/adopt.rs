//! Endpoints that the older platform wrote into `"Webhook"` by itself.
//!
//! They have no row of ours yet, and the statement that writes deliveries does not see them. Whoever
//! adopts them also asks for what they missed meanwhile to be sent, so that the time between only
//! delays.

use chrono::{DateTime, Duration, Utc};

use crate::database::Database;
use crate::error::StoreError;
use crate::time::to_public;

/// How far back an adopted endpoint is sent what it missed. An endpoint is adopted within seconds; one
/// that is older was written while the scheduler stood still.
const MISSED: Duration = Duration::days(1);

/// Adopts at most `limit` endpoints. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`]; nothing is adopted then.
pub async fn adopt(db: &Database, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let mut tx = db.begin("adopt_webhooks").await?;
    let adopted = sqlx::query_scalar!(
        r#"-- store::webhooks::adopt::adopt
        WITH missing AS (
            SELECT w.id, w."brandId" FROM "Webhook" w
            WHERE NOT EXISTS (SELECT 1 FROM atelier.webhook_endpoint e WHERE e.webhook_id = w.id)
            ORDER BY w.id LIMIT $1)
        INSERT INTO atelier.webhook_endpoint (webhook_id, brand_id) SELECT id, "brandId" FROM missing
        ON CONFLICT (webhook_id) DO NOTHING RETURNING webhook_id"#,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    if adopted.is_empty() {
        return Ok(0);
    }
    sqlx::query!(
        r#"-- store::webhooks::adopt::lanes
        INSERT INTO atelier.webhook_lane (webhook_id) SELECT unnest($1::text[])"#,
        &adopted
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"-- store::webhooks::adopt::missed
        INSERT INTO atelier.bulk_job (id, brand_id, webhook_id, kind, since, until, created_at, updated_at)
        SELECT gen_random_uuid(), w."brandId", w.id, 'replay_missing',
            GREATEST(w."createdAt", $3) AT TIME ZONE 'UTC', $2, $2, $2
        FROM "Webhook" w
        WHERE w.id = ANY($1) AND w."isActive" AND GREATEST(w."createdAt", $3) AT TIME ZONE 'UTC' < $2"#,
        &adopted,
        now,
        to_public(now - MISSED)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(adopted.len() as u64)
}
