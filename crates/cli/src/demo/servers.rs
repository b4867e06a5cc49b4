//! PostgreSQL, Redis and the folder for pictures and logs: private ones, or those that were named.

use std::path::{Path, PathBuf};

use anyhow::Context;
use store::{Database, Objects};
use testkit::{Durability, PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions};

use super::folder::GuardedFolder;
use crate::args::DemoArgs;
use crate::stores;

/// The servers of one demonstration. Dropping it stops the private ones and removes their files.
pub(super) struct Servers {
    pub(super) database_url: String,
    pub(super) redis_url: String,
    pub(super) object_store: String,
    pub(super) db: Database,
    pub(super) objects: Objects,
    pub(super) postgres_pid: Option<u32>,
    pub(super) redis_pid: Option<u32>,
    _postgres: Option<PrivatePostgres>,
    _redis: Option<PrivateRedis>,
    folder: GuardedFolder,
}

impl Servers {
    /// Starts what was not named, both at once.
    pub(super) async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        let (postgres, redis) = tokio::try_join!(postgres(args), redis(args))?;
        let folder = GuardedFolder::make()?;
        let database_url = match (&postgres, &args.database_url) {
            (Some(server), _) => server.url(),
            (None, url) => url.clone().unwrap_or_default(),
        };
        let redis_url = match (&redis, &args.redis_url) {
            (Some(server), _) => server.url(),
            (None, url) => url.clone().unwrap_or_default(),
        };
        let object_store = match &args.object_store {
            Some(url) => url.clone(),
            None => format!("file://{}", folder.path().join("objects").display()),
        };
        let db = stores::database(&stores::database_args(&database_url)).await?;
        let objects = stores::objects(&object_store)?;
        Ok(Self {
            postgres_pid: postgres.as_ref().map(PrivatePostgres::pid),
            redis_pid: redis.as_ref().map(PrivateRedis::pid),
            database_url,
            redis_url,
            object_store,
            db,
            objects,
            _postgres: postgres,
            _redis: redis,
            folder,
        })
    }

    /// Where the pictures of a running demonstration are put.
    pub(super) fn pictures(&self) -> PathBuf {
        self.folder.path().join("pictures")
    }

    /// Where a role's log and ready file are put.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn postgres(args: &DemoArgs) -> anyhow::Result<Option<PrivatePostgres>> {
    if args.database_url.is_some() {
        return Ok(None);
    }
    let options = PostgresOptions {
        durability: Durability::Demo,
        ..PostgresOptions::default()
    };
    PrivatePostgres::start(&options)
        .await
        .map(Some)
        .context("no private PostgreSQL")
}

async fn redis(args: &DemoArgs) -> anyhow::Result<Option<PrivateRedis>> {
    if args.redis_url.is_some() {
        return Ok(None);
    }
    let options = RedisOptions {
        durability: Durability::Demo,
        ..RedisOptions::default()
    };
    PrivateRedis::start(&options)
        .await
        .map(Some)
        .context("no private Redis")
}
