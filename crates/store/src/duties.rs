//! Who does which scheduler duty.
//!
//! A duty belongs to the holder of its row for as long as the lease lasts, by the database's clock.
//! Two holders at once are harmless (every write of a duty is conditional); the lease only keeps
//! replicas from doing the same work.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// Proof that a duty was leased, with the term of this holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DutyTerm {
    /// Rises with each new holder.
    pub term: i64,
}

/// A duty as the operator sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DutyStatus {
    /// Its name.
    pub duty: String,
    /// The scheduler that has it.
    pub holder: Uuid,
    /// The holder's term.
    pub term: i64,
    /// Whether the lease is alive.
    pub held: bool,
    /// When it last ran.
    pub last_run_at: Option<DateTime<Utc>>,
    /// `ok` or `failed`.
    pub last_outcome: Option<String>,
    /// What it did, or why it failed.
    pub last_detail: Option<String>,
}

/// Takes or keeps a duty for `ttl`. `None` when another living holder has it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn lease(
    db: &Database,
    duty: &str,
    holder: Uuid,
    ttl: Duration,
) -> Result<Option<DutyTerm>, StoreError> {
    let mut connection = db.connection().await?;
    let term = sqlx::query_scalar!(
        r#"-- store::duties::lease
        INSERT INTO atelier.duty_lease AS d (duty, holder, term, expires_at)
        VALUES ($1, $2, 1, now() + make_interval(secs => $3))
        ON CONFLICT (duty) DO UPDATE
        SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at,
            term = d.term + CASE WHEN d.holder = EXCLUDED.holder THEN 0 ELSE 1 END
        WHERE d.holder = EXCLUDED.holder OR d.expires_at < now()
        RETURNING term"#,
        duty,
        holder,
        ttl.as_secs_f64()
    )
    .fetch_optional(&mut *connection)
    .await?;
    Ok(term.map(|term| DutyTerm { term }))
}

/// Notes how a run went, if the term still holds.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn report(
    db: &Database,
    now: DateTime<Utc>,
    duty: &str,
    term: DutyTerm,
    outcome: Result<&str, &str>,
) -> Result<(), StoreError> {
    let (word, detail) = match outcome {
        Ok(detail) => ("ok", detail),
        Err(detail) => ("failed", detail),
    };
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::duties::report
        UPDATE atelier.duty_lease SET last_run_at = $3, last_outcome = $4, last_detail = $5
        WHERE duty = $1 AND term = $2"#,
        duty,
        term.term,
        now,
        word,
        detail
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Gives up every duty of a scheduler that stops, so that another need not wait for the lease to run
/// out.
///
/// # Errors
/// [`StoreError::Unavailable`]; the leases then run out by themselves.
pub async fn release(db: &Database, holder: Uuid) -> Result<(), StoreError> {
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::duties::release
        UPDATE atelier.duty_lease SET expires_at = now() WHERE holder = $1"#,
        holder
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Every duty that ever ran, by name.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(db: &Database) -> Result<Vec<DutyStatus>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        DutyStatus,
        r#"-- store::duties::list
        SELECT duty, holder, term, expires_at > now() AS "held!", last_run_at, last_outcome,
            last_detail
        FROM atelier.duty_lease ORDER BY duty"#
    )
    .fetch_all(&mut *connection)
    .await?)
}
