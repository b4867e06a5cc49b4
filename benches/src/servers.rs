//! PostgreSQL, Redis and a folder of one's own, as durable as in production.

use std::path::{Path, PathBuf};

use anyhow::Context;
use prometheus::Registry;
use secrecy::SecretString;
use store::{Database, DatabaseArgs, ObjectArgs, Objects, StoreMetrics};
use testkit::{
    Durability, GuardSpec, Guarded, PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions,
};
use uuid::Uuid;

/// The servers of one measurement; dropping it stops them and removes their files.
#[derive(Debug)]
pub struct Servers {
    /// PostgreSQL.
    pub postgres: PrivatePostgres,
    /// Redis.
    pub redis: PrivateRedis,
    folder: PathBuf,
    _folder_guard: Guarded,
}

impl Servers {
    /// Starts both: every commit is flushed to disk, Redis appends to its file each second.
    ///
    /// # Errors
    /// When a server is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let durable = Durability::Demo;
        let postgres = PostgresOptions {
            durability: durable,
            ..PostgresOptions::default()
        };
        let redis = RedisOptions {
            durability: durable,
            ..RedisOptions::default()
        };
        let (postgres, redis) = tokio::try_join!(
            PrivatePostgres::start(&postgres),
            PrivateRedis::start(&redis)
        )?;
        let folder = std::env::temp_dir().join(format!("atelier-load-{}", Uuid::new_v4().simple()));
        let mut guard = GuardSpec::new("true");
        guard.dir = Some(folder.clone());
        let _folder_guard = Guarded::spawn(&guard)?;
        Ok(Self {
            postgres,
            redis,
            folder,
            _folder_guard,
        })
    }

    /// Where logs and ready files go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The object store's address.
    pub fn object_store(&self) -> String {
        format!("file://{}", self.folder.join("objects").display())
    }

    /// The object store.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn objects(&self) -> anyhow::Result<Objects> {
        Ok(Objects::open(&ObjectArgs {
            object_store: self.object_store(),
        })?)
    }

    /// The database, migrated.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrated(&self) -> anyhow::Result<Database> {
        let args = DatabaseArgs {
            database_url: SecretString::from(self.postgres.url()),
            database_pool: 4,
            database_acquire_ms: 5000,
        };
        let metrics = StoreMetrics::register(&Registry::new())?;
        let db = Database::open(&args, "load", metrics)?;
        store::migrate::up(&db).await.context("migrating")?;
        Ok(db)
    }
}
