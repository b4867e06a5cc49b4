//! What was applied, what failed, and how far the steps of a move are.
//!
//! `atelier.migration` has the form that sqlx gives it; a row with `success = false` is a migration that
//! failed and waits to be settled. `atelier.migration_step` has one row for each step of a migration
//! that takes several transactions: a step and its record are committed together.

use sqlx::PgConnection;

use super::error::MigrationError;
use super::files::{File, Migrations};
use super::session;

/// One migration as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationStatus {
    /// The number in the file's name.
    pub version: i64,
    /// The rest of the file's name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
    /// Whether the applied text is the one in this program. `true` while pending.
    pub checksum_matches: bool,
    /// What failed, where a run failed and was not settled.
    pub failed: Option<String>,
    /// How far a migration of several steps is, while it is under way.
    pub steps: Vec<StepStatus>,
}

/// One step of a migration that takes several transactions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct StepStatus {
    /// What is done.
    pub step: String,
    /// Whether all of it is done.
    pub done: bool,
    /// Rows done so far.
    pub rows_done: i64,
    /// Rows there were to do when the step began, where it is known.
    pub rows_total: Option<i64>,
    /// How long it took or has taken so far, in milliseconds.
    pub took_ms: i64,
}

/// One row of `atelier.migration`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Record {
    pub(super) version: i64,
    pub(super) description: String,
    pub(super) success: bool,
    pub(super) checksum: Vec<u8>,
}

/// Makes the tables of the history where they are missing.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    session::run(
        connection,
        "CREATE SCHEMA IF NOT EXISTS atelier;
         CREATE TABLE IF NOT EXISTS atelier.migration (
             version BIGINT PRIMARY KEY,
             description TEXT NOT NULL,
             installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
             success BOOLEAN NOT NULL,
             checksum BYTEA NOT NULL,
             execution_time BIGINT NOT NULL
         );
         CREATE TABLE IF NOT EXISTS atelier.migration_step (
             version bigint NOT NULL,
             step text NOT NULL,
             place integer NOT NULL,
             cursor text,
             rows_done bigint NOT NULL DEFAULT 0,
             rows_total bigint,
             started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
             changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
             finished_at timestamptz,
             PRIMARY KEY (version, step)
         );
         CREATE TABLE IF NOT EXISTS atelier.migration_failure (
             version bigint PRIMARY KEY,
             detail text NOT NULL,
             failed_at timestamptz NOT NULL DEFAULT clock_timestamp()
         )",
    )
    .await
}

/// Whether a table of the schema `atelier` is there.
pub(super) async fn exists(
    connection: &mut PgConnection,
    table: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("-- store::migrate::exists\nSELECT to_regclass($1) IS NOT NULL")
        .bind(format!("atelier.{table}"))
        .fetch_one(connection)
        .await
}

/// Everything that was applied or failed, in order.
pub(super) async fn records(connection: &mut PgConnection) -> Result<Vec<Record>, sqlx::Error> {
    if !exists(connection, "migration").await? {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "-- store::migrate::records
         SELECT version, description, success, checksum FROM atelier.migration ORDER BY version",
    )
    .fetch_all(connection)
    .await
}

/// Holds the records against the files: the same texts, nothing unknown, nothing unsettled.
pub(super) async fn check(
    connection: &mut PgConnection,
    migrations: &Migrations,
    records: &[Record],
) -> Result<(), MigrationError> {
    for record in records {
        let Some(file) = migrations
            .files
            .iter()
            .find(|f| f.version == record.version)
        else {
            return Err(MigrationError::Unknown {
                version: record.version,
                name: record.description.clone(),
            });
        };
        if !record.success {
            return Err(MigrationError::Unsettled {
                name: file.name.clone(),
                detail: failure(connection, file.version).await?,
            });
        }
        if record.checksum != file.checksum {
            return Err(MigrationError::Changed {
                name: file.name.clone(),
                applied: hex(&record.checksum),
                ours: hex(&file.checksum),
            });
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let start: String = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{start}…")
}

/// What is written down about a failure.
pub(super) async fn failure(
    connection: &mut PgConnection,
    version: i64,
) -> Result<String, sqlx::Error> {
    let detail: Option<String> = sqlx::query_scalar(
        "-- store::migrate::failure
         SELECT detail FROM atelier.migration_failure WHERE version = $1",
    )
    .bind(version)
    .fetch_optional(connection)
    .await?;
    Ok(detail.unwrap_or_else(|| "nothing is written down about it".to_owned()))
}

/// Writes down that a migration is applied.
pub(super) async fn applied(
    connection: &mut PgConnection,
    file: &File,
    took_ns: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::migrate::applied
         INSERT INTO atelier.migration (version, description, success, checksum, execution_time)
         VALUES ($1, $2, true, $3, $4)
         ON CONFLICT (version) DO UPDATE SET success = true, checksum = $3, execution_time = $4,
             installed_on = now()",
    )
    .bind(file.version)
    .bind(&file.description)
    .bind(&file.checksum)
    .bind(took_ns)
    .execute(&mut *connection)
    .await?;
    forget_failure(connection, file.version).await
}

/// Writes down that a migration failed, outside of the transaction that was rolled back.
pub(super) async fn failed(
    connection: &mut PgConnection,
    file: &File,
    detail: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::migrate::failed
         WITH record AS (
             INSERT INTO atelier.migration (version, description, success, checksum, execution_time)
             VALUES ($1, $2, false, $3, -1) ON CONFLICT (version) DO NOTHING)
         INSERT INTO atelier.migration_failure (version, detail) VALUES ($1, $4)
         ON CONFLICT (version) DO UPDATE SET detail = $4, failed_at = clock_timestamp()",
    )
    .bind(file.version)
    .bind(&file.description)
    .bind(&file.checksum)
    .bind(detail)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a failed record away, so that the migration is pending again.
pub(super) async fn forget(connection: &mut PgConnection, version: i64) -> Result<(), sqlx::Error> {
    sqlx::query("-- store::migrate::forget\nDELETE FROM atelier.migration WHERE version = $1")
        .bind(version)
        .execute(&mut *connection)
        .await?;
    forget_failure(connection, version).await
}

async fn forget_failure(connection: &mut PgConnection, version: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "-- store::migrate::forget_failure
         DELETE FROM atelier.migration_failure WHERE version = $1",
    )
    .bind(version)
    .execute(connection)
    .await?;
    Ok(())
}

/// The steps of a migration that were begun, in order.
pub(super) async fn steps(
    connection: &mut PgConnection,
    version: i64,
) -> Result<Vec<StepStatus>, sqlx::Error> {
    if !exists(connection, "migration_step").await? {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "-- store::migrate::steps
         SELECT step, finished_at IS NOT NULL AS done, rows_done, rows_total,
             (extract(epoch FROM coalesce(finished_at, changed_at) - started_at) * 1000)::bigint AS took_ms
         FROM atelier.migration_step WHERE version = $1 ORDER BY place",
    )
    .bind(version)
    .fetch_all(connection)
    .await
}
