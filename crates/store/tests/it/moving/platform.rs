//! Databases as the older platform leaves them, and what is in them.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::Database;
use store::migrate::{MIGRATOR, Options, Outcome, up_with};
use testkit::TestDatabase;

use crate::world::open;

/// A database of the platform, with a connection to look at it.
pub struct Platform {
    pub database: TestDatabase,
    pub sql: PgConnection,
    pub db: Database,
}

/// The text of one of our migrations.
pub fn migration(version: i64) -> String {
    let found = MIGRATOR
        .iter()
        .find(|migration| migration.version == version);
    found.unwrap().sql.as_str().to_owned()
}

/// Years of rows.
pub const ROWS: &str = include_str!("../../../../../migrations/samples/old_platform.sql");

impl Platform {
    /// Prisma's tables before personalisation, without a row and without a trace of ours.
    pub async fn bare() -> Self {
        let platform = Self::empty().await;
        platform.with(&migration(1)).await
    }

    /// The same with years of rows.
    pub async fn full() -> Self {
        let platform = Self::bare().await;
        platform.with(ROWS).await
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        let database = TestDatabase::empty().await.unwrap();
        Self {
            sql: PgConnection::connect(database.url()).await.unwrap(),
            db: open(database.url()),
            database,
        }
    }

    /// Runs statements.
    pub async fn with(mut self, statements: &str) -> Self {
        self.run(statements).await;
        self
    }

    pub async fn run(&mut self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
            .execute(&mut self.sql)
            .await
            .unwrap();
    }

    /// Another connection.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// `up` with small batches, so that there are several.
    pub async fn up(&self) -> Outcome {
        up_with(&self.db, &small(), &mut |_| {}).await.unwrap()
    }

    /// The one number that `query` gives.
    pub async fn number(&mut self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut self.sql)
            .await
            .unwrap()
    }

    /// The one text that `query` gives.
    pub async fn text(&mut self, query: &str) -> String {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut self.sql)
            .await
            .unwrap()
    }

    /// The first column of all rows.
    pub async fn texts(&mut self, query: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut self.sql)
            .await
            .unwrap()
    }

    /// `pg_dump` of `public`, without the lines that differ from run to run.
    pub fn dump(&self, arguments: &[&str]) -> String {
        let dumped = std::process::Command::new("pg_dump")
            .args(["--schema=public", "--no-owner"])
            .args(arguments)
            .arg(self.database.url())
            .output()
            .unwrap();
        assert!(dumped.status.success(), "{dumped:?}");
        let text = String::from_utf8(dumped.stdout).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('\\') || *line == "\\.");
        lines.map(|line| format!("{line}\n")).collect()
    }
}

/// Batches of 100 rows.
pub fn small() -> Options {
    Options {
        batch_rows: 100,
        ..Options::default()
    }
}
