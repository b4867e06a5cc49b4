//! What a holder writes about its lanes.

use chrono::{DateTime, Utc};
use domain::webhook_policy::BreakerState;

use super::{Called, LaneLease, LaneState};
use crate::database::Transaction;
use crate::error::StoreError;
use crate::time::to_public;

/// Writes how endpoints stand. The caller holds their lanes.
pub(in crate::webhooks) async fn write_states(
    tx: &mut Transaction,
    states: &[(&LaneLease, &LaneState)],
) -> Result<(), StoreError> {
    if states.is_empty() {
        return Ok(());
    }
    let moments = |of: fn(&LaneState) -> Option<DateTime<Utc>>| -> Vec<Option<DateTime<Utc>>> {
        states.iter().map(|(_, state)| of(state)).collect()
    };
    sqlx::query!(
        r#"-- store::webhooks::lanes::write_states
        UPDATE atelier.webhook_lane l
        SET breaker = u.breaker, breaker_until = u.breaker_until, failures = u.failures,
            rate_per_s = u.rate_per_s, tokens = u.tokens, tokens_at = u.tokens_at,
            first_failure_at = u.first_failure_at, first_exhausted_at = u.first_exhausted_at,
            last_exhausted_at = u.last_exhausted_at, warned_percent = u.warned_percent
        FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::int[], $5::float8[], $6::float8[],
            $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::smallint[])
            AS u (webhook_id, breaker, breaker_until, failures, rate_per_s, tokens, tokens_at,
                first_failure_at, first_exhausted_at, last_exhausted_at, warned_percent)
        WHERE l.webhook_id = u.webhook_id"#,
        &states
            .iter()
            .map(|(lease, _)| lease.webhook.clone())
            .collect::<Vec<_>>(),
        &states
            .iter()
            .map(|(_, state)| state.breaker.state.as_str().to_owned())
            .collect::<Vec<_>>(),
        &moments(|state| match state.breaker.state {
            BreakerState::Open(until) => Some(until),
            BreakerState::Closed | BreakerState::HalfOpen => None,
        }) as &[Option<DateTime<Utc>>],
        &states
            .iter()
            .map(|(_, state)| i32::try_from(state.breaker.failures).unwrap_or(i32::MAX))
            .collect::<Vec<_>>(),
        &states
            .iter()
            .map(|(_, state)| state.rate_per_s)
            .collect::<Vec<_>>() as &[Option<f64>],
        &states
            .iter()
            .map(|(_, state)| state.tokens.map_or(0.0, |(tokens, _)| tokens))
            .collect::<Vec<_>>(),
        &moments(|state| state.tokens.map(|(_, at)| at)) as &[Option<DateTime<Utc>>],
        &moments(|state| state.health.first_failure_at) as &[Option<DateTime<Utc>>],
        &moments(|state| state.health.first_exhausted_at) as &[Option<DateTime<Utc>>],
        &moments(|state| state.health.last_exhausted_at) as &[Option<DateTime<Utc>>],
        &states
            .iter()
            .map(|(_, state)| i16::from(state.health.warned_percent))
            .collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Shows the last try in `"Webhook"`. `updatedAt` stays: it is what the brand changed.
pub(in crate::webhooks) async fn called(
    tx: &mut Transaction,
    calls: &[(&LaneLease, &LaneState, Called)],
) -> Result<(), StoreError> {
    if calls.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::webhooks::lanes::called
        WITH webhook AS MATERIALIZED (
            SELECT w.id, u.at, u.status_code, u.failures
            FROM unnest($1::text[], $2::timestamp[], $3::int[], $4::int[]) AS u (id, at, status_code, failures)
            JOIN "Webhook" w ON w.id = u.id ORDER BY w.id FOR NO KEY UPDATE OF w)
        UPDATE "Webhook" w
        SET "lastCalledAt" = webhook.at, "lastStatusCode" = webhook.status_code,
            "failureCount" = webhook.failures
        FROM webhook WHERE w.id = webhook.id"#,
        &calls
            .iter()
            .map(|(lease, _, _)| lease.webhook.clone())
            .collect::<Vec<_>>(),
        &calls
            .iter()
            .map(|(_, _, call)| to_public(call.at))
            .collect::<Vec<_>>(),
        &calls
            .iter()
            .map(|(_, _, call)| call.status_code.map(i32::from))
            .collect::<Vec<_>>() as &[Option<i32>],
        &calls
            .iter()
            .map(|(_, state, _)| i32::try_from(state.breaker.failures).unwrap_or(i32::MAX))
            .collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
