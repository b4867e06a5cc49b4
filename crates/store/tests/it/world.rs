//! A migrated database with brands and products, and short ways to bring a job into any state.

use chrono::{DateTime, Utc};
use domain::{AttemptId, Clock, Fence, GenerationId, JobState, Lane, Plan, PublicId, SessionId};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use store::claims::Claimed;
use store::intake::{Accepted, Client, Decision, IdempotencyKey, NewGeneration};
use store::ledger::{AttemptEvent, AttemptUpdate, NewAttempt, Opened};
use store::sessions::NewSession;
use store::settle::{Settled, Settlement};
use store::{Database, DatabaseArgs, Lease, StoreError, StoreMetrics};
use testkit::{ManualClock, TestDatabase, wait};
use uuid::Uuid;

pub use crate::outcomes::{done, ended, fetched_event, held, retry};

/// Connections of the store's pool in a test.
const POOL: u32 = 8;

/// One test's world. The pools close before their database goes.
pub struct World {
    pub db: Database,
    /// For looking at rows, and for what the store has no function for.
    pub sql: PgPool,
    pub clock: ManualClock,
    pub args: DatabaseArgs,
    _database: TestDatabase,
}

/// A job's own row.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct JobView {
    pub state: String,
    pub lane: String,
    pub fence: i64,
    pub session_id: Option<Uuid>,
    pub run_at: DateTime<Utc>,
    pub dispatched_at: Option<DateTime<Utc>>,
    pub cancel_requested_at: Option<DateTime<Utc>>,
    pub tries: i16,
    pub crashes: i16,
    pub quota: String,
    pub reason: Option<String>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// The settings for a database at `url`.
pub fn args(url: &str) -> DatabaseArgs {
    DatabaseArgs {
        database_url: url.into(),
        database_pool: POOL,
        database_acquire_ms: 20_000,
    }
}

/// A store on `url`.
pub fn open(url: &str) -> Database {
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    Database::open(&args(url), "store tests", metrics).unwrap()
}

async fn migrated() -> TestDatabase {
    let fingerprint: String = store::migrate::MIGRATOR
        .iter()
        .map(|migration| format!("{}{:02x?}", migration.version, migration.checksum))
        .collect();
    TestDatabase::create(&fingerprint, async |url| {
        let db = open(&url);
        store::migrate::up(&db).await?;
        db.close().await;
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap()
}

impl World {
    /// A world with one brand, `a`, that has room for everything.
    pub async fn new() -> Self {
        let database = migrated().await;
        let sql = PgPoolOptions::new()
            .max_connections(4)
            .connect(database.url())
            .await
            .unwrap();
        let world = Self {
            db: open(database.url()),
            sql,
            clock: ManualClock::new("2026-03-01T12:00:00Z".parse().unwrap()),
            args: args(database.url()),
            _database: database,
        };
        world.brand("a", Plan::Enterprise, 100_000).await;
        world
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// Makes a brand with a product of its own, `<id>_product`.
    pub async fn brand(&self, id: &str, plan: Plan, limit: i32) {
        let brand = store::brands::NewBrand {
            id: id.into(),
            name: id.to_owned(),
            slug: format!("slug-{id}"),
            plan,
            max_monthly_generations: limit,
        };
        store::brands::ensure(&self.db, self.now(), &brand)
            .await
            .unwrap();
        sqlx::query(
            r#"INSERT INTO "Product" (id, "brandId", slug, name, price, status, "updatedAt")
               VALUES ($1 || '_product', $1, 'ring', 'Ring', 0, 'ACTIVE', now())"#,
        )
        .bind(id)
        .execute(&self.sql)
        .await
        .unwrap();
    }

    /// A request that nothing is wrong with.
    pub fn request(&self, brand: &str) -> NewGeneration {
        let id = Uuid::now_v7();
        NewGeneration {
            id: GenerationId(id),
            public_id: PublicId::from_random(*Uuid::new_v4().as_bytes()),
            brand_id: brand.into(),
            product_id: format!("{brand}_product").into(),
            key_id: "key_1".to_owned(),
            lane: Lane::Enterprise,
            priority: 0,
            weight: 1,
            start_by: None,
            deadline: None,
            customizations: json!({"engraving": "Zoë"}),
            user_prompt: None,
            session_id: None,
            ai_provider: "openai".to_owned(),
            model: "gpt-image-1".to_owned(),
            quality: "standard".to_owned(),
            client: Client::default(),
            expires_at: None,
            trace_parent: "00-1-2-01".to_owned(),
            dispatch_now: false,
            option: None,
            idempotency: None,
        }
    }

    /// A request under an idempotency key.
    pub fn keyed(&self, brand: &str, key: &str, meaning: u8) -> NewGeneration {
        NewGeneration {
            idempotency: Some(IdempotencyKey {
                scope: "key_1".to_owned(),
                key: key.to_owned(),
                fingerprint: [meaning; 32],
            }),
            ..self.request(brand)
        }
    }

    /// Accepts a batch that meets no error.
    pub async fn decide(&self, batch: &[NewGeneration]) -> Vec<Decision> {
        store::intake::accept(&self.db, self.now(), batch)
            .await
            .into_iter()
            .map(|result| result.expect("no request of this batch meets an error"))
            .collect()
    }

    /// Accepts requests that are all new and within the limit.
    pub async fn accept(&self, batch: &[NewGeneration]) -> Vec<GenerationId> {
        for decision in self.decide(batch).await {
            assert_eq!(decision, Ok(Accepted::Created));
        }
        batch.iter().map(|request| request.id).collect()
    }

    /// A waiting job of brand `a`.
    pub async fn waiting(&self) -> NewGeneration {
        let request = self.request("a");
        self.accept(std::slice::from_ref(&request)).await;
        request
    }

    /// Opens a worker session.
    pub async fn session(&self) -> SessionId {
        let session = NewSession {
            id: SessionId(Uuid::now_v7()),
            host: "host".to_owned(),
            pid: 7,
            slots: 4,
        };
        store::sessions::start(&self.db, self.now(), &session)
            .await
            .unwrap();
        session.id
    }

    /// Lets a session's lease run out, as if its worker had been silent.
    pub async fn kill(&self, session: SessionId) {
        sqlx::query(
            "UPDATE atelier.worker_session SET expires_at = now() - interval '1 s' WHERE id = $1",
        )
        .bind(session.0)
        .execute(&self.sql)
        .await
        .unwrap();
    }

    pub async fn claim(&self, session: SessionId, ids: &[GenerationId]) -> Vec<Claimed> {
        store::claims::claim(&self.db, self.now(), session, ids)
            .await
            .unwrap()
    }

    /// A running job of brand `a` under a new session.
    pub async fn running(&self) -> Claimed {
        let request = self.waiting().await;
        let session = self.session().await;
        self.claim(session, &[request.id]).await.remove(0)
    }

    /// Writes an intent for a claimed job.
    pub async fn attempt(&self, lease: Lease) -> AttemptId {
        let id = AttemptId(Uuid::now_v7());
        assert!(self.open(id, lease).await, "the attempt stands");
        id
    }

    /// Tries to write an intent.
    pub async fn open(&self, id: AttemptId, lease: Lease) -> bool {
        let attempt = NewAttempt {
            id,
            lease,
            provider: "openai".to_owned(),
            model: "gpt-image-1".to_owned(),
            brand_id: "a".into(),
            key_id: "none".to_owned(),
            reserve: domain::Micros(1),
            route: None,
        };
        let opened = store::ledger::open(&self.db, self.now(), &[attempt])
            .await
            .unwrap();
        opened[0] == Opened::Stands
    }

    /// Records what happened to an attempt.
    pub async fn record(&self, id: AttemptId, lease: Lease, event: AttemptEvent) -> bool {
        let update = AttemptUpdate { id, lease, event };
        let recorded = store::ledger::record(&self.db, self.now(), &[update])
            .await
            .unwrap();
        recorded.written[0]
    }

    /// A running job whose answer was paid for and stored.
    pub async fn fetched(&self) -> Claimed {
        let claimed = self.running().await;
        let attempt = self.attempt(claimed.lease).await;
        assert!(self.record(attempt, claimed.lease, fetched_event()).await);
        claimed
    }

    pub async fn settle(&self, batch: &[Settlement]) -> Vec<Settled> {
        store::settle::settle(&self.db, self.now(), batch)
            .await
            .unwrap()
    }

    pub async fn job(&self, id: GenerationId) -> JobView {
        sqlx::query_as("SELECT * FROM atelier.job WHERE id = $1")
            .bind(id.0)
            .fetch_one(&self.sql)
            .await
            .unwrap()
    }

    pub async fn state(&self, id: GenerationId) -> JobState {
        self.job(id).await.state.parse().unwrap()
    }

    /// `"Generation".status` of a job.
    pub async fn status(&self, id: GenerationId) -> String {
        sqlx::query_scalar(r#"SELECT status::text FROM "Generation" WHERE id = $1"#)
            .bind(id.as_text())
            .fetch_one(&self.sql)
            .await
            .unwrap()
    }

    /// What the brand's counter says.
    pub async fn used(&self, brand: &str) -> i32 {
        sqlx::query_scalar(r#"SELECT "monthlyGenerations" FROM "Brand" WHERE id = $1"#)
            .bind(brand)
            .fetch_one(&self.sql)
            .await
            .unwrap()
    }

    /// The one number that `query` gives.
    pub async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.sql)
            .await
            .unwrap()
    }

    /// Waits until `count` connections stand at a lock.
    pub async fn blocked(&self, count: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()";
        let patience = std::time::Duration::from_secs(10);
        wait::until("connections wait for a lock", patience, async || {
            self.number(waiting).await == count
        })
        .await
        .unwrap();
    }

    /// How many deadlocks the store met. Closes the store: PostgreSQL counts them for certain only when
    /// a connection ends.
    pub async fn deadlocks(&self) -> i64 {
        self.db.close().await;
        let open = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'store tests' AND datname = current_database()";
        let patience = std::time::Duration::from_secs(10);
        wait::until("the store's connections are gone", patience, async || {
            self.number(open).await == 0
        })
        .await
        .unwrap();
        self.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .await
    }

    /// Sends statements that give nothing back.
    pub async fn run(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&self.sql).await.unwrap();
    }

    /// The kinds of a job's events, sorted.
    pub async fn events(&self, id: GenerationId) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT kind FROM atelier.outbox WHERE dedupe_key LIKE '%:' || $1 ORDER BY kind",
        )
        .bind(id.as_text())
        .fetch_all(&self.sql)
        .await
        .unwrap()
    }

    /// Puts a job's row into `state` without any of the store's functions, with a living session
    /// where it needs one. Returns the lease that a running job has.
    pub async fn force(&self, id: GenerationId, state: JobState) -> Lease {
        let session = self.session().await;
        sqlx::query(
            "UPDATE atelier.job SET state = $2, fence = 1,
                 session_id = CASE WHEN $2 = 'running' THEN $3 END,
                 ended_at = CASE WHEN $4 THEN $5 END, claimed_at = $5
             WHERE id = $1",
        )
        .bind(id.0)
        .bind(state.as_str())
        .bind(session.0)
        .bind(state.is_ended())
        .bind(self.now())
        .execute(&self.sql)
        .await
        .unwrap();
        Lease {
            job: id,
            fence: Fence(1),
            session,
        }
    }
}
