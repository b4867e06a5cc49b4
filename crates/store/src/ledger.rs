//! The provider ledger: what we meant to pay for, written before it was asked for.
//!
//! `submitting → accepted → fetched → settled`, or `submitting → unknown → …`, or `… → rejected`.
//! [`open`] commits before the first byte goes out. A new owner of a job reads what is open:
//! `accepted` is polled by its id, `fetched` is taken from the object store, `submitting` is
//! reconciled and never sent again without proof that the first was not accepted.
//!
//! Where nobody can tell, an attempt may be given up as lost ([`AttemptEvent::Lost`]): it is closed with
//! the whole of its reserve as its cost, because that may have been spent. How many attempts of a job were
//! lost is what the ledger says ([`lost`]) and nobody else, so that "once more" is once in a job's life.
//!
//! Every write demands the lease it was claimed under; a zombie's write changes nothing. The job's row is
//! locked against moves until the write is committed, so that a lease cannot be lost between the look
//! and the commit and a new owner always sees what the old one wrote.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use domain::{AttemptId, BrandId, GenerationId, Micros};
use serde_json::Value;
use uuid::Uuid;

use crate::budgets::{self, BudgetAlert};
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::lease::Lease;

/// Where an attempt stands while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenState {
    /// About to be sent, being sent, or sent: nobody knows.
    Submitting,
    /// The provider gave an id for it.
    Accepted,
    /// Its outcome could not be learned.
    Unknown,
    /// Its answer stands in the object store.
    Fetched,
}

/// Who gave an attempt up that may have been paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostBy {
    /// The brand's policy, which sends once more.
    RetryOnce,
    /// The brand's policy, which lets the generation fail.
    Fail,
    /// Its age: its job had ended, and nobody could tell for as long as the settings say.
    MaxAge,
}

impl LostBy {
    /// As it stands in the ledger and in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetryOnce => "retry_once",
            Self::Fail => "fail",
            Self::MaxAge => "max_age",
        }
    }
}

/// An attempt that an earlier owner left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// The attempt.
    pub id: AttemptId,
    /// Where it stands.
    pub state: OpenState,
    /// The provider it went to.
    pub provider: String,
    /// The model it asked for.
    pub model: String,
    /// The key it went with.
    pub key_id: String,
    /// When it was opened: not after the provider first heard of it.
    pub opened_at: DateTime<Utc>,
    /// The provider's own id.
    pub provider_ref: Option<String>,
    /// Where the raw answer is, once fetched.
    pub raw_key: Option<String>,
    /// What it cost, once known.
    pub cost: Micros,
    /// The most it may cost.
    pub reserved: Micros,
    /// Tokens it used, where the provider counts them.
    pub tokens: Option<i32>,
}

/// An intent to pay for one call.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// The attempt's id; seeds and fingerprints derive from it.
    pub id: AttemptId,
    /// The right to spend on this job.
    pub lease: Lease,
    /// Whose budget it is taken from.
    pub brand_id: BrandId,
    /// The provider about to be called.
    pub provider: String,
    /// The model about to be asked for.
    pub model: String,
    /// The key about to be used, by its id.
    pub key_id: String,
    /// The most the call may cost.
    pub reserve: Micros,
    /// Why this provider: the candidates and what was said of each.
    pub route: Option<Value>,
}

/// Whether an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is committed: the call may be sent.
    Stands,
    /// The lease is lost or another attempt is open.
    Refused,
    /// The brand's budget has no room beside what other open calls have reserved. They may turn out to
    /// cost less.
    Reserved,
    /// The brand's budget has no room for it.
    Exhausted,
}

/// What a batch of records came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// For each update whether it was written.
    pub written: Vec<bool>,
    /// Budgets that came near their end or reached it.
    pub alerts: Vec<BudgetAlert>,
}

/// What happened to an open attempt.
#[derive(Debug, Clone)]
pub struct AttemptUpdate {
    /// The attempt.
    pub id: AttemptId,
    /// The right to write to its job.
    pub lease: Lease,
    /// What happened.
    pub event: AttemptEvent,
}

/// The things that happen to an open attempt.
#[derive(Debug, Clone)]
pub enum AttemptEvent {
    /// The provider took it and gave an id.
    Accepted {
        /// The provider's id.
        provider_ref: String,
    },
    /// The answer is in the object store.
    Fetched {
        /// Where.
        raw_key: String,
        /// The provider's id, if it gave one.
        provider_ref: Option<String>,
        /// What it cost.
        cost: Micros,
        /// Tokens used.
        tokens: Option<i32>,
    },
    /// It ended without a picture; nothing is open any more.
    Rejected {
        /// Our stable code of the reason.
        code: String,
        /// What was spent all the same.
        cost: Micros,
    },
    /// Nobody can tell yet.
    Unknown {
        /// Our stable code of the reason.
        code: String,
    },
    /// Nobody will tell: it is closed, and its reserve counts as spent.
    Lost {
        /// Who decided.
        by: LostBy,
        /// Our stable code of the reason.
        code: String,
    },
}

/// Writes intents, all in one commit, and reserves what they may cost. Nothing may be sent for one that
/// does not [stand](Opened::Stands).
///
/// # Errors
/// After any error nothing may be sent either; the attempt may stand as `submitting` and is then
/// reconciled by the next owner.
pub async fn open(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[NewAttempt],
) -> Result<Vec<Opened>, StoreError> {
    let brands: BTreeSet<String> = batch.iter().map(|a| a.brand_id.to_string()).collect();
    let brands: Vec<String> = brands.into_iter().collect();
    let mut tx = db.begin("open_attempts").await?;
    budgets::lock(&mut tx, now, &brands).await?;
    let rows = sqlx::query!(
        r#"-- store::ledger::open
        WITH live AS (
            SELECT u.* FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[],
                $6::text[], $8::text[], $9::text[], $10::bigint[], $11::jsonb[]) WITH ORDINALITY
                AS u (id, job_id, fence, session_id, provider, model, brand_id, key_id, reserve,
                      route, place)
            JOIN atelier.job j ON j.id = u.job_id AND j.fence = u.fence
                AND j.session_id = u.session_id AND j.state = 'running'
            ORDER BY j.id FOR SHARE OF j
        ), room AS (
            SELECT b.id AS brand_id, b."aiCostLimitCents" * 10000::bigint - s.spent_micros
                    - GREATEST(b."aiCostUsedCents" - s.mirrored_cents, 0) * 10000::bigint AS unspent,
                (SELECT COALESCE(sum(a.reserved_micros), 0) FROM atelier.attempt a
                 WHERE a.brand_id = b.id AND a.state IN ('submitting', 'accepted', 'unknown')
                     AND a.reserved_micros > 0) AS reserved
            FROM "Brand" b JOIN atelier.budget s ON s.brand_id = b.id
            WHERE b.id = ANY($12)
        ), judged AS (
            SELECT l.*, l.reserve <= r.unspent AS payable,
                r.reserved + sum(l.reserve) OVER (PARTITION BY l.brand_id ORDER BY l.place)
                    <= r.unspent AS fits
            FROM live l JOIN room r ON r.brand_id = l.brand_id
        ), made AS (
            INSERT INTO atelier.attempt (id, job_id, fence, provider, model, state, opened_at,
                brand_id, key_id, reserved_micros, route)
            SELECT id, job_id, fence, provider, model, 'submitting', $7, brand_id, key_id, reserve,
                route
            FROM judged WHERE fits
            ON CONFLICT DO NOTHING
            RETURNING id
        )
        SELECT judged.id AS "id!", payable AS "payable!", fits AS "fits!",
            made.id IS NOT NULL AS "made!"
        FROM judged LEFT JOIN made ON made.id = judged.id"#,
        &column(batch, |a| a.id.0),
        &column(batch, |a| a.lease.job.0),
        &column(batch, |a| a.lease.fence.0),
        &column(batch, |a| a.lease.session.0),
        &column(batch, |a| a.provider.clone()),
        &column(batch, |a| a.model.clone()),
        now,
        &column(batch, |a| a.brand_id.to_string()),
        &column(batch, |a| a.key_id.clone()),
        &column(batch, |a| a.reserve.0),
        &column(batch, |a| a.route.clone()) as &[Option<Value>],
        &brands
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let judged: HashMap<Uuid, Opened> = rows
        .into_iter()
        .map(|row| (row.id, opened(row.made, row.fits, row.payable)))
        .collect();
    let of = |attempt: &NewAttempt| judged.get(&attempt.id.0).copied();
    Ok(column(batch, |attempt| {
        of(attempt).unwrap_or(Opened::Refused)
    }))
}

fn opened(made: bool, fits: bool, payable: bool) -> Opened {
    match (made, fits, payable) {
        (true, _, _) => Opened::Stands,
        (false, true, _) => Opened::Refused,
        (false, false, true) => Opened::Reserved,
        (false, false, false) => Opened::Exhausted,
    }
}

/// Records what happened to open attempts, all in one commit, and books what they cost on the brands'
/// budgets. Returns for each whether it was written; `false` means that the lease is lost, that the attempt is closed, or that its answer is in
/// the object store already, which neither `Accepted` nor `Unknown` can take back.
///
/// # Errors
/// [`StoreError::Unavailable`]; writing the same again is harmless.
pub async fn record(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[AttemptUpdate],
) -> Result<Recorded, StoreError> {
    let flat: Vec<FlatUpdate> = batch.iter().map(flatten).collect();
    let mut tx = db.begin("record_attempts").await?;
    let rows = sqlx::query!(
        r#"-- store::ledger::record
        UPDATE atelier.attempt a
        SET state = u.state,
            provider_ref = COALESCE(u.provider_ref, a.provider_ref),
            raw_key = COALESCE(u.raw_key, a.raw_key),
            cost_micros = CASE WHEN u.lost_by IS NULL THEN u.cost_micros ELSE a.reserved_micros END,
            tokens = COALESCE(u.tokens, a.tokens),
            error_code = u.error_code,
            lost_by = u.lost_by,
            closed_at = CASE WHEN u.state = 'rejected' THEN $11::timestamptz END
        FROM (
            SELECT u.*, o.cost_micros AS booked
            FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[],
                $7::text[], $8::bigint[], $9::int[], $10::text[], $12::text[])
                AS u (id, job_id, fence, session_id, state, provider_ref, raw_key, cost_micros,
                      tokens, error_code, lost_by)
            JOIN atelier.job j ON j.id = u.job_id AND j.fence = u.fence
                AND j.session_id = u.session_id AND j.state = 'running'
            JOIN atelier.attempt o ON o.id = u.id
            ORDER BY j.id FOR SHARE OF j
        ) u
        WHERE a.id = u.id AND a.job_id = u.job_id
            AND (a.state IN ('submitting', 'accepted', 'unknown')
                OR (a.state = 'fetched' AND u.state IN ('fetched', 'rejected')))
        RETURNING a.id, a.brand_id, a.cost_micros - u.booked AS "more!""#,
        &column(batch, |u| u.id.0),
        &column(batch, |u| u.lease.job.0),
        &column(batch, |u| u.lease.fence.0),
        &column(batch, |u| u.lease.session.0),
        &column(&flat, |f| f.state.to_owned()),
        &column(&flat, |f| f.provider_ref.clone()) as &[Option<String>],
        &column(&flat, |f| f.raw_key.clone()) as &[Option<String>],
        &column(&flat, |f| f.cost_micros),
        &column(&flat, |f| f.tokens) as &[Option<i32>],
        &column(&flat, |f| f.error_code.clone()) as &[Option<String>],
        now,
        &column(&flat, |f| f.lost_by.map(|by| by.as_str().to_owned())) as &[Option<String>]
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut costs = BTreeMap::new();
    for row in &rows {
        if let Some(brand) = row.brand_id.clone().filter(|_| row.more != 0) {
            *costs.entry(brand).or_default() += row.more;
        }
    }
    let alerts = budgets::book(&mut tx, &costs).await?;
    tx.commit().await?;
    let written = |update: &AttemptUpdate| rows.iter().any(|row| row.id == update.id.0);
    Ok(Recorded {
        written: column(batch, written),
        alerts,
    })
}

#[derive(Default)]
struct FlatUpdate {
    state: &'static str,
    provider_ref: Option<String>,
    raw_key: Option<String>,
    cost_micros: i64,
    tokens: Option<i32>,
    error_code: Option<String>,
    lost_by: Option<LostBy>,
}

fn flatten(update: &AttemptUpdate) -> FlatUpdate {
    match update.event.clone() {
        AttemptEvent::Accepted { provider_ref } => FlatUpdate {
            state: "accepted",
            provider_ref: Some(provider_ref),
            ..FlatUpdate::default()
        },
        AttemptEvent::Fetched {
            raw_key,
            provider_ref,
            cost,
            tokens,
        } => FlatUpdate {
            state: "fetched",
            provider_ref,
            raw_key: Some(raw_key),
            cost_micros: cost.0,
            tokens,
            ..FlatUpdate::default()
        },
        AttemptEvent::Rejected { code, cost } => FlatUpdate {
            state: "rejected",
            cost_micros: cost.0,
            error_code: Some(code),
            ..FlatUpdate::default()
        },
        AttemptEvent::Unknown { code } => FlatUpdate {
            state: "unknown",
            error_code: Some(code),
            ..FlatUpdate::default()
        },
        AttemptEvent::Lost { by, code } => FlatUpdate {
            state: "rejected",
            error_code: Some(code),
            lost_by: Some(by),
            ..FlatUpdate::default()
        },
    }
}

fn column<I, T>(batch: &[I], of: impl Fn(&I) -> T) -> Vec<T> {
    batch.iter().map(of).collect()
}

/// How many of a job's calls cost money, or may have, and brought nothing: those that were lost, and
/// those that were answered and charged without a picture.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lost(db: &Database, job: GenerationId) -> Result<i64, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::ledger::lost
        SELECT count(*) AS "count!" FROM atelier.attempt
        WHERE job_id = $1 AND (lost_by IS NOT NULL OR (state = 'rejected' AND cost_micros > 0))"#,
        job.0
    )
    .fetch_one(&mut *connection)
    .await?)
}

/// What is open in the ledger for these jobs.
pub(crate) async fn open_attempts(
    tx: &mut Transaction,
    jobs: &[Uuid],
) -> Result<HashMap<Uuid, OpenAttempt>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::ledger::open_attempts
        SELECT id, job_id, state, provider, model, key_id, opened_at, provider_ref, raw_key,
            cost_micros, reserved_micros, tokens
        FROM atelier.attempt
        WHERE job_id = ANY($1) AND state IN ('submitting', 'accepted', 'unknown', 'fetched')"#,
        jobs
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let attempt = OpenAttempt {
                id: AttemptId(row.id),
                state: open_state(&row.state, row.job_id)?,
                provider: row.provider,
                model: row.model,
                key_id: row.key_id,
                opened_at: row.opened_at,
                provider_ref: row.provider_ref,
                raw_key: row.raw_key,
                cost: Micros(row.cost_micros),
                reserved: Micros(row.reserved_micros),
                tokens: row.tokens,
            };
            Ok((row.job_id, attempt))
        })
        .collect()
}

pub(crate) fn open_state(text: &str, job: Uuid) -> Result<OpenState, StoreError> {
    match text {
        "submitting" => Ok(OpenState::Submitting),
        "accepted" => Ok(OpenState::Accepted),
        "unknown" => Ok(OpenState::Unknown),
        "fetched" => Ok(OpenState::Fetched),
        other => Err(StoreError::Inconsistent {
            table: "atelier.attempt",
            column: "state",
            id: GenerationId(job).as_text(),
            detail: format!("{other:?} is not an open state"),
        }),
    }
}
