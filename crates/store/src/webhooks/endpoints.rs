//! A brand's endpoints: making, reading, changing and removing them.
//!
//! Every function names the brand, so what belongs to another brand does not exist here.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::webhook_endpoint::{MAX_ENDPOINTS, PayloadFormat, WebhookHeaders};
use domain::{BrandId, EventKind};

use super::secrets::{self, NewSecret, Owner, SEALED};
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::provider_keys::KeepError;
use crate::seal::SealingKeys;
use crate::time::{from_public, to_public};

mod change;

pub use change::{Change, enable, remove, update};

/// What a brand decides about an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// A name for people.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What it wants to be told.
    pub events: Vec<EventKind>,
    /// In which form.
    pub format: PayloadFormat,
    /// Further headers.
    pub headers: WebhookHeaders,
    /// Deliveries under way at once.
    pub max_in_flight: i16,
    /// Tries a second; none is no limit.
    pub rate_per_s: Option<f32>,
    /// One after the other, in the order of the events.
    pub ordered: bool,
    /// Milliseconds that one try may take.
    pub timeout_ms: i32,
    /// Whether it is told anything.
    pub is_active: bool,
}

/// An endpoint that is to be made.
#[derive(Debug)]
pub struct NewEndpoint {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub brand: BrandId,
    /// What the brand decided.
    pub settings: Settings,
    /// Its secret, and its signing key if it has one.
    pub secrets: Vec<NewSecret>,
}

/// An endpoint as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub brand: BrandId,
    /// Whether it stands for a host that requests name: subscribes to nothing, made by the intake.
    pub is_request_host: bool,
    /// What the brand decided.
    pub settings: Settings,
    /// Why we switched it off, if we did: `gone` or `failing`.
    pub disabled_reason: Option<String>,
    /// When.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when no delivery has succeeded.
    pub failing_since: Option<DateTime<Utc>>,
    /// The last try.
    pub last_called_at: Option<DateTime<Utc>>,
    /// Its answer.
    pub last_status_code: Option<i32>,
    /// Failed tries since the last success.
    pub failure_count: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the brand changed it.
    pub updated_at: DateTime<Utc>,
}

/// Which endpoints a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those that the brand made.
    Endpoint,
    /// Those that stand for hosts which requests name.
    RequestHost,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::RequestHost => "request",
        }
    }
}

/// Makes an endpoint with its secrets, in one transaction. Making the same id again changes nothing, so
/// a caller may repeat after an error; whether it was made now says the answer.
///
/// # Errors
/// [`StoreError::LimitReached`] when the brand has fifty. Nothing is written on any error.
pub async fn create(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    new: &NewEndpoint,
) -> Result<bool, KeepError> {
    let mut tx = db.begin("create_webhook").await?;
    hold_limit(&mut tx, &new.brand, &new.id).await?;
    if !insert(&mut tx, now, new).await? {
        return Ok(false);
    }
    let owner = Owner {
        brand: &new.brand,
        webhook: Some(&new.id),
    };
    for secret in &new.secrets {
        secrets::put(&mut tx, now, keys, owner, secret, chrono::Duration::zero()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Two who make endpoints of one brand count one after the other.
async fn hold_limit(tx: &mut Transaction, brand: &BrandId, id: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::endpoints::lock_brand
        SELECT id FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
        brand.as_str()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let count = sqlx::query_scalar!(
        r#"-- store::webhooks::endpoints::count
        SELECT count(*) AS "count!" FROM atelier.webhook_endpoint
        WHERE brand_id = $1 AND kind = 'endpoint' AND deleted_at IS NULL AND webhook_id <> $2"#,
        brand.as_str(),
        id
    )
    .fetch_one(&mut **tx)
    .await?;
    if count >= MAX_ENDPOINTS {
        return Err(StoreError::LimitReached {
            brand: brand.to_string(),
            what: "webhook endpoints",
            limit: MAX_ENDPOINTS,
            advice: "remove one that is not needed, or fan out behind one",
        });
    }
    Ok(())
}

async fn insert(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    new: &NewEndpoint,
) -> Result<bool, StoreError> {
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
    } = &new.settings;
    let (public, operational) = split(events);
    let done = sqlx::query!(
        r#"-- store::webhooks::endpoints::insert
        WITH made AS (
            INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "isActive", "createdAt", "updatedAt")
            VALUES ($1, $2, $3, $4, $5, $6::text[]::"WebhookEvent"[], $7, $8, $8)
            ON CONFLICT (id) DO NOTHING RETURNING id),
        endpoint AS (
            INSERT INTO atelier.webhook_endpoint (webhook_id, brand_id, operational, payload_format, headers,
                max_in_flight, rate_per_s, ordered, timeout_ms)
            SELECT id, $2, $9, $10, $11, $12, $13, $14, $15 FROM made RETURNING webhook_id)
        INSERT INTO atelier.webhook_lane (webhook_id) SELECT webhook_id FROM endpoint"#,
        new.id,
        new.brand.as_str(),
        name,
        url,
        SEALED,
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
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The names in Prisma's enum, and the others.
fn split(events: &[EventKind]) -> (Vec<String>, Vec<String>) {
    let mut public = Vec::new();
    let mut operational = Vec::new();
    for event in events {
        match event.enum_name() {
            Some(name) => public.push(name.to_owned()),
            None => operational.push(event.type_name().to_owned()),
        }
    }
    (public, operational)
}

fn to_json(headers: &WebhookHeaders) -> serde_json::Value {
    // Texts by text keys: this cannot fail.
    serde_json::to_value(headers).unwrap_or_default()
}

struct Row {
    id: String,
    brand_id: String,
    kind: String,
    name: String,
    url: String,
    events: Vec<String>,
    operational: Vec<String>,
    payload_format: String,
    headers: serde_json::Value,
    max_in_flight: i16,
    rate_per_s: Option<f32>,
    ordered: bool,
    timeout_ms: i32,
    is_active: bool,
    disabled_reason: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    last_called_at: Option<NaiveDateTime>,
    last_status_code: Option<i32>,
    failure_count: i32,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

impl TryFrom<Row> for Endpoint {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let broken = |column: &'static str, detail: String| StoreError::Inconsistent {
            table: "atelier.webhook_endpoint",
            column,
            id: row.id.clone(),
            detail,
        };
        let names = row.events.iter().chain(&row.operational);
        let events = names.map(|name| name.parse::<EventKind>());
        let events = events
            .collect::<Result<_, _>>()
            .map_err(|unknown| broken("operational", unknown.to_string()))?;
        let format = row.payload_format.parse();
        let format: PayloadFormat =
            format.map_err(|unknown| broken("payload_format", format!("{unknown}")))?;
        let headers = serde_json::from_value::<HashMap<String, String>>(row.headers.clone())
            .map_err(|error| broken("headers", error.to_string()))?;
        let headers =
            WebhookHeaders::new(headers).map_err(|fault| broken("headers", fault.to_string()))?;
        Ok(Self {
            brand: BrandId(row.brand_id),
            is_request_host: row.kind == "request",
            settings: Settings {
                name: row.name,
                url: row.url,
                events,
                format,
                headers,
                max_in_flight: row.max_in_flight,
                rate_per_s: row.rate_per_s,
                ordered: row.ordered,
                timeout_ms: row.timeout_ms,
                is_active: row.is_active,
            },
            disabled_reason: row.disabled_reason,
            disabled_at: row.disabled_at,
            failing_since: row.failing_since,
            last_called_at: row.last_called_at.map(from_public),
            last_status_code: row.last_status_code,
            failure_count: row.failure_count,
            created_at: from_public(row.created_at),
            updated_at: from_public(row.updated_at),
            id: row.id,
        })
    }
}

/// One endpoint of a brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    db: &Database,
    brand: &BrandId,
    id: &str,
) -> Result<Option<Endpoint>, StoreError> {
    let found = select(db, brand, None, Some(id)).await?;
    Ok(found.into_iter().next())
}

/// A brand's endpoints of one kind, the oldest first; at most a thousand of them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(db: &Database, brand: &BrandId, kind: Kind) -> Result<Vec<Endpoint>, StoreError> {
    select(db, brand, Some(kind.as_str()), None).await
}

async fn select(
    db: &Database,
    brand: &BrandId,
    kind: Option<&str>,
    id: Option<&str>,
) -> Result<Vec<Endpoint>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"-- store::webhooks::endpoints::select
        SELECT w.id, e.brand_id, e.kind, w.name, w.url,
            COALESCE(w.events::text[], '{}') AS "events!: Vec<String>", e.operational, e.payload_format,
            e.headers, e.max_in_flight, e.rate_per_s, e.ordered, e.timeout_ms,
            w."isActive" AS is_active, e.disabled_reason, e.disabled_at,
            l.first_failure_at AS failing_since, w."lastCalledAt" AS last_called_at,
            w."lastStatusCode" AS last_status_code, w."failureCount" AS failure_count,
            w."createdAt" AS created_at, w."updatedAt" AS updated_at
        FROM atelier.webhook_endpoint e
        JOIN "Webhook" w ON w.id = e.webhook_id
        JOIN atelier.webhook_lane l ON l.webhook_id = e.webhook_id
        WHERE e.brand_id = $1 AND e.deleted_at IS NULL
            AND ($2::text IS NULL OR e.kind = $2) AND ($3::text IS NULL OR e.webhook_id = $3)
        ORDER BY w."createdAt", w.id LIMIT 1000"#,
        brand.as_str(),
        kind,
        id
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter().map(Endpoint::try_from).collect()
}
