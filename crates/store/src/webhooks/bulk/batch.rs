//! The next deliveries of a repair.

use chrono::{DateTime, Utc};

use super::{Open, Reached};
use crate::database::Transaction;
use crate::error::StoreError;

/// Events of all brands that a replay of what was never sent looks through per delivery asked for: the
/// outbox has no index by brand.
const OTHERS: i64 = 10;

pub(super) async fn run(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    open: &Open,
    rows: i64,
) -> Result<Reached, StoreError> {
    match open.kind.as_str() {
        "replay_missing" => missing(tx, now, open, rows).await,
        kind => again(tx, now, open, rows, kind == "recover").await,
    }
}

/// Deliveries that exist. One that is under way is passed over: it is being sent.
async fn again(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    open: &Open,
    rows: i64,
    recover: bool,
) -> Result<Reached, StoreError> {
    let found = sqlx::query!(
        r#"-- store::webhooks::bulk::again
        WITH batch AS MATERIALIZED (
            SELECT event_id, created_at, seq FROM atelier.webhook_delivery
            WHERE webhook_id = $1 AND created_at >= $2 AND created_at < $3
                AND (created_at, seq) > (COALESCE($4::timestamptz, '-infinity'), COALESCE($5::bigint, 0))
            ORDER BY created_at, seq LIMIT $6),
        due AS (
            UPDATE atelier.webhook_delivery d
            SET status = 'pending', attempt = 0, next_at = $7, trigger = $8::text, delivered_at = NULL,
                lease_until = NULL, lease_token = NULL
            FROM batch b
            WHERE d.event_id = b.event_id AND d.webhook_id = $1
                AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp())
                AND CASE WHEN $9::boolean THEN d.status IN ('exhausted', 'skipped')
                        OR (d.status = 'pending' AND d.attempt > 0 AND d.next_at > $7)
                    ELSE d.status <> 'pending' AND (cardinality($10::text[]) = 0 OR d.status = ANY($10)) END
                AND (cardinality($11::text[]) = 0 OR EXISTS (
                    SELECT 1 FROM atelier.outbox o WHERE o.id = d.event_id AND o.kind = ANY($11)))
            RETURNING 1)
        SELECT (SELECT count(*) FROM batch) AS "looked_at!", (SELECT count(*) FROM due) AS "queued!",
            (SELECT created_at FROM batch ORDER BY created_at DESC, seq DESC LIMIT 1) AS at,
            (SELECT seq FROM batch ORDER BY created_at DESC, seq DESC LIMIT 1) AS seq"#,
        open.webhook_id,
        open.since,
        open.until,
        open.cursor_at,
        open.cursor_seq,
        rows,
        now,
        open.kind,
        recover,
        &open.statuses,
        &open.events
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Reached {
        at: found.at,
        seq: found.seq,
        event: None,
        looked_at: found.looked_at,
        queued: found.queued,
    })
}

/// Events that the endpoint wants and has no delivery of.
async fn missing(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    open: &Open,
    rows: i64,
) -> Result<Reached, StoreError> {
    let found = sqlx::query!(
        r#"-- store::webhooks::bulk::missing
        WITH batch AS MATERIALIZED (
            SELECT id, created_at, brand_id, kind FROM atelier.outbox
            WHERE relayed_at IS NULL AND created_at >= $3 AND created_at < $4
                AND created_at >= COALESCE($5::timestamptz, '-infinity')
                AND (created_at, id) > (COALESCE($5::timestamptz, '-infinity'), COALESCE($6::uuid, '00000000-0000-0000-0000-000000000000'))
            ORDER BY created_at, id LIMIT $7),
        mine AS (SELECT * FROM batch WHERE brand_id = $2),
        told AS (
            INSERT INTO atelier.webhook_delivery (event_id, webhook_id, trigger, next_at, created_at)
            SELECT m.id, e.webhook_id, 'replay_missing', $8, $8
            FROM mine m
            JOIN atelier.webhook_endpoint e ON e.webhook_id = $1
            JOIN "Webhook" w ON w.id = e.webhook_id
            WHERE (m.kind = ANY(e.operational)
                OR replace(upper(m.kind), '.', '_') = ANY(w.events::text[]))
                AND (cardinality($9::text[]) = 0 OR m.kind = ANY($9))
            ORDER BY m.created_at, m.id
            ON CONFLICT (event_id, webhook_id) DO NOTHING RETURNING 1)
        SELECT (SELECT count(*) FROM mine) AS "looked_at!", (SELECT count(*) FROM told) AS "queued!",
            (SELECT created_at FROM batch ORDER BY created_at DESC, id DESC LIMIT 1) AS at,
            (SELECT id FROM batch ORDER BY created_at DESC, id DESC LIMIT 1) AS event"#,
        open.webhook_id,
        open.brand_id,
        open.since,
        open.until,
        open.cursor_at,
        open.cursor_event,
        rows * OTHERS,
        now,
        &open.events
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Reached {
        at: found.at,
        seq: None,
        event: found.event,
        looked_at: found.looked_at,
        queued: found.queued,
    })
}
