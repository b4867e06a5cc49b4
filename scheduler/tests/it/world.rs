//! A database, a Redis, a clock driven by hand, and a second pair of eyes on the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Clock, GenerationId, Lane, Plan, PublicId, SessionId};
use prometheus::Registry;
use queue::{ConsumerOptions, Delivery, Queue, QueueArgs};
use scheduler::{Dispatch, Duty, Frame, Nudges, Progress, SchedulerMetrics, StatusBoard};
use serde_json::json;
use service::Metrics;
use store::intake::{Accepted, Client, NewGeneration};
use store::sessions::NewSession;
use store::{Database, DatabaseArgs, StoreError, StoreMetrics};
use testkit::{ManualClock, PrivateRedis, RedisOptions, TestDatabase};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// Far above what anything here takes; only a test that hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub db: Database,
    pub queue: Queue,
    pub redis: PrivateRedis,
    pub clock: ManualClock,
    pub metrics: Metrics,
    pub counted: SchedulerMetrics,
    pub sql: tokio_postgres::Client,
    pub database_url: String,
    _database: Option<TestDatabase>,
}

pub fn open(url: &str) -> Database {
    let args = DatabaseArgs {
        database_url: url.into(),
        database_pool: 8,
        database_acquire_ms: 3_000,
    };
    let metrics = StoreMetrics::register(&Registry::new()).unwrap();
    Database::open(&args, "scheduler tests", metrics).unwrap()
}

async fn migrate(url: String) -> Result<(), StoreError> {
    let db = open(&url);
    store::migrate::up(&db).await?;
    db.close().await;
    Ok(())
}

impl World {
    /// With one brand, `a`, on the shared PostgreSQL.
    pub async fn new() -> Self {
        let fingerprint: String = store::migrate::MIGRATOR
            .iter()
            .map(|migration| format!("{}{:02x?}", migration.version, migration.checksum))
            .collect();
        let database = TestDatabase::create(&fingerprint, migrate).await.unwrap();
        let url = database.url().to_owned();
        Self::on(url, Some(database)).await
    }

    /// The same in the database at `url`, for a test that ends its PostgreSQL.
    pub async fn on_private(url: String) -> Self {
        migrate(url.clone()).await.unwrap();
        Self::on(url, None).await
    }

    async fn on(url: String, database: Option<TestDatabase>) -> Self {
        let redis = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
        let (sql, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let metrics = Metrics::new();
        let world = Self {
            db: open(&url),
            queue: Queue::new(&QueueArgs::for_url(&redis.url()), &Registry::new()).unwrap(),
            redis,
            clock: ManualClock::new("2026-03-01T12:00:00Z".parse().unwrap()),
            counted: SchedulerMetrics::register(&metrics).unwrap(),
            metrics,
            sql,
            database_url: url,
            _database: database,
        };
        world.brand("a").await;
        world
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    pub fn dispatch(&self) -> Dispatch {
        let (db, queue) = (self.db.clone(), self.queue.clone());
        Dispatch::new(db, queue, self.shared_clock(), self.counted.clone())
    }

    /// The frame of one process.
    pub fn frame(&self) -> Frame {
        Frame {
            db: self.db.clone(),
            clock: self.shared_clock(),
            holder: Uuid::new_v4(),
            nudges: Nudges::default(),
            status: StatusBoard::default(),
            metrics: self.counted.clone(),
        }
    }

    /// A brand of the free plan with a product.
    pub async fn brand(&self, id: &str) {
        let brand = store::brands::NewBrand {
            id: id.into(),
            name: id.to_owned(),
            slug: format!("slug-{id}"),
            plan: Plan::Enterprise,
            max_monthly_generations: 1_000_000,
        };
        store::brands::ensure(&self.db, self.now(), &brand)
            .await
            .unwrap();
        let product = r#"INSERT INTO "Product" (id, "brandId", slug, name, price, status, "updatedAt")
            VALUES ($1 || '_product', $1, 'ring', 'Ring', 0, 'ACTIVE', now())"#;
        self.sql.execute(product, &[&id]).await.unwrap();
    }

    /// A request that joins the backlog.
    pub fn request(&self, brand: &str, lane: Lane) -> NewGeneration {
        NewGeneration {
            id: GenerationId(Uuid::now_v7()),
            public_id: PublicId::from_random(*Uuid::new_v4().as_bytes()),
            brand_id: brand.into(),
            product_id: format!("{brand}_product").into(),
            key_id: "key_1".to_owned(),
            lane,
            priority: 0,
            weight: 1,
            start_by: None,
            deadline: None,
            customizations: json!({}),
            user_prompt: None,
            session_id: None,
            ai_provider: "synthetic".to_owned(),
            model: "marble".to_owned(),
            quality: "standard".to_owned(),
            client: Client::default(),
            expires_at: None,
            trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            dispatch_now: false,
            option: None,
            idempotency: None,
        }
    }

    pub async fn accept(&self, requests: &[NewGeneration]) -> Vec<GenerationId> {
        for batch in requests.chunks(500) {
            for decision in store::intake::accept(&self.db, self.now(), batch).await {
                assert_eq!(decision.unwrap(), Ok(Accepted::Created));
            }
        }
        requests.iter().map(|request| request.id).collect()
    }

    /// Jobs of a brand that wait in the backlog.
    pub async fn waiting(&self, brand: &str, lane: Lane, count: usize) -> Vec<GenerationId> {
        let requests: Vec<_> = (0..count).map(|_| self.request(brand, lane)).collect();
        self.accept(&requests).await
    }

    /// Opens a worker session of so many slots.
    pub async fn worker(&self, slots: u32) -> SessionId {
        let session = NewSession {
            id: SessionId(Uuid::now_v7()),
            host: "host".to_owned(),
            pid: 7,
            slots,
        };
        store::sessions::start(&self.db, self.now(), &session)
            .await
            .unwrap();
        session.id
    }

    /// Lets the lease of a session run out by the database's clock, as if its worker had died.
    pub async fn kill(&self, session: SessionId) {
        let silent = format!(
            "UPDATE atelier.worker_session SET expires_at = now() - interval '1 s' WHERE id = '{}'",
            session.0
        );
        assert_eq!(self.sql.execute(&silent, &[]).await.unwrap(), 1);
    }

    /// Changes a job's row behind the store's back.
    pub async fn set(&self, job: GenerationId, assignment: &str) {
        let change = format!("UPDATE atelier.job SET {assignment} WHERE id = '{}'", job.0);
        assert_eq!(self.sql.execute(&change, &[]).await.unwrap(), 1);
    }

    pub async fn claim(&self, session: SessionId, ids: &[GenerationId]) -> usize {
        store::claims::claim(&self.db, self.now(), session, ids)
            .await
            .unwrap()
            .len()
    }

    /// Runs a duty until it says that there is no more.
    pub async fn run(&self, duty: &mut impl Duty) -> Progress {
        loop {
            let progress = Box::pin(duty.run()).await.unwrap();
            if !progress.more {
                return progress;
            }
        }
    }

    pub async fn length(&self, lane: Lane) -> u64 {
        self.queue.lengths().await.unwrap()[&lane]
    }

    pub async fn lengths(&self) -> u64 {
        self.queue.lengths().await.unwrap().values().sum()
    }

    /// Reads every entry that is in the streams, as a worker would, and leaves them unsettled. None
    /// may have been read before.
    pub async fn read(&self) -> Vec<Delivery> {
        let expected = self.lengths().await;
        self.read_next(usize::try_from(expected).unwrap()).await
    }

    /// Reads so many entries that nobody has read yet.
    pub async fn read_next(&self, expected: usize) -> Vec<Delivery> {
        let session = SessionId(Uuid::now_v7());
        let mut consumer = self.queue.consumer(&ConsumerOptions::new(session));
        let mut found = Vec::new();
        let reading = async {
            while found.len() < expected {
                found.extend(consumer.next(expected - found.len()).await);
            }
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("entries were not delivered");
        found
    }

    /// Takes every entry out of the streams without claiming its job: lost entries.
    pub async fn lose(&self) -> Vec<Delivery> {
        let found = self.read().await;
        let entries: Vec<_> = found
            .iter()
            .map(|delivery| (delivery.lane, delivery.entry_id.clone()))
            .collect();
        self.queue.settle_entries(&entries).await.unwrap();
        found
    }

    pub async fn number(&self, query: &str) -> i64 {
        self.sql.query_one(query, &[]).await.unwrap().get(0)
    }

    /// One text column of a job's row.
    pub async fn job(&self, id: GenerationId, column: &str) -> String {
        let query = format!(
            "SELECT COALESCE({column}::text, '') FROM atelier.job WHERE id = '{}'",
            id.0
        );
        self.sql.query_one(&query, &[]).await.unwrap().get(0)
    }

    /// Sends Redis a command that the queue has no use for.
    pub async fn redis_command(&self, command: &str) {
        let stream = TcpStream::connect(("127.0.0.1", self.redis.port()))
            .await
            .unwrap();
        let mut stream = BufReader::new(stream);
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_line(&mut answer).await.unwrap();
        assert_eq!(answer.trim_end(), "+OK");
    }
}

pub fn ids(deliveries: &[Delivery]) -> BTreeSet<GenerationId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

pub fn set(jobs: &[GenerationId]) -> BTreeSet<GenerationId> {
    jobs.iter().copied().collect()
}
