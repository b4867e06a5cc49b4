//! Forgetting what was told.
//!
//! Tries, events and deliveries that arrived are kept for [`KEPT`]; a delivery that did not arrive is
//! kept, with its event, until it does or its endpoint is removed. Everything goes in batches.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;

/// How long tries, events and deliveries that arrived can be asked for.
pub const KEPT: Duration = Duration::days(30);

/// Where the next look at old events begins. It only saves looking again at those that must stay: a
/// new one begins with the oldest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place(Option<(DateTime<Utc>, Uuid)>);

/// Deletes at most `limit` rows of each kind. Returns how many rows of the kind that had most.
///
/// # Errors
/// [`StoreError::Unavailable`]; what was not deleted is by a later call.
pub async fn sweep(
    db: &Database,
    now: DateTime<Utc>,
    limit: i64,
    place: &mut Place,
) -> Result<u64, StoreError> {
    let mut tx = db.begin("webhook_retention").await?;
    let mut most = tries(&mut tx, now - KEPT, limit).await?;
    most = most.max(delivered(&mut tx, now - KEPT, limit).await?);
    most = most.max(small(&mut tx, now, limit).await?);
    tx.commit().await?;
    let mut tx = db.begin("webhook_retention_events").await?;
    let (gone, next) = events(&mut tx, now - KEPT, limit, *place).await?;
    tx.commit().await?;
    *place = next;
    let mut tx = db.begin("webhook_retention_removed").await?;
    let removed = removed(&mut tx, limit).await?;
    tx.commit().await?;
    Ok(most.max(gone).max(removed))
}

/// The row in `"WebhookLog"` takes ours with it. Those that the older platform wrote are its own.
async fn tries(tx: &mut Transaction, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let gone = sqlx::query!(
        r#"-- store::webhooks::retention::tries
        DELETE FROM "WebhookLog" WHERE id IN (
            SELECT log_id FROM atelier.webhook_attempt WHERE created_at < $1 ORDER BY created_at LIMIT $2)"#,
        before,
        limit
    )
    .execute(&mut **tx)
    .await?;
    Ok(gone.rows_affected())
}

async fn delivered(
    tx: &mut Transaction,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    let gone = sqlx::query!(
        r#"-- store::webhooks::retention::delivered
        DELETE FROM atelier.webhook_delivery d USING (
            SELECT event_id, webhook_id FROM atelier.webhook_delivery
            WHERE status = 'delivered' AND delivered_at < $1 ORDER BY delivered_at LIMIT $2) old
        WHERE d.event_id = old.event_id AND d.webhook_id = old.webhook_id AND d.status = 'delivered'"#,
        before,
        limit
    )
    .execute(&mut **tx)
    .await?;
    Ok(gone.rows_affected())
}

/// Secrets that have ended, and repairs that ended long ago.
async fn small(tx: &mut Transaction, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let secrets = sqlx::query!(
        r#"-- store::webhooks::retention::secrets
        DELETE FROM atelier.webhook_secret WHERE id IN (
            SELECT id FROM atelier.webhook_secret WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)"#,
        now,
        limit
    )
    .execute(&mut **tx)
    .await?;
    let jobs = sqlx::query!(
        r#"-- store::webhooks::retention::jobs
        DELETE FROM atelier.bulk_job WHERE id IN (
            SELECT id FROM atelier.bulk_job WHERE ended_at < $1 LIMIT $2)"#,
        now - KEPT,
        limit
    )
    .execute(&mut **tx)
    .await?;
    Ok(secrets.rows_affected().max(jobs.rows_affected()))
}

/// Events that no delivery needs, from the place on.
async fn events(
    tx: &mut Transaction,
    before: DateTime<Utc>,
    limit: i64,
    place: Place,
) -> Result<(u64, Place), StoreError> {
    let (at, id) = place.0.unzip();
    let done = sqlx::query!(
        r#"-- store::webhooks::retention::events
        WITH old AS MATERIALIZED (
            SELECT id, created_at FROM atelier.outbox
            WHERE relayed_at IS NULL AND created_at < $1 AND created_at >= COALESCE($2::timestamptz, '-infinity')
                AND (created_at, id) > (COALESCE($2::timestamptz, '-infinity'), COALESCE($3::uuid, '00000000-0000-0000-0000-000000000000'))
            ORDER BY created_at, id LIMIT $4),
        gone AS (
            DELETE FROM atelier.outbox o USING old
            WHERE o.id = old.id AND NOT EXISTS (
                SELECT 1 FROM atelier.webhook_delivery d WHERE d.event_id = o.id)
            RETURNING 1)
        SELECT (SELECT count(*) FROM gone) AS "gone!",
            (SELECT created_at FROM old ORDER BY created_at DESC, id DESC LIMIT 1) AS at,
            (SELECT id FROM old ORDER BY created_at DESC, id DESC LIMIT 1) AS id"#,
        before,
        at,
        id,
        limit
    )
    .fetch_one(&mut **tx)
    .await?;
    let gone = u64::try_from(done.gone).unwrap_or(0);
    Ok((gone, Place(done.at.zip(done.id))))
}

/// What removed endpoints leave behind: those that the brand removed, and those that the older platform
/// deleted from `"Webhook"`.
async fn removed(tx: &mut Transaction, limit: i64) -> Result<u64, StoreError> {
    // One look per endpoint that has deliveries, not one per delivery.
    let left = sqlx::query_scalar!(
        r#"-- store::webhooks::retention::without_endpoint
        WITH RECURSIVE known AS (
            (SELECT webhook_id FROM atelier.webhook_delivery ORDER BY webhook_id LIMIT 1)
            UNION ALL
            SELECT (SELECT d.webhook_id FROM atelier.webhook_delivery d
                    WHERE d.webhook_id > known.webhook_id ORDER BY d.webhook_id LIMIT 1)
            FROM known WHERE known.webhook_id IS NOT NULL)
        SELECT known.webhook_id AS "webhook_id!" FROM known
        WHERE known.webhook_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM atelier.webhook_endpoint e
            WHERE e.webhook_id = known.webhook_id AND e.deleted_at IS NULL)
        UNION
        SELECT webhook_id FROM atelier.webhook_endpoint WHERE deleted_at IS NOT NULL"#
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut most = 0;
    for webhook in left {
        let gone = past_of(tx, &webhook, limit).await?;
        if gone == 0 {
            sqlx::query!(
                r#"-- store::webhooks::retention::endpoint
                DELETE FROM "Webhook" w USING atelier.webhook_endpoint e
                WHERE w.id = $1 AND e.webhook_id = w.id AND e.deleted_at IS NOT NULL"#,
                webhook
            )
            .execute(&mut **tx)
            .await?;
        }
        most = most.max(gone);
    }
    Ok(most)
}

/// Deletes tries and deliveries of an endpoint. Returns how many rows.
async fn past_of(tx: &mut Transaction, webhook: &str, limit: i64) -> Result<u64, StoreError> {
    let tries = sqlx::query!(
        r#"-- store::webhooks::retention::tries_of
        DELETE FROM "WebhookLog" WHERE id IN (
            SELECT log_id FROM atelier.webhook_attempt WHERE webhook_id = $1 LIMIT $2)"#,
        webhook,
        limit
    )
    .execute(&mut **tx)
    .await?;
    let deliveries = sqlx::query!(
        r#"-- store::webhooks::retention::deliveries_of
        DELETE FROM atelier.webhook_delivery d USING (
            SELECT event_id FROM atelier.webhook_delivery WHERE webhook_id = $1
            ORDER BY created_at, seq LIMIT $2) old
        WHERE d.event_id = old.event_id AND d.webhook_id = $1"#,
        webhook,
        limit
    )
    .execute(&mut **tx)
    .await?;
    Ok(tries.rows_affected() + deliveries.rows_affected())
}
