//! Worker sessions: one row per process start, kept alive by the database's clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::SessionId;
use sqlx::{Connection, PgConnection};

use crate::config::DatabaseArgs;
use crate::database::{Database, connect_options};
use crate::error::StoreError;

/// How long a session lives without renewal. Three missed renewals of 5 s: a worker is declared dead
/// after 15 s at the latest, and its jobs run elsewhere within 25 s.
pub const SESSION_TTL: Duration = Duration::from_secs(15);

/// How often a session is renewed.
pub const SESSION_RENEWAL: Duration = Duration::from_secs(5);

/// What the fleet should know of a worker.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The session.
    pub id: SessionId,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// How many jobs it works on at once.
    pub slots: u32,
}

/// Opens a session.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn start(
    db: &Database,
    now: DateTime<Utc>,
    session: &NewSession,
) -> Result<(), StoreError> {
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::sessions::start
        INSERT INTO atelier.worker_session (id, host, pid, slots, started_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))"#,
        session.id.0,
        session.host,
        i32::try_from(session.pid).unwrap_or(i32::MAX),
        i32::try_from(session.slots).unwrap_or(i32::MAX),
        now,
        SESSION_TTL.as_secs_f64()
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// A session's lease, renewed over a connection of its own, so that a busy pool cannot starve it.
pub struct SessionLease {
    args: DatabaseArgs,
    session: SessionId,
    connection: Option<PgConnection>,
}

impl SessionLease {
    /// Prepares renewal; connects at the first call.
    pub fn new(args: DatabaseArgs, session: SessionId) -> Self {
        Self {
            args,
            session,
            connection: None,
        }
    }

    /// Renews. `false` means that the session was declared dead: its jobs are somebody else's, and
    /// the process must stop.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; try again until the TTL has passed since the last success.
    pub async fn renew(&mut self) -> Result<bool, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                PgConnection::connect_with(&connect_options(&self.args, "atelier lease")?).await?
            }
        };
        let renewed = sqlx::query!(
            r#"-- store::sessions::renew
            UPDATE atelier.worker_session SET expires_at = now() + make_interval(secs => $2)
            WHERE id = $1 AND ended_at IS NULL AND expires_at > now()"#,
            self.session.0,
            SESSION_TTL.as_secs_f64()
        )
        .execute(&mut connection)
        .await?;
        self.connection = Some(connection);
        Ok(renewed.rows_affected() == 1)
    }
}

/// Closes a session whose worker has finished or handed back everything.
///
/// # Errors
/// [`StoreError::Unavailable`]; the session then simply expires.
pub async fn end(db: &Database, now: DateTime<Utc>, session: SessionId) -> Result<(), StoreError> {
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::sessions::end
        UPDATE atelier.worker_session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL"#,
        session.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// The slots of all living workers.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn fleet_slots(db: &Database) -> Result<u32, StoreError> {
    let mut connection = db.connection().await?;
    let slots = sqlx::query_scalar!(
        r#"-- store::sessions::fleet_slots
        SELECT COALESCE(sum(slots), 0)::bigint AS "slots!"
        FROM atelier.worker_session WHERE ended_at IS NULL AND expires_at > now()"#
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(u32::try_from(slots).unwrap_or(u32::MAX))
}
