//! Lanes: who may send to an endpoint, and when it is looked at next.
//!
//! A lane is leased to one process at a time, by the database's clock, so that the limits of its endpoint
//! (how many at once, how many a second, in order) are counts in that process's memory. `due_at` says
//! when somebody should look; a lane that nothing waits for has none.
//!
//! Nothing is slept through: whoever makes a delivery due adds a wake with it, [`take_wakes`] brings
//! `due_at` forward, and [`release`] works out `due_at` anew while it holds the lane's row, by a statement
//! that sees every delivery whose wake was taken before. [`rouse`] finds what changed in any other way.
//!
//! Rows are locked in one order everywhere: deliveries, then lanes by their ids, then
//! `webhook_endpoint`, then `"Webhook"`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::webhook_policy::{Breaker, BreakerState, Health};
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;

mod state;

pub(super) use state::{called, write_states};

/// How much longer a lane is leased than one of its tries may take. Whoever begins no try that could
/// outlast its lease never has more tries under way, together with the next holder, than the endpoint
/// allows.
pub const LEASE_SLACK: Duration = Duration::from_secs(10);

/// The right to send to one endpoint, until it runs out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LaneLease {
    /// The endpoint.
    pub webhook: String,
    /// Proves that this lease is meant and no later one.
    pub token: Uuid,
}

/// What is remembered of an endpoint from one lease to the next.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LaneState {
    /// Its breaker.
    pub breaker: Breaker,
    /// The rate that answers asking for less have brought it down to, in tries a second.
    pub rate_per_s: Option<f64>,
    /// What is left of its rate, and as of when.
    pub tokens: Option<(f64, DateTime<Utc>)>,
    /// What is known of its failing.
    pub health: Health,
}

/// The last try at an endpoint, as `"Webhook"` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Called {
    /// When.
    pub at: DateTime<Utc>,
    /// The answer's status, where one came.
    pub status_code: Option<u16>,
}

/// A lane just leased.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedLane {
    /// The lease.
    pub lease: LaneLease,
    /// Whose endpoint it is.
    pub brand: BrandId,
    /// How long the lease holds, counted from before it was asked for.
    pub term: Duration,
    /// How the endpoint stands.
    pub state: LaneState,
}

/// How long a lane is leased whose tries may take `timeout_ms`.
pub fn term(timeout_ms: i32) -> Duration {
    LEASE_SLACK + Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
}

/// Takes at most `limit` wakes away and brings their lanes forward. Returns how many were taken.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]; the wakes are still there then, or have done
/// their work.
pub async fn take_wakes(db: &Database, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let mut connection = db.connection().await?;
    // A lane whose breaker is open is looked at when its pause is over, whatever comes meanwhile.
    let taken = sqlx::query_scalar!(
        r#"-- store::webhooks::lanes::take_wakes
        WITH wake AS (
            DELETE FROM atelier.webhook_wake WHERE id IN (
                SELECT id FROM atelier.webhook_wake ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
            RETURNING webhook_id),
        lane AS MATERIALIZED (
            SELECT l.webhook_id FROM atelier.webhook_lane l
            WHERE l.webhook_id IN (SELECT webhook_id FROM wake)
            ORDER BY l.webhook_id FOR NO KEY UPDATE),
        woken AS (
            UPDATE atelier.webhook_lane l
            SET due_at = LEAST(l.due_at, CASE l.breaker WHEN 'open' THEN GREATEST($1, l.breaker_until) ELSE $1 END)
            FROM lane WHERE l.webhook_id = lane.webhook_id)
        SELECT count(*) AS "count!" FROM wake"#,
        now,
        limit
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(u64::try_from(taken).unwrap_or(0))
}

/// Leases at most `limit` lanes that are due at `now`, those that have been due longest first, under one
/// new token. Lanes of the brands in `passed_over` are left to others.
///
/// # Errors
/// [`StoreError::Unavailable`]; what was leased all the same runs out.
pub async fn lease(
    db: &Database,
    now: DateTime<Utc>,
    token: Uuid,
    limit: i64,
    passed_over: &[String],
) -> Result<Vec<LeasedLane>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::webhooks::lanes::lease
        WITH due AS MATERIALIZED (
            SELECT l.webhook_id, e.brand_id, e.timeout_ms
            FROM atelier.webhook_lane l JOIN atelier.webhook_endpoint e ON e.webhook_id = l.webhook_id
            WHERE l.due_at <= $1 AND (l.lease_until IS NULL OR l.lease_until < clock_timestamp())
                AND e.brand_id <> ALL($4)
            ORDER BY l.due_at LIMIT $3 FOR NO KEY UPDATE OF l SKIP LOCKED)
        UPDATE atelier.webhook_lane l
        SET token = $2, lease_until = clock_timestamp() + make_interval(secs => due.timeout_ms::float8 / 1000 + $5)
        FROM due WHERE l.webhook_id = due.webhook_id
        RETURNING l.webhook_id, due.brand_id, due.timeout_ms, l.breaker, l.breaker_until, l.failures,
            l.rate_per_s, l.tokens, l.tokens_at, l.first_failure_at, l.first_exhausted_at,
            l.last_exhausted_at, l.warned_percent"#,
        now,
        token,
        limit,
        passed_over,
        LEASE_SLACK.as_secs_f64()
    )
    .fetch_all(&mut *connection)
    .await?;
    let leased = rows.into_iter().map(|row| LeasedLane {
        lease: LaneLease {
            webhook: row.webhook_id,
            token,
        },
        brand: BrandId(row.brand_id),
        term: term(row.timeout_ms),
        state: LaneState {
            breaker: Breaker {
                state: breaker_state(&row.breaker, row.breaker_until),
                failures: u32::try_from(row.failures).unwrap_or(0),
            },
            rate_per_s: row.rate_per_s,
            tokens: row.tokens_at.map(|at| (row.tokens, at)),
            health: Health {
                first_failure_at: row.first_failure_at,
                first_exhausted_at: row.first_exhausted_at,
                last_exhausted_at: row.last_exhausted_at,
                warned_percent: u8::try_from(row.warned_percent).unwrap_or(0),
            },
        },
    });
    Ok(leased.collect())
}

fn breaker_state(word: &str, until: Option<DateTime<Utc>>) -> BreakerState {
    match (word, until) {
        ("open", Some(until)) => BreakerState::Open(until),
        ("half_open" | "open", _) => BreakerState::HalfOpen,
        _ => BreakerState::Closed,
    }
}

/// A lease that is to hold on.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// The lease.
    pub lease: LaneLease,
    /// For how long from now.
    pub term: Duration,
    /// Events whose deliveries are in hand: they stay so as long.
    pub in_hand: Vec<Uuid>,
}

/// Renews leases, and with them the hold on the deliveries in hand. Returns those that are still ours;
/// the others are somebody else's by now.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating is harmless.
pub async fn renew(db: &Database, renewals: &[Renewal]) -> Result<Vec<LaneLease>, StoreError> {
    let mut tx = db.begin("renew_webhook_lanes").await?;
    renew_deliveries(&mut tx, renewals).await?;
    let leases: Vec<LaneLease> = renewals.iter().map(|one| one.lease.clone()).collect();
    let held = hold(&mut tx, &leases).await?;
    sqlx::query!(
        r#"-- store::webhooks::lanes::renew
        UPDATE atelier.webhook_lane l SET lease_until = clock_timestamp() + make_interval(secs => u.term_s)
        FROM unnest($1::text[], $2::uuid[], $3::float8[]) AS u (webhook_id, token, term_s)
        WHERE l.webhook_id = u.webhook_id AND l.token = u.token"#,
        &webhooks(&leases),
        &tokens(&leases),
        &renewals
            .iter()
            .map(|one| one.term.as_secs_f64())
            .collect::<Vec<_>>()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(held)
}

async fn renew_deliveries(tx: &mut Transaction, renewals: &[Renewal]) -> Result<(), StoreError> {
    let in_hand = || {
        renewals
            .iter()
            .flat_map(|one| one.in_hand.iter().map(move |event| (one, *event)))
    };
    if in_hand().next().is_none() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::webhooks::lanes::renew_deliveries
        UPDATE atelier.webhook_delivery d SET lease_until = clock_timestamp() + make_interval(secs => u.term_s)
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::float8[]) AS u (event_id, webhook_id, token, term_s)
        WHERE d.event_id = u.event_id AND d.webhook_id = u.webhook_id AND d.lease_token = u.token"#,
        &in_hand().map(|(_, event)| event).collect::<Vec<_>>(),
        &in_hand()
            .map(|(one, _)| one.lease.webhook.clone())
            .collect::<Vec<_>>(),
        &in_hand()
            .map(|(one, _)| one.lease.token)
            .collect::<Vec<_>>(),
        &in_hand()
            .map(|(one, _)| one.term.as_secs_f64())
            .collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A lane that is given up.
#[derive(Debug, Clone)]
pub struct Release {
    /// The lease.
    pub lease: LaneLease,
    /// How the endpoint stands.
    pub state: LaneState,
    /// The last try, where `"Webhook"` does not show it yet.
    pub called: Option<Called>,
    /// Nobody needs to look before this moment, even if something is due.
    pub not_before: Option<DateTime<Utc>>,
    /// Events whose deliveries were claimed and not begun.
    pub unsent: Vec<Uuid>,
}

/// Gives lanes up: what was not begun can be claimed again, and the lane is due when its next delivery is.
/// A lane with deliveries due goes behind those that have waited. Leases that are not ours any more are
/// passed over.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]; repeating is harmless.
pub async fn release(
    db: &Database,
    now: DateTime<Utc>,
    releases: &[Release],
) -> Result<(), StoreError> {
    if releases.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin("release_webhook_lanes").await?;
    unclaim(&mut tx, releases).await?;
    let leases: Vec<LaneLease> = releases.iter().map(|one| one.lease.clone()).collect();
    let held = hold(&mut tx, &leases).await?;
    let held: Vec<&Release> = releases
        .iter()
        .filter(|one| held.contains(&one.lease))
        .collect();
    let states: Vec<_> = held.iter().map(|one| (&one.lease, &one.state)).collect();
    write_states(&mut tx, &states).await?;
    // By a statement of its own: with the lanes held, it sees every delivery whose wake was taken before.
    let leases: Vec<LaneLease> = held.iter().map(|one| one.lease.clone()).collect();
    sqlx::query!(
        r#"-- store::webhooks::lanes::release
        UPDATE atelier.webhook_lane l
        SET token = NULL, lease_until = NULL, due_at = CASE
            WHEN NOT w."isActive" OR e.deleted_at IS NOT NULL THEN NULL
            WHEN e.ordered THEN (
                SELECT GREATEST(d.next_at, u.not_before, $4) FROM atelier.webhook_delivery d
                WHERE d.webhook_id = l.webhook_id AND d.status = 'pending' ORDER BY d.seq LIMIT 1)
            ELSE (
                SELECT GREATEST(d.next_at, u.not_before, $4) FROM atelier.webhook_delivery d
                WHERE d.webhook_id = l.webhook_id AND d.status = 'pending' ORDER BY d.next_at, d.seq LIMIT 1) END
        FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS u (webhook_id, token, not_before)
        JOIN atelier.webhook_endpoint e ON e.webhook_id = u.webhook_id
        JOIN "Webhook" w ON w.id = u.webhook_id
        WHERE l.webhook_id = u.webhook_id AND l.token = u.token"#,
        &webhooks(&leases),
        &tokens(&leases),
        &held.iter().map(|one| one.not_before).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        now
    )
    .execute(&mut *tx)
    .await?;
    let calls: Vec<_> = held
        .iter()
        .filter_map(|one| Some((&one.lease, &one.state, one.called?)))
        .collect();
    called(&mut tx, &calls).await?;
    tx.commit().await?;
    Ok(())
}

async fn unclaim(tx: &mut Transaction, releases: &[Release]) -> Result<(), StoreError> {
    let unsent = || {
        releases
            .iter()
            .flat_map(|one| one.unsent.iter().map(move |event| (&one.lease, *event)))
    };
    if unsent().next().is_none() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::webhooks::lanes::unclaim
        UPDATE atelier.webhook_delivery d SET lease_until = NULL, lease_token = NULL
        FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS u (event_id, webhook_id, token)
        WHERE d.event_id = u.event_id AND d.webhook_id = u.webhook_id AND d.lease_token = u.token"#,
        &unsent().map(|(_, event)| event).collect::<Vec<_>>(),
        &unsent()
            .map(|(lease, _)| lease.webhook.clone())
            .collect::<Vec<_>>(),
        &unsent().map(|(lease, _)| lease.token).collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Locks the lanes that are still leased to us, in the order of their ids, and returns them.
pub(super) async fn hold(
    tx: &mut Transaction,
    leases: &[LaneLease],
) -> Result<Vec<LaneLease>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::webhooks::lanes::hold
        SELECT l.webhook_id, l.token AS "token!" FROM atelier.webhook_lane l
        JOIN unnest($1::text[], $2::uuid[]) AS u (webhook_id, token)
            ON l.webhook_id = u.webhook_id AND l.token = u.token
        ORDER BY l.webhook_id FOR NO KEY UPDATE OF l"#,
        &webhooks(leases),
        &tokens(leases)
    )
    .fetch_all(&mut **tx)
    .await?;
    let held = rows.into_iter().map(|row| LaneLease {
        webhook: row.webhook_id,
        token: row.token,
    });
    Ok(held.collect())
}

fn webhooks(leases: &[LaneLease]) -> Vec<String> {
    leases.iter().map(|lease| lease.webhook.clone()).collect()
}

fn tokens(leases: &[LaneLease]) -> Vec<Uuid> {
    leases.iter().map(|lease| lease.token).collect()
}

/// Makes at most `limit` lanes due that stand still although deliveries wait: their endpoint was switched
/// on by the older platform. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating is harmless.
pub async fn rouse(db: &Database, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let mut connection = db.connection().await?;
    let roused = sqlx::query!(
        r#"-- store::webhooks::lanes::rouse
        WITH still AS MATERIALIZED (
            SELECT l.webhook_id FROM atelier.webhook_lane l
            JOIN atelier.webhook_endpoint e ON e.webhook_id = l.webhook_id AND e.deleted_at IS NULL
            JOIN "Webhook" w ON w.id = l.webhook_id AND w."isActive"
            WHERE l.due_at IS NULL AND l.token IS NULL AND EXISTS (
                SELECT 1 FROM atelier.webhook_delivery d
                WHERE d.webhook_id = l.webhook_id AND d.status = 'pending')
            LIMIT $2 FOR NO KEY UPDATE OF l SKIP LOCKED)
        UPDATE atelier.webhook_lane l SET due_at = $1 FROM still WHERE l.webhook_id = still.webhook_id"#,
        now,
        limit
    )
    .execute(&mut *connection)
    .await?;
    Ok(roused.rows_affected())
}
