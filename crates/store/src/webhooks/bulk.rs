//! Repairs of many deliveries of one endpoint: recover, replay, and replay what was never sent.
//!
//! A repair is a row that holds how far it has come. [`step`] looks at some deliveries after that place,
//! makes those that match due, and writes the new place, in one transaction: whoever dies, the next one
//! goes on there, and nothing is made due twice or passed over.
//!
//! A repair waits while its endpoint has [`MAX_DUE`] deliveries due. So what happens meanwhile is told
//! soon, a cancelled repair has little left behind, and a million of them are no burden on anybody else.

use chrono::{DateTime, Utc};
use domain::BrandId;
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;

mod batch;

/// Deliveries due at one endpoint above which a repair of it waits.
pub const MAX_DUE: i64 = 10_000;
/// Repairs that a brand may have open at once.
pub const MAX_OPEN: i64 = 5;
/// Most repairs that a list shows.
const MAX_LISTED: i64 = 100;

/// What a repair does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends again what did not arrive: given up, passed over, or waiting for a later try.
    Recover,
    /// Sends again whatever matches, also what had arrived.
    Replay,
    /// Sends what the endpoint wants and was never told: events from before it was there or while it was
    /// switched off.
    ReplayMissing,
}

impl Kind {
    /// Its name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::Replay => "replay",
            Self::ReplayMissing => "replay_missing",
        }
    }
}

/// A repair that is to be made.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub brand: BrandId,
    /// Of which endpoint.
    pub webhook: String,
    /// What it does.
    pub kind: Kind,
    /// From when.
    pub since: DateTime<Utc>,
    /// Until when, not itself.
    pub until: DateTime<Utc>,
    /// Types of events; all where there are none.
    pub events: Vec<String>,
    /// States of deliveries, for a replay; all where there are none.
    pub statuses: Vec<String>,
}

/// A repair as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// Of which endpoint.
    pub webhook: String,
    /// `recover`, `replay`, or `replay_missing`.
    pub kind: String,
    /// `queued`, `running`, `done`, or `canceled`.
    pub state: String,
    /// From when.
    pub since: DateTime<Utc>,
    /// Until when, not itself.
    pub until: DateTime<Utc>,
    /// Types of events; all where there are none.
    pub events: Vec<String>,
    /// States of deliveries; all where there are none.
    pub statuses: Vec<String>,
    /// How far it has come.
    pub cursor_at: Option<DateTime<Utc>>,
    /// Deliveries or events looked at.
    pub looked_at: i64,
    /// Deliveries made due.
    pub queued: i64,
    /// Whether it is to stop.
    pub cancel_requested: bool,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Job {
    /// How much of its range of time it has gone through, 0 to 100. Deliveries are not counted beforehand:
    /// that would take as long as the repair.
    pub fn progress_percent(&self) -> u8 {
        if self.state == "done" {
            return 100;
        }
        let range = (self.until - self.since).num_milliseconds().max(1);
        let gone = self
            .cursor_at
            .map_or(0, |at| (at - self.since).num_milliseconds());
        // A delivery at the very end is not the end yet.
        u8::try_from((gone.max(0) * 100 / range).min(99)).unwrap_or(0)
    }
}

/// What became of asking for a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is written; a repeat with the same id finds it.
    Queued,
    /// The endpoint is switched off: nothing would be sent.
    Inactive,
    /// The brand has no such endpoint.
    Missing,
}

/// Asks for a repair.
///
/// # Errors
/// [`StoreError::LimitReached`] when the brand has five open; repeating with the same id is harmless.
pub async fn create(db: &Database, now: DateTime<Utc>, new: &NewJob) -> Result<Asked, StoreError> {
    let mut tx = db.begin("create_bulk_job").await?;
    let active = sqlx::query_scalar!(
        r#"-- store::webhooks::bulk::endpoint
        SELECT w."isActive" FROM atelier.webhook_endpoint e JOIN "Webhook" w ON w.id = e.webhook_id
        WHERE e.webhook_id = $1 AND e.brand_id = $2 AND e.deleted_at IS NULL"#,
        new.webhook,
        new.brand.as_str()
    )
    .fetch_optional(&mut *tx)
    .await?;
    match active {
        None => return Ok(Asked::Missing),
        Some(false) => return Ok(Asked::Inactive),
        Some(true) => {}
    }
    hold_limit(&mut tx, new).await?;
    sqlx::query!(
        r#"-- store::webhooks::bulk::create
        INSERT INTO atelier.bulk_job (id, brand_id, webhook_id, kind, since, until, events, statuses,
            created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT (id) DO NOTHING"#,
        new.id,
        new.brand.as_str(),
        new.webhook,
        new.kind.as_str(),
        new.since,
        new.until,
        &new.events,
        &new.statuses,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Asked::Queued)
}

/// Two who ask for repairs of one brand count one after the other.
async fn hold_limit(tx: &mut Transaction, new: &NewJob) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::bulk::lock_brand
        SELECT id FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
        new.brand.as_str()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let open = sqlx::query_scalar!(
        r#"-- store::webhooks::bulk::open
        SELECT count(*) AS "count!" FROM atelier.bulk_job
        WHERE brand_id = $1 AND state IN ('queued', 'running') AND id <> $2"#,
        new.brand.as_str(),
        new.id
    )
    .fetch_one(&mut **tx)
    .await?;
    if open >= MAX_OPEN {
        return Err(StoreError::LimitReached {
            brand: new.brand.to_string(),
            what: "open webhook jobs",
            limit: MAX_OPEN,
            advice: "wait for one to end, or cancel one",
        });
    }
    Ok(())
}

/// A brand's repair.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(db: &Database, brand: &BrandId, id: Uuid) -> Result<Option<Job>, StoreError> {
    let found = select(db, brand, Some(id), None).await?;
    Ok(found.into_iter().next())
}

/// A brand's repairs, of all its endpoints or of one, the newest first; at most a hundred.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    db: &Database,
    brand: &BrandId,
    webhook: Option<&str>,
) -> Result<Vec<Job>, StoreError> {
    select(db, brand, None, webhook).await
}

async fn select(
    db: &Database,
    brand: &BrandId,
    id: Option<Uuid>,
    webhook: Option<&str>,
) -> Result<Vec<Job>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        Job,
        r#"-- store::webhooks::bulk::select
        SELECT id, webhook_id AS webhook, kind, state, since, until, events, statuses, cursor_at,
            looked_at, queued, cancel_requested, created_at, updated_at, ended_at
        FROM atelier.bulk_job
        WHERE brand_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($4::text IS NULL OR webhook_id = $4)
        ORDER BY created_at DESC, id DESC LIMIT $3"#,
        brand.as_str(),
        id,
        MAX_LISTED,
        webhook
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// Asks a repair to stop; what it has made due stays due. Returns whether it was still open.
///
/// # Errors
/// [`StoreError::Unavailable`]; repeating is harmless.
pub async fn cancel(db: &Database, brand: &BrandId, id: Uuid) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let done = sqlx::query!(
        r#"-- store::webhooks::bulk::cancel
        UPDATE atelier.bulk_job SET cancel_requested = true
        WHERE id = $1 AND brand_id = $2 AND state IN ('queued', 'running')"#,
        id,
        brand.as_str()
    )
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// No repair is open, or others hold all of them.
    Idle,
    /// One moved on, and made so many deliveries due.
    Moved(u64),
    /// One has ended.
    Ended,
    /// One waits for its endpoint.
    Waits,
}

/// An open repair, locked.
struct Open {
    id: Uuid,
    brand_id: String,
    webhook_id: String,
    kind: String,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    events: Vec<String>,
    statuses: Vec<String>,
    cursor_at: Option<DateTime<Utc>>,
    cursor_seq: Option<i64>,
    cursor_event: Option<Uuid>,
    cancel_requested: bool,
}

/// How far a batch has come.
struct Reached {
    /// The place after the last one looked at; none at the end.
    at: Option<DateTime<Utc>>,
    seq: Option<i64>,
    event: Option<Uuid>,
    looked_at: i64,
    queued: i64,
}

/// Moves the repair on that has waited longest, by at most `rows` deliveries. Any number may call this at
/// once.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: call again; nothing is lost or done twice.
pub async fn step(db: &Database, now: DateTime<Utc>, rows: i64) -> Result<Step, StoreError> {
    let mut tx = db.begin("bulk_step").await?;
    let open = sqlx::query_as!(
        Open,
        r#"-- store::webhooks::bulk::take
        SELECT id, brand_id, webhook_id, kind, since, until, events, statuses, cursor_at, cursor_seq,
            cursor_event, cancel_requested
        FROM atelier.bulk_job WHERE state IN ('queued', 'running')
        ORDER BY updated_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"#
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(open) = open else {
        return Ok(Step::Idle);
    };
    let step = if open.cancel_requested {
        end(&mut tx, now, open.id, "canceled").await?;
        Step::Ended
    } else if is_busy(&mut tx, now, &open.webhook_id).await? {
        touch(&mut tx, now, open.id).await?;
        Step::Waits
    } else {
        let reached = batch::run(&mut tx, now, &open, rows).await?;
        if reached.queued > 0 {
            super::deliveries::wake(&mut tx, &open.webhook_id).await?;
        }
        write(&mut tx, now, open.id, &reached).await?;
        match reached.at {
            Some(_) => Step::Moved(u64::try_from(reached.queued).unwrap_or(0)),
            None => Step::Ended,
        }
    };
    tx.commit().await?;
    Ok(step)
}

async fn is_busy(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    webhook: &str,
) -> Result<bool, StoreError> {
    let due = sqlx::query_scalar!(
        r#"-- store::webhooks::bulk::due
        SELECT count(*) AS "count!" FROM (
            SELECT 1 FROM atelier.webhook_delivery
            WHERE webhook_id = $1 AND status = 'pending' AND next_at <= $2 LIMIT $3) due"#,
        webhook,
        now,
        MAX_DUE
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(due >= MAX_DUE)
}

async fn touch(tx: &mut Transaction, now: DateTime<Utc>, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::bulk::touch
        UPDATE atelier.bulk_job SET state = 'running', updated_at = $2 WHERE id = $1"#,
        id,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn end(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    id: Uuid,
    state: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::bulk::end
        UPDATE atelier.bulk_job SET state = $3, updated_at = $2, ended_at = $2 WHERE id = $1"#,
        id,
        now,
        state
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    id: Uuid,
    reached: &Reached,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::bulk::reached
        UPDATE atelier.bulk_job
        SET state = 'running', updated_at = $2, looked_at = looked_at + $3, queued = queued + $4,
            cursor_at = COALESCE($5, cursor_at), cursor_seq = COALESCE($6, cursor_seq),
            cursor_event = COALESCE($7, cursor_event)
        WHERE id = $1"#,
        id,
        now,
        reached.looked_at,
        reached.queued,
        reached.at,
        reached.seq,
        reached.event
    )
    .execute(&mut **tx)
    .await?;
    match reached.at {
        Some(_) => Ok(()),
        None => end(tx, now, id, "done").await,
    }
}
