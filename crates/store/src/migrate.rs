//! The schema: its migrations, its history in `atelier.migration`, and the ways into it from a database
//! that an older platform has filled for years.
//!
//! Invariants: one process at a time migrates a database; a migration and its record commit together; a
//! step that fails leaves nothing behind; what a migration may not carry it refuses before it changes
//! anything; no row of the platform is ever deleted by us.
//!
//! The statements here are not checked at compile time, unlike all others of this crate: most of them
//! name tables that exist only before or during a migration.

mod census;
mod down;
mod error;
mod file;
mod files;
mod history;
mod moving;
mod plan;
mod resolve;
mod scan;
mod scratch;
mod session;
mod shape;
mod start;
mod up;
mod verify;

pub use census::{Census, Moment, restored, scratch};
pub use down::down;
pub use error::MigrationError;
pub use files::{MIGRATOR, Migrations};
pub use history::{MigrationStatus, StepStatus};
pub use plan::{Action, Plan, PlannedChange, PlannedMigration, plan};
pub use resolve::{Resolution, resolve};
pub use scratch::Scratch;
pub use session::{Event, Observer, Options, Until};
pub use shape::{Comparison, Difference, Shape};
pub use up::{Outcome, up, up_with};
pub use verify::{Verified, verify};

use crate::database::Database;
use crate::error::StoreError;

/// What is applied and what is pending, in order. Changes nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached.
pub async fn status(db: &Database) -> Result<Vec<MigrationStatus>, StoreError> {
    status_of(db, &Options::default()).await
}

/// As [`status`], for the migrations of a folder.
///
/// # Errors
/// As [`status`], and [`StoreError::Migration`] when a file cannot be used.
pub async fn status_of(
    db: &Database,
    options: &Options,
) -> Result<Vec<MigrationStatus>, StoreError> {
    let migrations = options.migrations()?;
    let mut connection = db.connection().await?;
    let records = history::records(&mut connection).await?;
    let mut all = Vec::new();
    for file in &migrations.files {
        let record = records.iter().find(|record| record.version == file.version);
        let applied = record.is_some_and(|record| record.success);
        let failed = match record {
            Some(record) if !record.success => {
                Some(history::failure(&mut connection, file.version).await?)
            }
            _ => None,
        };
        all.push(MigrationStatus {
            version: file.version,
            name: file.description.clone(),
            applied,
            checksum_matches: record.is_none_or(|record| record.checksum == file.checksum),
            failed,
            steps: history::steps(&mut connection, file.version).await?,
        });
    }
    Ok(all)
}
