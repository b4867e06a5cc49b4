//! What an endpoint was told, and being told again.

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::{BrandId, Event, EventKind};
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::time::from_public;

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event; the `webhook-id` follows from it.
    pub event: Uuid,
    /// The event's type.
    pub kind: String,
    /// `pending`, `delivered`, `exhausted`, or `skipped`.
    pub status: String,
    /// Why it is or was due: `event`, `test`, `resend`, `recover`, `replay`, `replay_missing`.
    pub trigger: String,
    /// Another address than the endpoint's.
    pub url: Option<String>,
    /// Tries of all time.
    pub tries: i32,
    /// When the next one is due; none where there is none.
    pub next_at: Option<DateTime<Utc>>,
    /// The last try's answer.
    pub last_status_code: Option<i32>,
    /// The last try's kind of failure.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it arrived.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Its place among those written at the same instant.
    pub seq: i64,
}

/// Which deliveries a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of these states; of all where there are none.
    pub statuses: Vec<String>,
    /// Of this type.
    pub event: Option<EventKind>,
    /// Written at or after this instant.
    pub since: Option<DateTime<Utc>>,
    /// Before this place: `created_at` and `seq` of the last one shown.
    pub before: Option<(DateTime<Utc>, i64)>,
}

/// The deliveries of an endpoint, the newest first; of none where it is not the brand's.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    db: &Database,
    brand: &BrandId,
    webhook: &str,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let mut connection = db.connection().await?;
    let (before_at, before_seq) = filter.before.unzip();
    Ok(sqlx::query_as!(
        Delivery,
        r#"-- store::webhooks::deliveries::list
        SELECT d.event_id AS event, o.kind, d.status, d.trigger, d.url, d.tries,
            CASE WHEN d.status = 'pending' THEN d.next_at END AS next_at, d.last_status_code, d.last_error,
            d.created_at, d.delivered_at, d.seq
        FROM atelier.webhook_endpoint e
        JOIN atelier.webhook_delivery d ON d.webhook_id = e.webhook_id
        JOIN atelier.outbox o ON o.id = d.event_id
        WHERE e.webhook_id = $1 AND e.brand_id = $2 AND e.deleted_at IS NULL
            AND (cardinality($3::text[]) = 0 OR d.status = ANY($3))
            AND ($4::text IS NULL OR o.kind = $4)
            AND ($5::timestamptz IS NULL OR d.created_at >= $5)
            AND ($6::timestamptz IS NULL OR (d.created_at, d.seq) < ($6, $7::bigint))
        ORDER BY d.created_at DESC, d.seq DESC LIMIT $8"#,
        webhook,
        brand.as_str(),
        &filter.statuses,
        filter.event.map(EventKind::type_name),
        filter.since,
        before_at,
        before_seq,
        limit
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// One try.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its row in `"WebhookLog"`.
    pub id: String,
    /// The how-manieth, from 1.
    pub attempt: i32,
    /// Why it was made.
    pub trigger: String,
    /// Where to.
    pub url: String,
    /// The address that was connected to.
    pub remote_ip: Option<String>,
    /// The answer's status.
    pub status_code: Option<i32>,
    /// The kind of failure.
    pub error_class: Option<String>,
    /// The failure in words.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub response: Option<String>,
    /// Whether there was more of it.
    pub response_truncated: bool,
    /// Headers of the answer.
    pub response_headers: Option<serde_json::Value>,
    /// Milliseconds altogether.
    pub duration_ms: Option<i32>,
    /// Of them, the name's lookup.
    pub dns_ms: Option<i32>,
    /// Of them, connecting.
    pub connect_ms: Option<i32>,
    /// From the start to the first byte of the answer.
    pub first_byte_ms: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A delivery with its body's event and its tries, the newest try first.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The delivery.
    pub delivery: Delivery,
    /// The event's own bytes, from which the endpoint's body follows.
    pub body: Vec<u8>,
    /// Its tries, at most a hundred.
    pub attempts: Vec<Attempt>,
}

/// One delivery of a brand's endpoint.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    db: &Database,
    brand: &BrandId,
    webhook: &str,
    event: Uuid,
) -> Result<Option<Told>, StoreError> {
    let mut connection = db.connection().await?;
    let found = sqlx::query!(
        r#"-- store::webhooks::deliveries::find
        SELECT o.kind, o.body, d.status, d.trigger, d.url, d.tries, d.next_at, d.last_status_code,
            d.last_error, d.created_at, d.delivered_at, d.seq
        FROM atelier.webhook_endpoint e
        JOIN atelier.webhook_delivery d ON d.webhook_id = e.webhook_id
        JOIN atelier.outbox o ON o.id = d.event_id
        WHERE e.webhook_id = $1 AND e.brand_id = $2 AND e.deleted_at IS NULL AND d.event_id = $3"#,
        webhook,
        brand.as_str(),
        event
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    let tries = sqlx::query_as!(
        AttemptRow,
        r#"-- store::webhooks::deliveries::attempts
        SELECT l.id, a.attempt, a.trigger, a.url, a.remote_ip, l."statusCode" AS status_code, a.error_class,
            l.error, l.response, a.response_truncated, a.response_headers, l.duration AS duration_ms,
            a.dns_ms, a.connect_ms, a.first_byte_ms, l."createdAt" AS created_at
        FROM atelier.webhook_attempt a JOIN "WebhookLog" l ON l.id = a.log_id
        WHERE a.event_id = $1 AND a.webhook_id = $2
        ORDER BY a.attempt DESC LIMIT 100"#,
        event,
        webhook
    )
    .fetch_all(&mut *connection)
    .await?;
    let next_at = (row.status == "pending").then_some(row.next_at);
    Ok(Some(Told {
        delivery: Delivery {
            event,
            kind: row.kind,
            status: row.status,
            trigger: row.trigger,
            url: row.url,
            tries: row.tries,
            next_at,
            last_status_code: row.last_status_code,
            last_error: row.last_error,
            created_at: row.created_at,
            delivered_at: row.delivered_at,
            seq: row.seq,
        },
        body: row.body,
        attempts: tries.into_iter().map(Attempt::from).collect(),
    }))
}

struct AttemptRow {
    id: String,
    attempt: i32,
    trigger: String,
    url: String,
    remote_ip: Option<String>,
    status_code: Option<i32>,
    error_class: Option<String>,
    error: Option<String>,
    response: Option<String>,
    response_truncated: bool,
    response_headers: Option<serde_json::Value>,
    duration_ms: Option<i32>,
    dns_ms: Option<i32>,
    connect_ms: Option<i32>,
    first_byte_ms: Option<i32>,
    created_at: NaiveDateTime,
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            id: row.id,
            attempt: row.attempt,
            trigger: row.trigger,
            url: row.url,
            remote_ip: row.remote_ip,
            status_code: row.status_code,
            error_class: row.error_class,
            error: row.error,
            response: row.response,
            response_truncated: row.response_truncated,
            response_headers: row.response_headers,
            duration_ms: row.duration_ms,
            dns_ms: row.dns_ms,
            connect_ms: row.connect_ms,
            first_byte_ms: row.first_byte_ms,
            created_at: from_public(row.created_at),
        }
    }
}

/// What became of asking for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is due now, with a schedule of its own.
    Queued,
    /// The endpoint is switched off: nothing would be sent.
    Inactive,
    /// The brand has no such endpoint or event.
    Missing,
}

/// Makes a delivery due again at once, whatever became of it; also of an event that the endpoint was
/// never told of. One that is under way is left to end and is not sent twice.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating is harmless.
pub async fn resend(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    webhook: &str,
    event: Uuid,
) -> Result<Asked, StoreError> {
    let mut tx = db.begin("resend_webhook").await?;
    match is_active(&mut tx, brand, webhook).await? {
        None => return Ok(Asked::Missing),
        Some(false) => return Ok(Asked::Inactive),
        Some(true) => {}
    }
    // An address that a request named is known to its delivery alone, so such an endpoint is told again
    // and never anew.
    let queued = sqlx::query!(
        r#"-- store::webhooks::deliveries::resend
        INSERT INTO atelier.webhook_delivery (event_id, webhook_id, trigger, next_at, created_at)
        SELECT o.id, e.webhook_id, 'resend', $4, $4
        FROM atelier.outbox o JOIN atelier.webhook_endpoint e ON e.webhook_id = $2
        WHERE o.id = $3 AND o.brand_id = $1
            AND (e.kind = 'endpoint' OR EXISTS (SELECT 1 FROM atelier.webhook_delivery d
                WHERE d.event_id = o.id AND d.webhook_id = e.webhook_id))
        ON CONFLICT (event_id, webhook_id) DO UPDATE
        SET status = 'pending', trigger = 'resend', next_at = $4, delivered_at = NULL,
            attempt = CASE WHEN webhook_delivery.lease_until > clock_timestamp()
                THEN webhook_delivery.attempt ELSE 0 END"#,
        brand.as_str(),
        webhook,
        event,
        now
    )
    .execute(&mut *tx)
    .await?;
    if queued.rows_affected() == 0 {
        return Ok(Asked::Missing);
    }
    wake(&mut tx, webhook).await?;
    tx.commit().await?;
    Ok(Asked::Queued)
}

/// Sends an event to one endpoint alone: a test. The event is written with it.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating the same event is harmless.
pub async fn send_alone(
    db: &Database,
    now: DateTime<Utc>,
    webhook: &str,
    event: &Event,
) -> Result<Asked, StoreError> {
    let mut tx = db.begin("test_webhook").await?;
    match is_active(&mut tx, &event.brand, webhook).await? {
        None => return Ok(Asked::Missing),
        Some(false) => return Ok(Asked::Inactive),
        Some(true) => {}
    }
    // Nobody can subscribe to a test, so this writes no delivery.
    crate::outbox::write(&mut tx, now, std::slice::from_ref(event)).await?;
    sqlx::query!(
        r#"-- store::webhooks::deliveries::send_alone
        INSERT INTO atelier.webhook_delivery (event_id, webhook_id, trigger, next_at, created_at)
        VALUES ($1, $2, 'test', $3, $3) ON CONFLICT DO NOTHING"#,
        event.id,
        webhook,
        now
    )
    .execute(&mut *tx)
    .await?;
    wake(&mut tx, webhook).await?;
    tx.commit().await?;
    Ok(Asked::Queued)
}

/// Whether a brand's endpoint is switched on; none where the brand has none such.
async fn is_active(
    tx: &mut Transaction,
    brand: &BrandId,
    webhook: &str,
) -> Result<Option<bool>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"-- store::webhooks::deliveries::is_active
        SELECT w."isActive" FROM atelier.webhook_endpoint e JOIN "Webhook" w ON w.id = e.webhook_id
        WHERE e.webhook_id = $1 AND e.brand_id = $2 AND e.deleted_at IS NULL"#,
        webhook,
        brand.as_str()
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Says that an endpoint has something to do.
pub(super) async fn wake(tx: &mut Transaction, webhook: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::deliveries::wake
        INSERT INTO atelier.webhook_wake (webhook_id) VALUES ($1)"#,
        webhook
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
