//! The connection pool, and transactions that have a name.
//!
//! Invariant: no transaction is open over a call to anything but PostgreSQL. PostgreSQL ends one that
//! stands still for [`SESSION_TTL`].

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Postgres};

use crate::config::DatabaseArgs;
use crate::error::StoreError;
use crate::metrics::StoreMetrics;
use crate::sessions::SESSION_TTL;

/// PostgreSQL, as one process uses it. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    metrics: StoreMetrics,
}

impl Database {
    /// Opens the pool. No connection is made yet, so a process may start before PostgreSQL does and
    /// report itself not ready.
    ///
    /// `application` is what `pg_stat_activity` shows.
    ///
    /// # Errors
    /// [`StoreError::Setting`] when the URL cannot be read.
    pub fn open(
        args: &DatabaseArgs,
        application: &str,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let options = connect_options(args, application)?;
        let pool = PgPoolOptions::new()
            .max_connections(args.database_pool)
            .acquire_timeout(args.acquire_timeout())
            .connect_lazy_with(options);
        Ok(Self { pool, metrics })
    }

    /// A pooled connection for single statements.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none can be had in time.
    pub async fn connection(&self) -> Result<sqlx::pool::PoolConnection<Postgres>, StoreError> {
        Ok(self.pool.acquire().await?)
    }

    /// Begins a transaction whose time and outcome are measured under `name`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had in time.
    pub async fn begin(&self, name: &'static str) -> Result<Transaction, StoreError> {
        let started = Instant::now();
        let inner = self.pool.begin().await;
        let measure = Measure {
            name,
            started,
            metrics: self.metrics.clone(),
            outcome: "failed",
        };
        Ok(Transaction {
            inner: inner?,
            measure,
        })
    }

    /// Answers when PostgreSQL does. For readiness.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The options of one connection, for a caller that must not share the pool (lease renewal).
///
/// # Errors
/// [`StoreError::Setting`] when the URL cannot be read.
pub(crate) fn connect_options(
    args: &DatabaseArgs,
    application: &str,
) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions =
        args.database_url
            .expose_secret()
            .parse()
            .map_err(|_| StoreError::Setting {
                setting: "--database-url",
                detail: "expected postgres://user:password@host:port/database".to_owned(),
            })?;
    // A process that freezes in the middle of a transaction holds row locks, a brand's among them. By
    // the time its session is declared dead, PostgreSQL lets go of them too.
    let frozen_ms = SESSION_TTL.as_millis().to_string();
    Ok(options
        .application_name(application)
        .options([("idle_in_transaction_session_timeout", frozen_ms)]))
}

/// A transaction with a name. Dropped without [`commit`](Self::commit) it rolls back and counts as
/// failed.
pub struct Transaction {
    inner: sqlx::Transaction<'static, Postgres>,
    measure: Measure,
}

impl Transaction {
    /// Commits.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] leaves the outcome unknown: the commit may have arrived.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        self.measure.outcome = "committed";
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

struct Measure {
    name: &'static str,
    started: Instant,
    metrics: StoreMetrics,
    outcome: &'static str,
}

impl Drop for Measure {
    fn drop(&mut self) {
        self.metrics
            .transaction_seconds
            .with_label_values(&[self.name, self.outcome])
            .observe(self.started.elapsed().as_secs_f64());
    }
}
