//! The schema's own history, kept in `atelier.migration`.

use sqlx::Connection;
use sqlx::migrate::{Migrate, Migrator};

use crate::database::Database;
use crate::error::StoreError;

/// Every migration, embedded at compile time from `migrations/`.
pub static MIGRATOR: Migrator = sqlx::migrate!();

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
}

/// Applies what is pending, each migration in a transaction of its own. Returns the number applied.
///
/// # Errors
/// [`StoreError::Migration`] when an applied migration has another text than ours, or a statement
/// fails; what came before it stays applied, the failed one leaves nothing.
pub async fn up(db: &Database) -> Result<usize, StoreError> {
    let pending = status(db)
        .await?
        .iter()
        .filter(|migration| !migration.applied)
        .count();
    // A migration that fails leaves the migrator's lock with its session: the connection is closed, not
    // given back to the pool, where the lock would keep every later run waiting.
    let mut connection = db.connection().await?.detach();
    let result = MIGRATOR.run(&mut connection).await;
    connection.close().await?;
    result?;
    Ok(pending)
}

/// What is applied and what is pending, in order.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached.
pub async fn status(db: &Database) -> Result<Vec<MigrationStatus>, StoreError> {
    let mut connection = db.connection().await?;
    let exists: Option<bool> =
        sqlx::query_scalar("SELECT to_regclass('atelier.migration') IS NOT NULL")
            .fetch_one(&mut *connection)
            .await?;
    let applied = if exists.unwrap_or(false) {
        connection
            .list_applied_migrations("atelier.migration")
            .await?
    } else {
        Vec::new()
    };
    Ok(MIGRATOR
        .iter()
        .map(|migration| {
            let found = applied
                .iter()
                .find(|known| known.version == migration.version);
            MigrationStatus {
                version: migration.version,
                name: migration.description.to_string(),
                applied: found.is_some(),
                checksum_matches: found.is_none_or(|known| known.checksum == migration.checksum),
            }
        })
        .collect())
}
