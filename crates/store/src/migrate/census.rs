//! Everything that a database holds, counted: to say of a backup that it holds the same.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection};

use super::scratch::Scratch;
use super::session::{self, Options};
use super::shape::Shape;
use crate::config::DatabaseArgs;
use crate::database::{Database, connect_options};
use crate::error::StoreError;

/// What a database holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Census {
    /// Table → number of rows and the sum of the hashes of their texts, which does not depend on order.
    pub tables: BTreeMap<String, (i64, String)>,
    /// The facts of `public` and `atelier`.
    #[serde(skip)]
    shapes: String,
}

impl Census {
    /// Rows of all tables.
    pub fn rows(&self) -> i64 {
        self.tables.values().map(|(rows, _)| rows).sum()
    }

    /// In which tables or facts the other one differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for name in self.tables.keys().chain(other.tables.keys()) {
            let (here, there) = (self.tables.get(name), other.tables.get(name));
            let told = format!("table {name}: {here:?} in the database, {there:?} in the backup");
            if here != there && !found.contains(&told) {
                found.push(told);
            }
        }
        for line in self.shapes.lines().filter(|l| !other.shapes.contains(l)) {
            found.push(format!("only in the database: {line}"));
        }
        for line in other.shapes.lines().filter(|l| !self.shapes.contains(l)) {
            found.push(format!("only in the backup: {line}"));
        }
        found
    }
}

/// A moment of the live database, held still while it is dumped and counted.
#[derive(Debug)]
pub struct Moment {
    connection: PgConnection,
    snapshot: String,
}

impl Moment {
    /// Holds the moment. Writers go on; only what is seen here stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn hold(db: &Database) -> Result<Self, StoreError> {
        let mut connection = session::open(db, &Options::default()).await?;
        // pg_dump may take hours, in which this transaction stands still.
        session::run(
            &mut connection,
            "SET idle_in_transaction_session_timeout = 0;
             BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        )
        .await?;
        let snapshot = sqlx::query_scalar("-- store::migrate::census\nSELECT pg_export_snapshot()")
            .fetch_one(&mut connection)
            .await?;
        Ok(Self {
            connection,
            snapshot,
        })
    }

    /// What `pg_dump --snapshot` wants.
    pub fn snapshot(&self) -> &str {
        &self.snapshot
    }

    /// Counts, and lets the moment go.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count(mut self) -> Result<Census, StoreError> {
        let census = count(&mut self.connection).await?;
        session::close(self.connection).await;
        Ok(census)
    }
}

/// An empty database on the same server, for a backup to be restored into.
///
/// # Errors
/// [`StoreError::Database`], for example when the user may not create databases.
pub async fn scratch(args: &DatabaseArgs) -> Result<Scratch, StoreError> {
    let server = connect_options(args, "atelier backup")?;
    Ok(Scratch::create(server, "backup_check").await?)
}

/// Counts what was restored.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn restored(scratch: &Scratch) -> Result<Census, StoreError> {
    let mut connection = scratch.connect().await?;
    session::run(&mut connection, "SET search_path = public").await?;
    let census = count(&mut connection).await?;
    session::close(connection).await;
    Ok(census)
}

async fn count(connection: &mut PgConnection) -> Result<Census, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "-- store::migrate::census::tables
         SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
             AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut tables = BTreeMap::new();
    for name in names {
        let query = format!(
            "-- store::migrate::census::count
             SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {name} t"
        );
        let found: (i64, String) = sqlx::query_as(AssertSqlSafe(query))
            .fetch_one(&mut *connection)
            .await?;
        tables.insert(name, found);
    }
    let mut shapes = Shape::read(connection, "public").await?.text();
    shapes.push_str(&Shape::read(connection, "atelier").await?.text());
    Ok(Census { tables, shapes })
}
