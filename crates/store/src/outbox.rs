//! Events, written with their fact as the exact bytes that will be signed, and who is told of them.
//!
//! One statement writes the events, a delivery for each endpoint that wants one, and a wake for each
//! endpoint that got any: either all of it commits with the fact or nothing. It reads endpoints and
//! locks none of them, so facts of one brand do not wait for each other here. An endpoint that comes into
//! being while the fact commits may miss it; replaying what was never sent finds it.

use chrono::{DateTime, Utc};
use domain::Event;

use crate::database::Transaction;
use crate::error::StoreError;

/// Writes events and their deliveries. One whose dedupe key is there already is the same event and is
/// left alone.
///
/// The address that a generation's request named is told of its end also where its host is switched off,
/// as a delivery that waits to be recovered: nobody subscribed to it who could ask what was missed.
pub(crate) async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    events: &[Event],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by(|a, b| a.dedupe_key.cmp(&b.dedupe_key));
    sqlx::query!(
        r#"-- store::outbox::write
        WITH event AS (
            SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[],
                $7::text[], $8::uuid[])
                AS u (id, brand_id, kind, dedupe_key, body, enum_name, ends)),
        written AS (
            INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
            SELECT id, brand_id, kind, dedupe_key, body, $6 FROM event
            ON CONFLICT (dedupe_key) DO NOTHING RETURNING id),
        told AS (
            SELECT u.id, e.webhook_id, NULL::text AS url, 'pending' AS status
            FROM written JOIN event u USING (id)
            JOIN atelier.webhook_endpoint e ON e.brand_id = u.brand_id AND e.deleted_at IS NULL
            JOIN public."Webhook" w ON w.id = e.webhook_id AND w."isActive"
            WHERE u.kind = ANY(e.operational) OR u.enum_name::public."WebhookEvent" = ANY(w.events)
            UNION ALL
            SELECT u.id, e.webhook_id, o.webhook_url,
                CASE WHEN w."isActive" THEN 'pending' ELSE 'skipped' END
            FROM written JOIN event u USING (id)
            JOIN atelier.request_option o ON o.job_id = u.ends
            JOIN atelier.webhook_endpoint e ON e.webhook_id = o.webhook_id AND e.deleted_at IS NULL
            JOIN public."Webhook" w ON w.id = e.webhook_id),
        delivery AS (
            INSERT INTO atelier.webhook_delivery (event_id, webhook_id, url, status, next_at, created_at)
            SELECT id, webhook_id, url, status, $6, $6 FROM told
            RETURNING webhook_id, status)
        INSERT INTO atelier.webhook_wake (webhook_id)
        SELECT DISTINCT webhook_id FROM delivery WHERE status = 'pending'"#,
        &events.iter().map(|event| event.id).collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.brand.to_string())
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.kind.type_name().to_owned())
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.dedupe_key.clone())
            .collect::<Vec<_>>(),
        &events
            .iter()
            .map(|event| event.to_bytes())
            .collect::<Vec<_>>(),
        now,
        &events
            .iter()
            .map(|event| event.kind.enum_name().map(str::to_owned))
            .collect::<Vec<_>>() as &[Option<String>],
        &events
            .iter()
            .map(|event| event.ends.map(|generation| generation.0))
            .collect::<Vec<_>>() as &[Option<uuid::Uuid>]
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
