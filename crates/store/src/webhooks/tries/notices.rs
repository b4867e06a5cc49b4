//! What a brand is told of its endpoint: that it fails, or that it was switched off.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::webhook_policy::DISABLE_AFTER;
use domain::{BrandId, Event, EventKind, WebhookDisabled, WebhookFailing};

use crate::database::Transaction;
use crate::error::StoreError;
use crate::outbox;
use crate::time::to_public;

/// Something a brand should know of its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A share of the time after which it is switched off is over.
    Failing {
        /// The endpoint.
        webhook: String,
        /// Whose it is.
        brand: BrandId,
        /// Since when nothing has succeeded.
        since: DateTime<Utc>,
        /// 50, 70 or 90.
        percent: u8,
    },
    /// It is to be switched off.
    Disable {
        /// The endpoint.
        webhook: String,
        /// Whose it is.
        brand: BrandId,
        /// Since when nothing has succeeded, if that is why.
        since: Option<DateTime<Utc>>,
        /// `gone` or `failing`.
        reason: &'static str,
    },
}

impl Notice {
    /// The endpoint that it is about.
    pub fn webhook(&self) -> &str {
        match self {
            Self::Failing { webhook, .. } | Self::Disable { webhook, .. } => webhook,
        }
    }
}

/// Switches off what is to be, and writes the events. Returns how many were switched off.
pub(super) async fn tell(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    notices: impl Iterator<Item = &Notice>,
) -> Result<usize, StoreError> {
    let mut notices: Vec<&Notice> = notices.collect();
    notices.sort_by(|a, b| a.webhook().cmp(b.webhook()));
    let mut events = Vec::new();
    let mut disabled = 0;
    for notice in notices {
        match notice {
            Notice::Failing {
                webhook,
                brand,
                since,
                percent,
            } => events.extend(failing(tx, now, (webhook, brand), *since, *percent).await?),
            Notice::Disable {
                webhook,
                brand,
                since,
                reason,
            } => {
                let event = disable(tx, now, (webhook, brand), *since, reason).await?;
                disabled += usize::from(event.is_some());
                events.extend(event);
            }
        }
    }
    outbox::write(tx, now, &events).await?;
    Ok(disabled)
}

type Subject<'a> = (&'a String, &'a BrandId);

async fn failing(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    (webhook, brand): Subject<'_>,
    since: DateTime<Utc>,
    percent: u8,
) -> Result<Option<Event>, StoreError> {
    let found = sqlx::query!(
        r#"-- store::webhooks::tries::failing
        SELECT w.name, w.url FROM "Webhook" w WHERE w.id = $1 AND w."isActive""#,
        webhook
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.map(|row| {
        let data = WebhookFailing {
            disables_at: since + DISABLE_AFTER,
            failing_since: since,
            name: row.name,
            percent,
            url: row.url,
            webhook_id: webhook.clone(),
        };
        let key = format!(
            "webhook.failing:{brand}:{webhook}:{}:{percent}",
            since.timestamp_millis()
        );
        let kind = EventKind::WebhookFailing;
        Event::of_fact(kind, key, brand.clone(), now, data.to_data())
    }))
}

/// None where it is off already.
async fn disable(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    (webhook, brand): Subject<'_>,
    since: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<Option<Event>, StoreError> {
    let found = sqlx::query!(
        r#"-- store::webhooks::tries::disable
        UPDATE atelier.webhook_endpoint e SET disabled_reason = $2, disabled_at = $3
        FROM "Webhook" w
        WHERE e.webhook_id = $1 AND w.id = e.webhook_id AND w."isActive" AND e.deleted_at IS NULL
        RETURNING w.name, w.url"#,
        webhook,
        reason,
        now
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    sqlx::query!(
        r#"-- store::webhooks::tries::switch_off
        UPDATE "Webhook" SET "isActive" = false,
            "updatedAt" = GREATEST($2, "updatedAt" + interval '1 millisecond')
        WHERE id = $1"#,
        webhook,
        to_public(now)
    )
    .execute(&mut **tx)
    .await?;
    let data = WebhookDisabled {
        failing_since: since.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        name: row.name,
        reason: reason.to_owned(),
        url: row.url,
        webhook_id: webhook.clone(),
    };
    let key = format!(
        "webhook.disabled:{brand}:{webhook}:{}",
        now.timestamp_millis()
    );
    let kind = EventKind::WebhookDisabled;
    Ok(Some(Event::of_fact(
        kind,
        key,
        brand.clone(),
        now,
        data.to_data(),
    )))
}
