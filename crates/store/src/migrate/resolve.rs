//! `resolve`: what an operator says about a migration that failed.

use sqlx::PgConnection;

use super::error::MigrationError;
use super::files::{BASELINE, File, Migrations, PERSONALISATION};
use super::history;
use super::session::{self, Options};
use super::shape::Shape;
use super::up;
use crate::database::Database;
use crate::error::StoreError;

/// What the operator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Nothing of it is there, or what is there may be gone on with: it is pending again.
    RolledBack(String),
    /// Everything of it is there: it is recorded as applied.
    Applied(String),
}

/// Settles a record. Returns the migration's name. Another run is waited for.
///
/// # Errors
/// [`StoreError::Migration`]: there is no such migration or record, or the tables do not have the shape
/// that the named migration gives them.
pub async fn resolve(
    db: &Database,
    options: &Options,
    resolution: &Resolution,
) -> Result<String, StoreError> {
    let migrations = options.migrations()?;
    let mut connection = session::open(db, options).await?;
    let settled = async {
        session::lock(&mut connection, &mut |_| {}).await?;
        settle(&mut connection, &migrations, resolution).await
    }
    .await;
    session::close(connection).await;
    Ok(settled?)
}

async fn settle(
    connection: &mut PgConnection,
    migrations: &Migrations,
    resolution: &Resolution,
) -> Result<String, MigrationError> {
    let (Resolution::RolledBack(name) | Resolution::Applied(name)) = resolution;
    let Some(file) = migrations.named(name) else {
        let text = format!("no migration is called {name:?}; `atelier migrate status` lists them");
        return Err(MigrationError::Unresolvable(text));
    };
    let records = history::records(connection).await?;
    let record = records.iter().find(|r| r.version == file.version);
    history::prepare(connection).await?;
    match (resolution, record.map(|record| record.success)) {
        (Resolution::RolledBack(_), Some(false)) => {
            history::forget(connection, file.version).await?;
        }
        (Resolution::RolledBack(_), _) => {
            let text = format!(
                "{} has not failed: there is nothing to settle. `atelier migrate down` goes back",
                file.name
            );
            return Err(MigrationError::Unresolvable(text));
        }
        (Resolution::Applied(_), Some(true)) => {
            let text = format!("{} is recorded as applied already", file.name);
            return Err(MigrationError::Unresolvable(text));
        }
        (Resolution::Applied(_), _) => {
            refuse_unless_there(connection, file).await?;
            history::applied(connection, file, -1).await?;
        }
    }
    Ok(file.name.clone())
}

/// For the two whose result is known by heart, the operator's word is checked.
async fn refuse_unless_there(
    connection: &mut PgConnection,
    file: &File,
) -> Result<(), MigrationError> {
    let (expected, name) = match file.version {
        BASELINE => (
            Shape::baseline(),
            "those of the platform before personalisation",
        ),
        PERSONALISATION => (Shape::personalised(), "those of the personalisation models"),
        _ => return Ok(()),
    };
    up::refuse_shape(connection, &expected, name).await
}
