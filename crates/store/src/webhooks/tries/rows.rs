//! The rows of tries: deliveries, `"WebhookLog"`, and what it has no column for.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{Fate, Tried};
use crate::database::Transaction;
use crate::error::StoreError;
use crate::time::to_public;

/// Writes what became of the deliveries that still carry their try's token. Returns the number of tries
/// of each of them.
pub(super) async fn deliveries(
    tx: &mut Transaction,
    tried: &[Tried],
) -> Result<HashMap<(Uuid, String), i32>, StoreError> {
    if tried.is_empty() {
        return Ok(HashMap::new());
    }
    let written = sqlx::query!(
        r#"-- store::webhooks::tries::deliveries
        UPDATE atelier.webhook_delivery d
        SET status = u.status, attempt = u.attempt, tries = d.tries + 1, next_at = COALESCE(u.next_at, d.next_at),
            lease_until = NULL, lease_token = NULL, last_status_code = u.status_code, last_error = u.error_class,
            delivered_at = u.delivered_at
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::smallint[], $6::timestamptz[], $7::int[],
            $8::text[], $9::timestamptz[])
            AS u (event_id, webhook_id, token, status, attempt, next_at, status_code, error_class, delivered_at)
        WHERE d.event_id = u.event_id AND d.webhook_id = u.webhook_id AND d.lease_token = u.token
        RETURNING d.event_id, d.webhook_id, d.tries"#,
        &column(tried, |one| one.event),
        &column(tried, |one| one.lease.webhook.clone()),
        &column(tried, |one| one.lease.token),
        &column(tried, |one| status(one.fate).to_owned()),
        &column(tried, |one| i16::try_from(one.attempt).unwrap_or(i16::MAX)),
        &column(tried, |one| match one.fate {
            Fate::Again(at) => Some(at),
            Fate::Delivered | Fate::Exhausted => None,
        }) as &[Option<DateTime<Utc>>],
        &column(tried, |one| one.answer.status_code.map(i32::from)) as &[Option<i32>],
        &column(tried, |one| one.answer.error_class.map(str::to_owned)) as &[Option<String>],
        &column(tried, |one| {
            (one.fate == Fate::Delivered).then_some(ended_at(one))
        }) as &[Option<DateTime<Utc>>]
    )
    .fetch_all(&mut **tx)
    .await?;
    let tries = written
        .into_iter()
        .map(|row| ((row.event_id, row.webhook_id), row.tries));
    Ok(tries.collect())
}

fn status(fate: Fate) -> &'static str {
    match fate {
        Fate::Delivered => "delivered",
        Fate::Again(_) => "pending",
        Fate::Exhausted => "exhausted",
    }
}

fn ended_at(one: &Tried) -> DateTime<Utc> {
    one.at + chrono::Duration::milliseconds(one.answer.duration_ms.into())
}

/// Writes the log of tries, each with its number. An endpoint that is gone takes no log.
pub(super) async fn logs(tx: &mut Transaction, ours: &[(&Tried, i32)]) -> Result<(), StoreError> {
    if ours.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::webhooks::tries::logs
        INSERT INTO "WebhookLog" (id, "webhookId", event, payload, "statusCode", response, error, duration, "createdAt")
        SELECT u.id, u.webhook_id, u.event, u.payload::jsonb, u.status_code, u.response, u.error, u.duration, u.at
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::int[],
            $9::timestamp[])
            AS u (id, webhook_id, event, payload, status_code, response, error, duration, at)
        JOIN "Webhook" w ON w.id = u.webhook_id
        ON CONFLICT (id) DO NOTHING"#,
        &column(ours, |(one, _)| one.log_id.clone()),
        &column(ours, |(one, _)| one.lease.webhook.clone()),
        &column(ours, |(one, _)| one.kind.clone()),
        &column(ours, |(one, _)| one.answer.payload.clone()),
        &column(ours, |(one, _)| one.answer.status_code.map(i32::from)) as &[Option<i32>],
        &column(ours, |(one, _)| one.answer.response.clone()) as &[Option<String>],
        &column(ours, |(one, _)| one.answer.error.clone()) as &[Option<String>],
        &column(ours, |(one, _)| one.answer.duration_ms),
        &column(ours, |(one, _)| to_public(one.at))
    )
    .execute(&mut **tx)
    .await?;
    attempts(tx, ours).await
}

async fn attempts(tx: &mut Transaction, ours: &[(&Tried, i32)]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::tries::attempts
        INSERT INTO atelier.webhook_attempt (log_id, event_id, webhook_id, attempt, trigger, url, remote_ip, error_class,
            response_truncated, response_headers, dns_ms, connect_ms, first_byte_ms, created_at)
        SELECT u.log_id, u.event_id, u.webhook_id, u.attempt, u.trigger, u.url, u.remote_ip, u.error_class, u.truncated,
            u.headers, u.dns_ms, u.connect_ms, u.first_byte_ms, u.at
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::boolean[], $10::jsonb[], $11::int[], $12::int[], $13::int[], $14::timestamptz[])
            AS u (log_id, event_id, webhook_id, attempt, trigger, url, remote_ip, error_class, truncated, headers, dns_ms,
                connect_ms, first_byte_ms, at)
        JOIN "WebhookLog" l ON l.id = u.log_id
        ON CONFLICT (log_id) DO NOTHING"#,
        &column(ours, |(one, _)| one.log_id.clone()),
        &column(ours, |(one, _)| one.event),
        &column(ours, |(one, _)| one.lease.webhook.clone()),
        &column(ours, |(_, tries)| *tries),
        &column(ours, |(one, _)| one.trigger.clone()),
        &column(ours, |(one, _)| one.answer.url.clone()),
        &column(ours, |(one, _)| one.answer.remote_ip.clone()) as &[Option<String>],
        &column(ours, |(one, _)| one.answer.error_class.map(str::to_owned)) as &[Option<String>],
        &column(ours, |(one, _)| one.answer.response_truncated),
        &column(ours, |(one, _)| one.answer.response_headers.clone()) as &[Option<Value>],
        &column(ours, |(one, _)| one.answer.dns_ms) as &[Option<i32>],
        &column(ours, |(one, _)| one.answer.connect_ms) as &[Option<i32>],
        &column(ours, |(one, _)| one.answer.first_byte_ms) as &[Option<i32>],
        &column(ours, |(one, _)| one.at)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
