//! Attempts that stayed open when their job came to its end, or to a person's decision.
//!
//! A job that is canceled, expires, fails or is held may leave a call behind of which nobody knows what it
//! cost. Nobody holds a lease on such a job, so the right to write is another one: [`claim`] counts up the
//! attempt's `asks` and sets the time before which nobody else takes it; [`record`] writes only while
//! `asks` is still the same and the job is still not anybody's. A claimant that dies is followed by the
//! next one when the time has come, and one that is late changes nothing.
//!
//! A picture that is found is never delivered from here: where the job has ended the attempt is closed
//! with its cost; where it is held the attempt becomes `fetched`, and whoever is given the job finds it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{AttemptId, BrandId, GenerationId, Micros};

use crate::budgets::{self, BudgetAlert};
use crate::database::Database;
use crate::error::StoreError;
use crate::ledger::{LostBy, OpenAttempt, OpenState, open_state};

/// An open attempt whose job nobody works on.
#[derive(Debug, Clone)]
pub struct LeftOpen {
    /// What the ledger says of it.
    pub attempt: OpenAttempt,
    /// Its job.
    pub job: GenerationId,
    /// Whose key it may have gone with.
    pub brand_id: BrandId,
    /// Whether its job waits for a person; else it has ended.
    pub is_held: bool,
    /// How often it was asked about, this time included. The right to write.
    pub asks: i32,
}

/// What was found out about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Not enough to close it. It is asked about again at this time.
    Open {
        /// When.
        ask_at: DateTime<Utc>,
        /// The provider's id, where that was found.
        provider_ref: Option<String>,
    },
    /// It brought no picture.
    Closed {
        /// Our stable code of the reason.
        code: String,
        /// What it cost all the same.
        cost: Micros,
    },
    /// Its picture stands in the object store.
    Kept {
        /// Where.
        raw_key: String,
        /// The provider's id.
        provider_ref: Option<String>,
        /// What it cost.
        cost: Micros,
        /// Tokens used.
        tokens: Option<i32>,
    },
    /// Nobody could tell for too long: it is closed, and its reserve counts as spent.
    Lost {
        /// Our stable code of the reason.
        code: String,
    },
}

/// Takes at most `most` attempts that are due, so that nobody else takes them before `until`.
///
/// # Errors
/// [`StoreError::Unavailable`]; what was taken all the same is due again at `until`.
pub async fn claim(
    db: &Database,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    most: i64,
) -> Result<Vec<LeftOpen>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::aftercare::claim
        UPDATE atelier.attempt a
        SET asks = a.asks + 1, ask_at = $2
        FROM (
            SELECT o.id, j.brand_id, j.state AS job_state
            FROM atelier.attempt o JOIN atelier.job j ON j.id = o.job_id
            WHERE o.state IN ('submitting', 'accepted', 'unknown', 'fetched')
                AND (o.ask_at IS NULL OR o.ask_at <= $1)
                AND (j.ended_at IS NOT NULL OR (j.state = 'held' AND o.state <> 'fetched'))
            ORDER BY o.ask_at NULLS FIRST, o.opened_at
            LIMIT $3 FOR UPDATE OF o SKIP LOCKED
        ) due
        WHERE a.id = due.id
        RETURNING a.id, a.job_id, due.brand_id, due.job_state, a.state, a.provider, a.model,
            a.key_id, a.opened_at, a.provider_ref, a.raw_key, a.cost_micros, a.reserved_micros,
            a.tokens, a.asks"#,
        now,
        until,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(LeftOpen {
                attempt: OpenAttempt {
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
                },
                job: GenerationId(row.job_id),
                brand_id: BrandId(row.brand_id),
                is_held: row.job_state == "held",
                asks: row.asks,
            })
        })
        .collect()
}

/// Whether a finding was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// False when somebody else took the attempt since, or its job is somebody's again.
    pub applied: bool,
    /// Budgets that came near their end or reached it.
    pub alerts: Vec<BudgetAlert>,
}

/// Writes what was found out about a claimed attempt, and books what it cost. A finding of a job that is
/// waiting or running by now is not written: its owner asks for itself.
///
/// # Errors
/// [`StoreError::Unavailable`]; the attempt is due again when its claim runs out.
pub async fn record(
    db: &Database,
    now: DateTime<Utc>,
    left: &LeftOpen,
    finding: &Finding,
) -> Result<Written, StoreError> {
    let row = row(left, finding);
    let mut tx = db.begin("record_aftercare").await?;
    let written = sqlx::query!(
        r#"-- store::aftercare::record
        UPDATE atelier.attempt a
        SET state = $4, provider_ref = COALESCE($5, a.provider_ref),
            raw_key = COALESCE($6, a.raw_key),
            cost_micros = CASE WHEN $7::text IS NULL THEN $8 ELSE a.reserved_micros END,
            tokens = COALESCE($9, a.tokens), error_code = COALESCE($10, a.error_code),
            lost_by = $7, ask_at = $11,
            closed_at = CASE WHEN $4 IN ('settled', 'rejected') THEN $12::timestamptz END
        FROM (
            SELECT o.id, o.cost_micros AS booked
            FROM atelier.attempt o JOIN atelier.job j ON j.id = o.job_id
            WHERE o.id = $1 AND o.job_id = $2 AND j.state = ANY($13)
            FOR SHARE OF j
        ) o
        WHERE a.id = o.id AND a.asks = $3
            AND a.state IN ('submitting', 'accepted', 'unknown', 'fetched')
        RETURNING a.brand_id, a.cost_micros - o.booked AS "more!""#,
        left.attempt.id.0,
        left.job.0,
        left.asks,
        row.state,
        row.provider_ref,
        row.raw_key,
        row.lost_by.map(LostBy::as_str),
        row.cost_micros,
        row.tokens,
        row.code,
        row.ask_at,
        now,
        &row.jobs
    )
    .fetch_optional(&mut *tx)
    .await?;
    let cost = written.as_ref().and_then(|row| {
        let brand = row.brand_id.clone()?;
        (row.more != 0).then_some((brand, row.more))
    });
    let alerts = budgets::book(&mut tx, &BTreeMap::from_iter(cost)).await?;
    tx.commit().await?;
    Ok(Written {
        applied: written.is_some(),
        alerts,
    })
}

struct Row {
    state: &'static str,
    provider_ref: Option<String>,
    raw_key: Option<String>,
    lost_by: Option<LostBy>,
    cost_micros: i64,
    tokens: Option<i32>,
    code: Option<String>,
    ask_at: Option<DateTime<Utc>>,
    jobs: Vec<String>,
}

fn row(left: &LeftOpen, finding: &Finding) -> Row {
    let ended = ["done", "failed", "canceled", "expired"];
    let jobs: &[&str] = match left.is_held {
        true => &["held"],
        false => &ended,
    };
    let row = Row {
        state: "rejected",
        provider_ref: None,
        raw_key: None,
        lost_by: None,
        cost_micros: left.attempt.cost.0,
        tokens: None,
        code: None,
        ask_at: None,
        jobs: jobs.iter().map(|&state| state.to_owned()).collect(),
    };
    match finding.clone() {
        Finding::Open {
            ask_at,
            provider_ref,
        } => Row {
            state: match (left.attempt.state, &provider_ref) {
                (OpenState::Accepted, _) | (_, Some(_)) => "accepted",
                (OpenState::Fetched, None) => "fetched",
                (OpenState::Submitting | OpenState::Unknown, None) => "unknown",
            },
            provider_ref,
            ask_at: Some(ask_at),
            ..row
        },
        Finding::Closed { code, cost } => Row {
            cost_micros: cost.0,
            code: Some(code),
            ..row
        },
        Finding::Kept {
            raw_key,
            provider_ref,
            cost,
            tokens,
        } => Row {
            state: match left.is_held {
                true => "fetched",
                false => "settled",
            },
            raw_key: Some(raw_key),
            provider_ref,
            cost_micros: cost.0,
            tokens,
            ..row
        },
        Finding::Lost { code } => Row {
            lost_by: Some(LostBy::MaxAge),
            code: Some(code),
            ..row
        },
    }
}

/// Open attempts of one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCount {
    /// `submitting`, `accepted`, `unknown` or `fetched`.
    pub state: String,
    /// Whether a job that is waiting or running owns them; the others wait for aftercare.
    pub is_owned: bool,
    /// How many.
    pub count: u64,
    /// When the oldest was opened.
    pub oldest: DateTime<Utc>,
}

/// What is open in the whole ledger.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn open_counts(db: &Database) -> Result<Vec<OpenCount>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::aftercare::open_counts
        SELECT a.state, j.state IN ('waiting', 'running') AS "is_owned!", count(*) AS "count!",
            min(a.opened_at) AS "oldest!"
        FROM atelier.attempt a JOIN atelier.job j ON j.id = a.job_id
        WHERE a.state IN ('submitting', 'accepted', 'unknown', 'fetched')
        GROUP BY 1, 2"#
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OpenCount {
            state: row.state,
            is_owned: row.is_owned,
            count: u64::try_from(row.count).unwrap_or(0),
            oldest: row.oldest,
        })
        .collect())
}
