//! What whoever sends to an endpoint needs to know of it.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::webhook_endpoint::{PayloadFormat, WebhookHeaders};

use super::secrets::{NoSecret, SigningSecrets, of_endpoints};
use crate::database::Database;
use crate::error::StoreError;
use crate::seal::SealingKeys;

/// An endpoint that is switched on, as it stands now.
#[derive(Debug)]
pub struct Recipient {
    /// Whose it is.
    pub brand: BrandId,
    /// Whether it stands for a host that requests name: each delivery has its own address then.
    pub is_request_host: bool,
    /// Where it is.
    pub url: String,
    /// Which body it gets.
    pub format: PayloadFormat,
    /// Further headers.
    pub headers: WebhookHeaders,
    /// Tries under way at once.
    pub max_in_flight: u16,
    /// Tries a second; none is no limit.
    pub rate_per_s: Option<f64>,
    /// One after the other, in the order of the events.
    pub ordered: bool,
    /// How long one try may take, in milliseconds.
    pub timeout_ms: i32,
    /// What it is signed with.
    pub secrets: Result<SigningSecrets, NoSecret>,
}

impl Recipient {
    /// How long one try may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(0))
    }
}

struct Row {
    webhook_id: String,
    brand_id: String,
    kind: String,
    url: String,
    payload_format: String,
    headers: serde_json::Value,
    max_in_flight: i16,
    rate_per_s: Option<f32>,
    ordered: bool,
    timeout_ms: i32,
}

/// Those of the endpoints that are switched on and not removed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn read(
    db: &Database,
    now: DateTime<Utc>,
    keys: Option<&SealingKeys>,
    webhooks: &[String],
) -> Result<HashMap<String, Recipient>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"-- store::webhooks::recipients::read
        SELECT e.webhook_id, e.brand_id, e.kind, w.url, e.payload_format, e.headers, e.max_in_flight,
            e.rate_per_s, e.ordered, e.timeout_ms
        FROM atelier.webhook_endpoint e JOIN "Webhook" w ON w.id = e.webhook_id
        WHERE e.webhook_id = ANY($1) AND w."isActive" AND e.deleted_at IS NULL"#,
        webhooks
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let active: Vec<String> = rows.iter().map(|row| row.webhook_id.clone()).collect();
    let mut secrets = of_endpoints(db, now, keys, &active).await?;
    let found = rows.into_iter().filter_map(|row| {
        let secrets = secrets.remove(&row.webhook_id)?;
        Some((row.webhook_id.clone(), recipient(row, secrets)))
    });
    Ok(found.collect())
}

/// The columns have checks; what they let through that this code does not know is read as the plainest.
fn recipient(row: Row, secrets: Result<SigningSecrets, NoSecret>) -> Recipient {
    let headers: HashMap<String, String> = serde_json::from_value(row.headers).unwrap_or_default();
    Recipient {
        brand: BrandId(row.brand_id),
        is_request_host: row.kind == "request",
        url: row.url,
        format: row
            .payload_format
            .parse()
            .unwrap_or(PayloadFormat::Standard),
        headers: WebhookHeaders::new(headers).unwrap_or_default(),
        max_in_flight: u16::try_from(row.max_in_flight).unwrap_or(1).max(1),
        rate_per_s: row.rate_per_s.map(f64::from),
        ordered: row.ordered,
        timeout_ms: row.timeout_ms,
        secrets,
    }
}
