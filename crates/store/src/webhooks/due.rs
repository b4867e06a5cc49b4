//! Deliveries that are due, claimed by whoever holds their lane.
//!
//! A claimed delivery carries the lease's token until its try is recorded. Dying in between leaves it
//! pending: the next holder claims it again, under its own token, and what the dead one would have
//! recorded finds another token and changes nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::lanes::LaneLease;
use crate::database::{Database, Transaction};
use crate::error::StoreError;

/// How much of a lane is claimed.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The lane.
    pub lease: LaneLease,
    /// So many deliveries at most.
    pub most: u16,
    /// The oldest first, and none behind one that waits for a later try.
    pub ordered: bool,
    /// How long they are in hand.
    pub term: Duration,
}

/// A delivery to be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Under which lease it was claimed.
    pub lease: LaneLease,
    /// The event.
    pub event: Uuid,
    /// The event's type.
    pub kind: String,
    /// The event's own bytes.
    pub body: Vec<u8>,
    /// Another address than the endpoint's.
    pub url: Option<String>,
    /// Why it is due.
    pub trigger: String,
    /// Tries made on its schedule.
    pub attempt: u16,
    /// Tries of all time.
    pub tries: i32,
    /// Since when it has been due.
    pub next_at: DateTime<Utc>,
    /// Its place among those of its lane.
    pub seq: i64,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// Claims what is due at `now`, in the order in which it is to be sent. Lanes that are not ours any more
/// give nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]. Whether anything was claimed is not known
/// then: release the lanes, which makes all of it claimable again.
pub async fn claim(
    db: &Database,
    now: DateTime<Utc>,
    claims: &[Claim],
) -> Result<Vec<Due>, StoreError> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = db.begin("claim_webhooks").await?;
    let found = find(&mut tx, now, claims).await?;
    let mut due = match found.is_empty() {
        true => Vec::new(),
        false => take(&mut tx, now, &found).await?,
    };
    tx.commit().await?;
    due.sort_by_key(|claimed| (claimed.next_at, claimed.seq));
    for claim in claims.iter().filter(|claim| claim.ordered) {
        sort_by_seq(&mut due, &claim.lease);
    }
    Ok(due)
}

/// Puts the deliveries of one lane into the order of their events.
fn sort_by_seq(due: &mut Vec<Due>, lease: &LaneLease) {
    let (mut own, others): (Vec<Due>, Vec<Due>) =
        due.drain(..).partition(|one| one.lease == *lease);
    own.sort_by_key(|one| one.seq);
    *due = others;
    due.append(&mut own);
}

struct Found {
    webhook: String,
    token: Uuid,
    event: Uuid,
    term_s: f64,
}

/// Which deliveries are due. Apart from [`take`], so that the update's plan rests on lists of known
/// length and not on a guess about a lane's backlog.
async fn find(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    claims: &[Claim],
) -> Result<Vec<Found>, StoreError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::webhooks::due::find
        SELECT u.webhook_id AS "webhook!", u.token AS "token!", u.term_s AS "term_s!", d.event_id AS "event!"
        FROM unnest($1::text[], $2::uuid[], $3::int[], $4::boolean[], $5::float8[])
            AS u (webhook_id, token, most, ordered, term_s)
        JOIN atelier.webhook_lane l ON l.webhook_id = u.webhook_id AND l.token = u.token
        CROSS JOIN LATERAL (
            (SELECT p.event_id FROM atelier.webhook_delivery p
             WHERE NOT u.ordered AND p.webhook_id = u.webhook_id AND p.status = 'pending' AND p.next_at <= $6
                AND p.lease_token IS DISTINCT FROM u.token
             ORDER BY p.next_at, p.seq LIMIT u.most)
            UNION ALL
            (SELECT ready.event_id FROM (
                SELECT first.event_id, bool_and(first.next_at <= $6) OVER (ORDER BY first.seq) AS yes FROM (
                    SELECT p.event_id, p.next_at, p.seq FROM atelier.webhook_delivery p
                    WHERE u.ordered AND p.webhook_id = u.webhook_id AND p.status = 'pending'
                        AND p.lease_token IS DISTINCT FROM u.token
                    ORDER BY p.seq LIMIT u.most) first) ready
             WHERE ready.yes)) d"#,
        &claims
            .iter()
            .map(|claim| claim.lease.webhook.clone())
            .collect::<Vec<_>>(),
        &claims
            .iter()
            .map(|claim| claim.lease.token)
            .collect::<Vec<_>>(),
        &claims
            .iter()
            .map(|claim| i32::from(claim.most))
            .collect::<Vec<_>>(),
        &claims.iter().map(|claim| claim.ordered).collect::<Vec<_>>(),
        &claims
            .iter()
            .map(|claim| claim.term.as_secs_f64())
            .collect::<Vec<_>>(),
        now
    )
    .fetch_all(&mut **tx)
    .await?)
}

async fn take(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    found: &[Found],
) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::webhooks::due::take
        WITH taken AS (
            UPDATE atelier.webhook_delivery d
            SET lease_token = u.token, lease_until = clock_timestamp() + make_interval(secs => u.term_s)
            FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::float8[]) AS u (event_id, webhook_id, token, term_s)
            WHERE d.event_id = u.event_id AND d.webhook_id = u.webhook_id AND d.status = 'pending'
                AND d.next_at <= $5 AND EXISTS (
                    SELECT 1 FROM atelier.webhook_lane l WHERE l.webhook_id = u.webhook_id AND l.token = u.token)
            RETURNING d.webhook_id, u.token, d.event_id, d.url, d.trigger, d.attempt, d.tries, d.next_at, d.seq,
                d.created_at)
        SELECT t.webhook_id, t.token AS "token!", t.event_id AS event, o.kind, o.body, t.url, t.trigger, t.attempt,
            t.tries, t.next_at, t.seq, t.created_at
        FROM taken t JOIN atelier.outbox o ON o.id = t.event_id"#,
        &found.iter().map(|one| one.event).collect::<Vec<_>>(),
        &found
            .iter()
            .map(|one| one.webhook.clone())
            .collect::<Vec<_>>(),
        &found.iter().map(|one| one.token).collect::<Vec<_>>(),
        &found.iter().map(|one| one.term_s).collect::<Vec<_>>(),
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    let due = rows.into_iter().map(|row| Due {
        lease: LaneLease {
            webhook: row.webhook_id,
            token: row.token,
        },
        event: row.event,
        kind: row.kind,
        body: row.body,
        url: row.url,
        trigger: row.trigger,
        attempt: u16::try_from(row.attempt).unwrap_or(0),
        tries: row.tries,
        next_at: row.next_at,
        seq: row.seq,
        created_at: row.created_at,
    });
    Ok(due.collect())
}
