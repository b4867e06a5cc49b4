//! `verify`: the live schema against the expected one, fact by fact.
//!
//! `public` is compared with what this program knows by heart. For `atelier` the expected shape is made
//! by running the migrations in a database of its own on the same server, which is dropped again.

use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use super::error::MigrationError;
use super::files::PERSONALISATION;
use super::scratch::Scratch;
use super::session::{self, Options};
use super::shape::{Comparison, Difference, Shape};
use super::{file, history};
use crate::config::DatabaseArgs;
use crate::database::{Database, connect_options};
use crate::error::StoreError;

/// What a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// `public` against the personalisation models, or against the platform before them where they are
    /// not applied.
    pub public: Comparison,
    /// How many facts were expected of `public`.
    pub public_facts: usize,
    /// `atelier` against the migrations that are applied.
    pub atelier: Comparison,
    /// How many facts were expected of `atelier`; 0 when it was not compared.
    pub atelier_facts: usize,
    /// Why `atelier` was not compared, where it was not.
    pub atelier_skipped: Option<String>,
}

impl Verified {
    /// Whether everything that must be there is there.
    pub fn is_good(&self) -> bool {
        self.public.faults.is_empty() && self.atelier.faults.is_empty()
    }

    /// Every fault, `public`'s first.
    pub fn faults(&self) -> impl Iterator<Item = &Difference> {
        self.public.faults.iter().chain(&self.atelier.faults)
    }
}

/// Compares. Changes nothing but for a database of its own that it makes and drops.
///
/// # Errors
/// [`StoreError::Migration`] when the database cannot be asked.
pub async fn verify(
    db: &Database,
    args: &DatabaseArgs,
    options: &Options,
) -> Result<Verified, StoreError> {
    let server = connect_options(args, "atelier verify")?;
    let mut connection = session::open(db, options).await?;
    let verified = compare(&mut connection, server, options).await;
    session::close(connection).await;
    Ok(verified?)
}

async fn compare(
    connection: &mut PgConnection,
    server: PgConnectOptions,
    options: &Options,
) -> Result<Verified, MigrationError> {
    let records = history::records(connection).await?;
    let has_models = records
        .iter()
        .any(|r| r.version == PERSONALISATION && r.success);
    let expected = if has_models {
        Shape::personalised()
    } else {
        Shape::baseline()
    };
    let public = Shape::read(connection, "public").await?.against(&expected);
    let live = Shape::read(connection, "atelier").await?;
    let versions: Vec<i64> = records
        .iter()
        .filter(|r| r.success)
        .map(|r| r.version)
        .collect();
    let (atelier, atelier_facts, atelier_skipped) = match made(server, options, &versions).await {
        Ok(made) => (live.against(&made), made.len(), None),
        Err(MigrationError::Database(error)) => {
            let nothing = Comparison {
                faults: Vec::new(),
                extras: Vec::new(),
            };
            (nothing, 0, Some(error.to_string()))
        }
        Err(error) => return Err(error),
    };
    Ok(Verified {
        public,
        public_facts: expected.len(),
        atelier,
        atelier_facts,
        atelier_skipped,
    })
}

/// The schema `atelier` as the applied migrations make it.
async fn made(
    server: PgConnectOptions,
    options: &Options,
    versions: &[i64],
) -> Result<Shape, MigrationError> {
    let migrations = options.migrations()?;
    let scratch = Scratch::create(server, "verify").await?;
    let made = async {
        let mut connection = scratch.options().connect().await?;
        session::run(&mut connection, "SET search_path = public").await?;
        history::prepare(&mut connection).await?;
        // A migration of `atelier` may name tables of `public`, so 0001 and 0002 are always made.
        let wanted = |version: i64| version <= PERSONALISATION || versions.contains(&version);
        for one in migrations.files.iter().filter(|file| wanted(file.version)) {
            file::apply(&mut connection, one, options, &mut |_| {}).await?;
        }
        let shape = Shape::read(&mut connection, "atelier").await?;
        session::close(connection).await;
        Ok(shape)
    }
    .await;
    scratch.drop().await;
    made
}
