//! Connections of one command.

use anyhow::Context;
use prometheus::Registry;
use secrecy::SecretString;
use store::{Database, DatabaseArgs, ObjectArgs, Objects, StoreMetrics};

/// Opens the database and makes sure that it answers.
pub(crate) async fn database(args: &DatabaseArgs) -> anyhow::Result<Database> {
    let metrics = StoreMetrics::register(&Registry::new())?;
    let db = Database::open(args, "atelier cli", metrics)?;
    db.ping()
        .await
        .context("PostgreSQL does not answer; is --database-url right?")?;
    Ok(db)
}

/// The database at `url`, with the settings of a short-lived command.
pub(crate) fn database_args(url: &str) -> DatabaseArgs {
    DatabaseArgs {
        database_url: SecretString::from(url),
        database_pool: 4,
        database_acquire_ms: 5000,
    }
}

/// Opens the object store at `url`.
pub(crate) fn objects(url: &str) -> anyhow::Result<Objects> {
    Ok(Objects::open(&ObjectArgs {
        object_store: url.to_owned(),
    })?)
}
