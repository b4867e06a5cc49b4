//! A Redis, a queue on it, and a second pair of eyes that looks at the server without the queue.

use std::collections::HashMap;
use std::time::Duration;

use domain::{GenerationId, Lane, SessionId};
use prometheus::Registry;
use queue::{Consumer, ConsumerOptions, Delivery, Dispatch, Queue, QueueArgs};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value};
use testkit::{PrivateRedis, RedisOptions};
use uuid::Uuid;

/// Far above what anything here takes; only a test that hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub redis: PrivateRedis,
    pub queue: Queue,
    pub registry: Registry,
}

impl World {
    /// With the groups made, as after a deployment.
    pub async fn start() -> Self {
        let world = Self::bare().await;
        assert_eq!(world.queue.ensure_groups().await.unwrap(), Lane::ALL.len());
        world
    }

    /// With an empty server.
    pub async fn bare() -> Self {
        let redis = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
        let registry = Registry::new();
        let queue = Queue::new(&QueueArgs::for_url(&redis.url()), &registry).unwrap();
        Self {
            redis,
            queue,
            registry,
        }
    }

    pub fn consumer(&self, number: u128) -> Consumer {
        self.consumer_blocking(number, Duration::from_secs(2))
    }

    pub fn consumer_blocking(&self, number: u128, block: Duration) -> Consumer {
        let session = SessionId(Uuid::from_u128(number));
        self.queue.consumer(&ConsumerOptions {
            block,
            ..ConsumerOptions::new(session)
        })
    }

    pub async fn raw<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let mut cmd = redis::cmd(command[0]);
        cmd.arg(&command[1..]);
        cmd.query_async(&mut self.connection().await).await.unwrap()
    }

    pub async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    pub fn key(&self, lane: Lane) -> &str {
        self.queue.keys().lane(lane)
    }

    pub async fn length(&self, lane: Lane) -> u64 {
        self.raw(&["XLEN", self.key(lane)]).await
    }

    /// What `XINFO GROUPS` says of the lane's group: (pending, lag). A lag of `None` is what blinds
    /// an autoscaler.
    pub async fn group(&self, lane: Lane) -> (u64, Option<u64>) {
        let groups: Vec<HashMap<String, Value>> =
            self.raw(&["XINFO", "GROUPS", self.key(lane)]).await;
        let field = |name: &str| groups[0].get(name).cloned().unwrap();
        (
            redis::from_redis_value(field("pending")).unwrap(),
            redis::from_redis_value(field("lag")).unwrap(),
        )
    }

    /// Waits until some client sits in a blocking command.
    pub async fn until_blocked(&self) {
        testkit::wait::until("a client is blocked", PATIENCE, async || {
            let info: String = self.raw(&["INFO", "clients"]).await;
            info.contains("blocked_clients:1")
        })
        .await
        .unwrap();
    }

    pub fn counted(&self, metric: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == metric);
        family.map_or(0.0, |family| {
            family
                .get_metric()
                .iter()
                .map(|metric| metric.get_counter().get_value())
                .sum()
        })
    }
}

pub fn generation(number: u128) -> GenerationId {
    GenerationId(Uuid::from_u128(number))
}

pub fn job(lane: Lane, number: u128) -> Dispatch {
    Dispatch {
        lane,
        id: generation(number),
        trace: None,
    }
}

pub fn jobs(lane: Lane, numbers: std::ops::Range<u128>) -> Vec<Dispatch> {
    numbers.map(|number| job(lane, number)).collect()
}

pub fn ids(deliveries: &[Delivery]) -> Vec<GenerationId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

/// Reads until something comes.
pub async fn first(consumer: &mut Consumer, max: usize) -> Vec<Delivery> {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let batch = consumer.next(max).await;
            if !batch.is_empty() {
                return batch;
            }
        }
    })
    .await
    .expect("nothing was delivered")
}
