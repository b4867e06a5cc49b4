//! Changing an endpoint, switching it on again, and removing it.

use chrono::{DateTime, Utc};
use domain::BrandId;

use super::{Settings, split, to_json};
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::time::to_public;

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is written.
    Done,
    /// The brand has no such endpoint.
    Missing,
    /// Somebody changed it since it was read: read it again.
    Stale,
}

/// Writes all of an endpoint's settings, if nobody else has since `read_at`, which is the `updated_at`
/// that was read. Switching it on or off by this takes back why we had switched it off.
///
/// # Errors
/// [`StoreError::Unavailable`]; whether it was written is not known then, and repeating says
/// [`Change::Stale`] if it was.
pub async fn update(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    id: &str,
    read_at: DateTime<Utc>,
    settings: &Settings,
) -> Result<Change, StoreError> {
    let Settings {
        name,
        url,
        events,
        format,
        headers,
        max_in_flight,
        rate_per_s,
        ordered,
        timeout_ms,
        is_active,
    } = settings;
    let (public, operational) = split(events);
    let mut tx = db.begin("update_webhook").await?;
    lock_lane(&mut tx, id).await?;
    let known = sqlx::query!(
        r#"-- store::webhooks::endpoints::known
        SELECT w."updatedAt" AS updated_at, w."isActive" AS is_active
        FROM atelier.webhook_endpoint e JOIN "Webhook" w ON w.id = e.webhook_id
        WHERE e.webhook_id = $1 AND e.brand_id = $2 AND e.deleted_at IS NULL FOR NO KEY UPDATE"#,
        id,
        brand.as_str()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let was_active = match known {
        None => return Ok(Change::Missing),
        Some(row) if row.updated_at != to_public(read_at) => return Ok(Change::Stale),
        Some(row) => row.is_active,
    };
    sqlx::query!(
        r#"-- store::webhooks::endpoints::update
        WITH public AS (
            UPDATE "Webhook" SET name = $2, url = $3, events = $4::text[]::"WebhookEvent"[],
                "isActive" = $5, "updatedAt" = GREATEST($6, "updatedAt" + interval '1 millisecond')
            WHERE id = $1)
        UPDATE atelier.webhook_endpoint
        SET operational = $7, payload_format = $8, headers = $9, max_in_flight = $10, rate_per_s = $11,
            ordered = $12, timeout_ms = $13,
            disabled_reason = CASE WHEN $5 THEN NULL ELSE disabled_reason END,
            disabled_at = CASE WHEN $5 THEN NULL ELSE disabled_at END
        WHERE webhook_id = $1"#,
        id,
        name,
        url,
        &public,
        is_active,
        to_public(now),
        &operational,
        format.as_str(),
        to_json(headers),
        max_in_flight,
        *rate_per_s,
        ordered,
        timeout_ms
    )
    .execute(&mut *tx)
    .await?;
    if *is_active && !was_active {
        start_anew(&mut tx, now, id).await?;
    }
    tx.commit().await?;
    Ok(Change::Done)
}

/// Switches an endpoint on, forgets that it failed, and goes on with what waits. Returns whether the
/// brand has it.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating is harmless.
pub async fn enable(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    id: &str,
) -> Result<bool, StoreError> {
    let mut tx = db.begin("enable_webhook").await?;
    lock_lane(&mut tx, id).await?;
    let done = sqlx::query_scalar!(
        r#"-- store::webhooks::endpoints::enable
        WITH endpoint AS (
            UPDATE atelier.webhook_endpoint SET disabled_reason = NULL, disabled_at = NULL
            WHERE webhook_id = $1 AND brand_id = $2 AND deleted_at IS NULL RETURNING webhook_id),
        public AS (
            UPDATE "Webhook" w SET "isActive" = true, "failureCount" = 0,
                "updatedAt" = GREATEST($3, w."updatedAt" + interval '1 millisecond')
            FROM endpoint WHERE w.id = endpoint.webhook_id)
        SELECT webhook_id FROM endpoint"#,
        id,
        brand.as_str(),
        to_public(now)
    )
    .fetch_optional(&mut *tx)
    .await?;
    if done.is_some() {
        start_anew(&mut tx, now, id).await?;
    }
    tx.commit().await?;
    Ok(done.is_some())
}

/// The lane before the endpoint, as whoever records tries.
async fn lock_lane(tx: &mut Transaction, id: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::endpoints::lock_lane
        SELECT webhook_id FROM atelier.webhook_lane WHERE webhook_id = $1 FOR NO KEY UPDATE"#,
        id
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets that an endpoint failed, and has somebody look at what has waited while it was off.
///
/// Whoever holds the lane of a failing endpoint loses it, or it would write back what it remembers. Its lease goes
/// on as a pause, for its tries may still be under way.
async fn start_anew(tx: &mut Transaction, now: DateTime<Utc>, id: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::endpoints::start_anew
        UPDATE atelier.webhook_lane
        SET breaker = 'closed', breaker_until = NULL, failures = 0, rate_per_s = NULL, first_failure_at = NULL,
            first_exhausted_at = NULL, last_exhausted_at = NULL, warned_percent = 0, due_at = $2,
            token = CASE WHEN breaker = 'closed' AND failures = 0 AND rate_per_s IS NULL
                AND first_failure_at IS NULL THEN token END
        WHERE webhook_id = $1"#,
        id,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes an endpoint for the brand: it is told nothing more and its secrets are destroyed, at once.
/// Its past goes by retention. Returns whether the brand had it. One that stands for a host which
/// requests name is not removed, for the next request would make it again.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating is harmless.
pub async fn remove(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    id: &str,
) -> Result<bool, StoreError> {
    let mut tx = db.begin("remove_webhook").await?;
    let done = sqlx::query!(
        r#"-- store::webhooks::endpoints::remove
        WITH endpoint AS (
            UPDATE atelier.webhook_endpoint SET deleted_at = $3, headers = '{}'
            WHERE webhook_id = $1 AND brand_id = $2 AND deleted_at IS NULL AND kind = 'endpoint'
            RETURNING webhook_id),
        secret AS (DELETE FROM atelier.webhook_secret s USING endpoint e WHERE s.webhook_id = e.webhook_id),
        job AS (
            UPDATE atelier.bulk_job j SET cancel_requested = true
            FROM endpoint e WHERE j.webhook_id = e.webhook_id AND j.state IN ('queued', 'running'))
        UPDATE "Webhook" w SET "isActive" = false, "updatedAt" = $4
        FROM endpoint WHERE w.id = endpoint.webhook_id"#,
        id,
        brand.as_str(),
        now,
        to_public(now)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}
