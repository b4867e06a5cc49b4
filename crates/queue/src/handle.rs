//! The handle of a process on Redis.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, Runtime};
use prometheus::Registry;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline};
use rustls::crypto::CryptoProvider;
use secrecy::ExposeSecret;

use crate::config::QueueArgs;
use crate::error::QueueError;
use crate::keys::Keys;
use crate::metrics::QueueMetrics;

/// The one shard there is today. Its number stands in every key already, so that more of them need
/// no move of data.
const SHARD: u16 = 0;

/// The way to Redis: a pool for short commands, the key names, the metrics. Clones share it all.
#[derive(Debug, Clone)]
pub struct Queue {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) keys: Keys,
    pub(crate) metrics: QueueMetrics,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pool: Pool,
}

impl Queue {
    /// Makes the handle and registers its metrics. Connects to nothing yet: a process starts, and
    /// serves what it can, while Redis is away.
    ///
    /// # Errors
    /// [`QueueError::Url`], [`QueueError::Setting`] or [`QueueError::Metrics`].
    pub fn new(args: &QueueArgs, registry: &Registry) -> Result<Self, QueueError> {
        if args.redis_key_prefix.is_empty() || args.redis_key_prefix.contains(['{', '}']) {
            return Err(QueueError::Setting(
                "the Redis key prefix must be a text without braces",
            ));
        }
        provide_cryptography();
        let url = args.redis_url.expose_secret();
        let client = Client::open(url).map_err(|_| QueueError::Url)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(args.connect_timeout()))
            .set_response_timeout(Some(args.command_timeout()));
        let manager = Manager::new_with_config(url, config).map_err(|_| QueueError::Url)?;
        let pool = Pool::builder(manager)
            .max_size(usize::from(args.redis_pool_size))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(args.command_timeout()))
            .create_timeout(Some(args.connect_timeout()))
            .recycle_timeout(Some(args.command_timeout()))
            .build()
            .map_err(|_| QueueError::Setting("the Redis pool has no timer"))?;
        let metrics = QueueMetrics::register(registry).map_err(QueueError::Metrics)?;
        let inner = Inner {
            client,
            keys: Keys::new(&args.redis_key_prefix, SHARD),
            metrics,
            connect_timeout: args.connect_timeout(),
            command_timeout: args.command_timeout(),
            pool,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The names of the keys, for those who watch them from outside.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Everything that stands under this installation's names, in Redis's own form: to look for what must
    /// not be there. Walks over every key of the server, so it is not for a server in use.
    ///
    /// # Errors
    /// As every command.
    pub async fn dump(&self) -> Result<Vec<u8>, QueueError> {
        let mut listing = redis::cmd("KEYS");
        listing.arg(self.keys().everything());
        let names: Vec<String> = self.command("KEYS", &listing).await?;
        let mut all = Vec::new();
        for name in names {
            let mut dumping = redis::cmd("DUMP");
            dumping.arg(&name);
            let value: Option<Vec<u8>> = self.command("DUMP", &dumping).await?;
            all.extend(name.into_bytes());
            all.extend(value.unwrap_or_default());
        }
        Ok(all)
    }

    /// Runs one short command. May be cancelled; the command may then still take effect.
    pub(crate) async fn command<T: FromRedisValue>(
        &self,
        during: &'static str,
        command: &Cmd,
    ) -> Result<T, QueueError> {
        self.within(during, async |conn: &mut Connection| {
            command.query_async(conn).await
        })
        .await
    }

    /// Runs one pipeline of short commands. May be cancelled, as [`Self::command`].
    pub(crate) async fn pipeline<T: FromRedisValue>(
        &self,
        during: &'static str,
        pipeline: &Pipeline,
    ) -> Result<T, QueueError> {
        self.within(during, async |conn: &mut Connection| {
            pipeline.query_async(conn).await
        })
        .await
    }

    /// Runs something short on a pooled connection within the command deadline, and measures it.
    pub(crate) async fn within<T>(
        &self,
        during: &'static str,
        run: impl AsyncFnOnce(&mut Connection) -> redis::RedisResult<T>,
    ) -> Result<T, QueueError> {
        let timer = self.inner.metrics.time(during);
        let limit = self.inner.command_timeout;
        let work = async {
            let mut conn =
                self.inner
                    .pool
                    .get()
                    .await
                    .map_err(|source| QueueError::Connection {
                        during,
                        source: Box::new(source),
                    })?;
            run(&mut conn).await.map_err(QueueError::redis(during))
        };
        // Boxed, because making a TLS connection takes kilobytes of state, which every caller's
        // future would carry though few calls make one.
        let value = tokio::time::timeout(limit, Box::pin(work))
            .await
            .map_err(|_| QueueError::Timeout {
                during,
                after_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            })??;
        timer.done();
        Ok(value)
    }
}

/// The Redis client panics on a `rediss://` URL when the process names no provider of cryptography.
/// One that was named before, by the bootstrap or another client, stays.
fn provide_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Fails only where another thread has just named one, which will do as well.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
}
