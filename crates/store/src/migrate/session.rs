//! The connection of one migrating process: its settings, its lock, and patience with others' locks.
//!
//! A lock that a schema change waits for blocks everybody who comes behind it in the queue, so it is
//! never waited for longer than [`Options::lock_timeout`]; the change gives way, lets the queue pass,
//! and tries again after a pause that doubles, until [`Options::patience`] is over.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres};
use tokio::time::{Instant, sleep};

use super::error::{MigrationError, is_contention};
use super::files::Migrations;
use crate::database::Database;

/// How a run goes about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long one attempt waits for a lock: about the longest that a schema change holds up others.
    pub lock_timeout: Duration,
    /// How long attempts are repeated before the run gives up.
    pub patience: Duration,
    /// Rows of one backfill batch.
    pub batch_rows: i64,
    /// How far to go.
    pub until: Until,
    /// A folder of migrations instead of those in this program.
    pub folder: Option<PathBuf>,
}

impl Default for Options {
    /// 300 ms is far below what shops give a request, and well above the milliseconds in which a busy
    /// table is free for a moment. A batch of 2,000 rows takes some 50 ms on the machine of
    /// `benches/migrate`.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(300),
            patience: Duration::from_secs(600),
            batch_rows: 2000,
            until: Until::End,
            folder: None,
        }
    }
}

impl Options {
    pub(super) fn migrations(&self) -> Result<Migrations, MigrationError> {
        match &self.folder {
            Some(folder) => Migrations::folder(folder),
            None => Migrations::embedded(),
        }
    }
}

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Everything.
    End,
    /// Everything that the older platform does not notice: its programs go on writing.
    Contract,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another process is migrating this database; this one waits for it.
    Waiting,
    /// What was found at the beginning.
    Start(String),
    /// A migration begins.
    Begun(String),
    /// Part of a migration is done.
    Step {
        /// The migration.
        name: String,
        /// What is being done.
        step: &'static str,
        /// Rows done so far.
        done: i64,
        /// Rows there are to do, where it is known.
        total: Option<i64>,
    },
    /// A lock was not free; it will be tried again.
    Retry {
        /// The migration.
        name: String,
        /// What is being done.
        place: String,
        /// How often it was tried.
        tries: u32,
    },
    /// A migration is done.
    Done(String),
}

/// Who hears what goes on.
pub type Observer<'a> = &'a mut (dyn FnMut(&Event) + Send);

/// The number of Atelier's advisory lock: "atelier" in ASCII, shifted to leave room for further ones.
const LOCK: i64 = 0x6174_656c_6965_7200;

/// How often a process asks whether another has finished.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Opens a connection for migrating. It is closed with its locks when it is dropped.
pub(super) async fn open(db: &Database, options: &Options) -> Result<PgConnection, sqlx::Error> {
    let pooled: PoolConnection<Postgres> = match db.connection().await {
        Ok(connection) => connection,
        Err(crate::StoreError::Unavailable(source)) => return Err(source),
        Err(error) => return Err(sqlx::Error::Configuration(Box::new(error))),
    };
    let mut connection = pooled.detach();
    let lock_ms = options.lock_timeout.as_millis().max(1);
    // client_connection_check_interval: the statement of a process that was killed ends with it, so
    // that the next one does not wait for it.
    let settings = format!(
        "SET search_path = public; SET statement_timeout = 0; SET lock_timeout = {lock_ms};
         SET client_connection_check_interval = 1000; SET client_min_messages = warning"
    );
    run(&mut connection, settings).await?;
    Ok(connection)
}

/// Waits until no other process migrates this database. Asking instead of waiting in PostgreSQL: a
/// statement that waits holds a snapshot, which `CREATE INDEX CONCURRENTLY` of the other one would wait
/// for in turn.
pub(super) async fn lock(
    connection: &mut PgConnection,
    observer: Observer<'_>,
) -> Result<(), sqlx::Error> {
    let mut told = false;
    loop {
        let locked: bool =
            sqlx::query_scalar("-- store::migrate::lock\nSELECT pg_try_advisory_lock($1)")
                .bind(LOCK)
                .fetch_one(&mut *connection)
                .await?;
        if locked {
            return Ok(());
        }
        if !told {
            observer(&Event::Waiting);
            told = true;
        }
        sleep(ASK_EVERY).await;
    }
}

/// Ends a session in order, so that its lock is free when this returns.
pub(super) async fn close(connection: PgConnection) {
    // The lock goes with the session even if saying goodbye fails.
    let _ = connection.close().await;
}

/// Sends statements that give nothing back.
pub(super) async fn run(
    connection: &mut PgConnection,
    statements: impl Into<String>,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements.into()))
        .execute(connection)
        .await?;
    Ok(())
}

/// Locks several tables at once, in this order, for the rest of the transaction. Those that are held
/// already block others while the next one is waited for, so the time is divided among them.
pub(super) async fn lock_tables(
    connection: &mut PgConnection,
    tables: &[&str],
    mode: &str,
) -> Result<(), sqlx::Error> {
    let divide = "-- store::migrate::lock_tables
        SELECT set_config('lock_timeout', greatest(1, setting::integer / $1)::text, true)
        FROM pg_settings WHERE name = 'lock_timeout'";
    sqlx::query(divide)
        .bind(i32::try_from(tables.len()).unwrap_or(i32::MAX))
        .execute(&mut *connection)
        .await?;
    let tables: Vec<String> = tables.iter().map(|t| format!("public.\"{t}\"")).collect();
    let lock = format!("LOCK TABLE {} IN {mode} MODE", tables.join(", "));
    run(connection, lock).await
}

/// The pauses between attempts, and when to stop.
pub(super) struct Patience<'a> {
    options: &'a Options,
    began: Instant,
    tries: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            began: Instant::now(),
            tries: 0,
        }
    }

    /// After a failed attempt: pauses and returns, or gives the error to end with.
    pub(super) async fn after(
        &mut self,
        error: sqlx::Error,
        connection: &mut PgConnection,
        failed: Place<'_>,
        observer: Observer<'_>,
    ) -> Result<(), MigrationError> {
        if !is_contention(&error) {
            return Err(failed.error(error));
        }
        if self.began.elapsed() >= self.options.patience {
            return Err(MigrationError::Busy {
                name: failed.name.to_owned(),
                place: failed.place,
                waited_s: self.began.elapsed().as_secs(),
                holders: holders(connection).await?,
            });
        }
        self.tries += 1;
        observer(&Event::Retry {
            name: failed.name.to_owned(),
            place: failed.place,
            tries: self.tries,
        });
        // From 100 ms to 6.4 s.
        sleep(Duration::from_millis(100) * (1 << self.tries.min(6))).await;
        Ok(())
    }

    /// A new beginning: something was achieved.
    pub(super) fn renew(&mut self) {
        self.began = Instant::now();
        self.tries = 0;
    }
}

/// What was being done when something failed.
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) place: String,
    pub(super) statement: String,
}

impl Place<'_> {
    fn error(self, source: sqlx::Error) -> MigrationError {
        MigrationError::Statement {
            name: self.name.to_owned(),
            place: self.place,
            statement: self.statement,
            source,
        }
    }
}

/// Who has the oldest open transactions of this database, for the operator.
async fn holders(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let found: Vec<String> = sqlx::query_scalar(
        "-- store::migrate::holders
         SELECT '  process ' || pid || ' (' || coalesce(nullif(application_name, ''), 'no name') || ', '
             || coalesce(usename, '?') || '), open for '
             || extract(epoch FROM now() - xact_start)::bigint || ' s: ' || left(query, 200)
         FROM pg_stat_activity
         WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
         ORDER BY xact_start LIMIT 5",
    )
    .fetch_all(connection)
    .await?;
    Ok(if found.is_empty() {
        "  nobody any more".to_owned()
    } else {
        found.join("\n")
    })
}
