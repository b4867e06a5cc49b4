//! A database, a Redis, a folder of pictures, a brand with a product, and workers to start on them.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use domain::{
    BrandId, Clock, Customizations, GenerationId, Lane, Plan, ProductSpec, PublicId, SessionId,
    UnknownOutcome,
};
use imaging::{Format, Picture, encode};
use providers::{Provider, Providers};
use queue::{Dispatch, Queue, QueueArgs};
use serde_json::{Value, json};
use service::{Context, ShutdownHandle, ShutdownReason};
use store::brands::{self, NewBrand};
use store::intake::{self, Accepted, Client, NewGeneration};
use store::objects::base_image_key;
use store::policies::{self, PolicyChange};
use store::{Database, DatabaseArgs, ObjectArgs, Objects, StoreError, StoreMetrics};
use testkit::{ManualClock, TestDatabase, servers, wait};
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use worker::WorkerArgs;

/// Far above what anything here takes; only a test that hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The base photograph's and the output's sides.
pub const SIDE: u32 = 96;

pub struct World {
    pub clock: ManualClock,
    pub db: Database,
    pub objects: Objects,
    pub queue: Queue,
    pub sql: tokio_postgres::Client,
    pub args: WorkerArgs,
    brand: BrandId,
    folder: tempfile::TempDir,
    database: TestDatabase,
}

/// A worker in this process.
pub struct Running {
    pub context: Context,
    pub session: SessionId,
}

impl World {
    pub async fn new() -> Self {
        let database = migrated().await;
        let folder = tempfile::tempdir().unwrap();
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let object_store = format!("file://{}", folder.path().display());
        let args = WorkerArgs::try_parse_from([
            "worker",
            "--database-url",
            database.url(),
            "--redis-url",
            servers::redis_url().await.unwrap(),
            "--redis-key-prefix",
            &prefix,
            "--object-store",
            &object_store,
            "--public-url",
            "https://pictures.example",
            "--imaging-threads",
            "2",
            "--database-acquire-ms",
            "20000",
        ])
        .unwrap();
        let queue = queue_of(&args.queue);
        queue.ensure_groups().await.unwrap();
        let world = Self {
            clock: ManualClock::default(),
            db: open(database.url()),
            objects: Objects::open(&ObjectArgs { object_store }).unwrap(),
            queue,
            sql: connect(database.url()).await,
            args,
            brand: "brand_1".into(),
            folder,
            database,
        };
        world.set_up().await;
        world
    }

    async fn set_up(&self) {
        let brand = NewBrand {
            id: self.brand.clone(),
            name: "Brand".to_owned(),
            slug: "brand".to_owned(),
            plan: Plan::Enterprise,
            max_monthly_generations: 10_000,
        };
        brands::ensure(&self.db, self.clock.now(), &brand)
            .await
            .unwrap();
        let pixels = [90, 120, 150].repeat((SIDE * SIDE) as usize);
        let base = Picture::from_rgb(SIDE, SIDE, pixels).unwrap();
        let key = base_image_key("0123", "png");
        let bytes = encode(&base, Format::Png).unwrap().into();
        self.objects.put(&key, "image/png", bytes).await.unwrap();
        self.product(product(), Some(&key)).await;
    }

    /// Applies a product; without a key it has no base photograph.
    pub async fn product(&self, spec: Value, key: Option<&str>) {
        let spec: ProductSpec = serde_json::from_value(spec).unwrap();
        let now = self.clock.now();
        let key = key.unwrap_or_default();
        store::catalog::apply(&self.db, now, &self.brand, &spec, key, "")
            .await
            .unwrap();
        self.execute(
            r#"UPDATE "Product" SET "baseImage" = NULLIF("baseImage", ''), "baseImageUrl" = NULL"#,
            &[],
        )
        .await;
    }

    /// A request nothing is wrong with; tests change what they are about.
    pub fn request(&self, provider: &str) -> NewGeneration {
        let now = self.clock.now();
        NewGeneration {
            id: GenerationId(Uuid::now_v7()),
            public_id: PublicId::from_random(Uuid::new_v4().into_bytes()),
            brand_id: self.brand.clone(),
            product_id: "prod_1".into(),
            key_id: "key_1".to_owned(),
            lane: Lane::Enterprise,
            priority: 0,
            weight: 1,
            start_by: Some(now + chrono::TimeDelta::hours(1)),
            deadline: None,
            customizations: json!({"zone_name": {"type": "TEXT", "text": "Zoë", "effect": "print"}}),
            user_prompt: None,
            session_id: None,
            ai_provider: provider.to_owned(),
            model: String::new(),
            quality: "standard".to_owned(),
            client: Client::default(),
            expires_at: None,
            trace_parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            dispatch_now: true,
            option: None,
            idempotency: None,
        }
    }

    /// What the brand wants where nobody can tell whether a call was paid.
    pub async fn when_unknown(&self, policy: UnknownOutcome) {
        let change = PolicyChange {
            unknown_outcome: Some(policy),
            ..PolicyChange::default()
        };
        self.decides(&change).await;
    }

    /// What the brand decides.
    pub async fn decides(&self, change: &PolicyChange) {
        policies::change(&self.db, self.clock.now(), &self.brand, change)
            .await
            .unwrap();
    }

    /// What the record of a job's generation says.
    pub async fn record(&self, id: GenerationId) -> Value {
        let sql = r#"SELECT COALESCE("aiResponse", 'null') FROM "Generation" WHERE id = $1"#;
        let row = self.sql.query_one(sql, &[&id.as_text()]).await.unwrap();
        row.get(0)
    }

    /// The code that a generation failed with.
    pub async fn failure(&self, id: GenerationId) -> Option<String> {
        let sql = r#"SELECT "errorCode" FROM "Generation" WHERE id = $1"#;
        self.text(sql, &[&id.as_text()]).await
    }

    /// Accepts a request without sending it anywhere.
    pub async fn accept(&self, request: &NewGeneration) -> GenerationId {
        let batch = std::slice::from_ref(request);
        let mut decisions = intake::accept(&self.db, self.clock.now(), batch).await;
        assert_eq!(decisions.remove(0).unwrap(), Ok(Accepted::Created));
        request.id
    }

    /// Accepts a request and puts it before the workers.
    pub async fn submit(&self, request: &NewGeneration) -> GenerationId {
        let id = self.accept(request).await;
        self.dispatch(&[id]).await;
        id
    }

    /// What the dispatcher does with rows that are due.
    pub async fn dispatch(&self, ids: &[GenerationId]) {
        let entry = |id: &GenerationId| Dispatch {
            lane: Lane::Enterprise,
            id: *id,
            trace: None,
        };
        let entries: Vec<Dispatch> = ids.iter().map(entry).collect();
        self.queue.add(&entries).await.unwrap();
    }

    /// Starts a worker whose providers are these.
    pub async fn worker(&self, providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Running {
        self.worker_with(self.args.clone(), providers).await
    }

    pub async fn worker_with(
        &self,
        args: WorkerArgs,
        providers: impl IntoIterator<Item = Arc<dyn Provider>>,
    ) -> Running {
        self.worker_of(args, Providers::of(providers)).await
    }

    pub async fn worker_of(&self, args: WorkerArgs, providers: Providers) -> Running {
        let listen = "127.0.0.1:0".parse().unwrap();
        let context = Context::start(worker::ROLE, listen, ShutdownHandle::new())
            .await
            .unwrap();
        let context = context.with_clock(Arc::new(self.clock.clone()));
        let before: Vec<Uuid> = self.sessions().await;
        worker::start_with(context.clone(), args, providers)
            .await
            .unwrap();
        let new = self
            .sessions()
            .await
            .into_iter()
            .find(|id| !before.contains(id));
        Running {
            context,
            session: SessionId(new.unwrap()),
        }
    }

    async fn sessions(&self) -> Vec<Uuid> {
        let rows = self
            .sql
            .query("SELECT id FROM atelier.worker_session", &[])
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) {
        self.sql.execute(sql, params).await.unwrap();
    }

    /// One number.
    pub async fn number(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> i64 {
        self.sql.query_one(sql, params).await.unwrap().get(0)
    }

    /// One text, `None` where it is NULL.
    pub async fn text(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Option<String> {
        self.sql.query_one(sql, params).await.unwrap().get(0)
    }

    pub async fn state(&self, id: GenerationId) -> String {
        self.text("SELECT state FROM atelier.job WHERE id = $1", &[&id.0])
            .await
            .unwrap()
    }

    pub async fn until_state(&self, id: GenerationId, state: &str) {
        let what = format!("{id} is {state}");
        let reached = wait::until(&what, PATIENCE, async || self.state(id).await == state).await;
        if reached.is_err() {
            panic!(
                "{what}: it is {} ({:?})",
                self.state(id).await,
                self.reason(id).await
            );
        }
    }

    /// Waits until no job is waiting or running.
    pub async fn until_ended(&self) {
        wait::until("every job has ended", PATIENCE, async || {
            self.open_jobs().await == 0
        })
        .await
        .unwrap();
    }

    pub async fn reason(&self, id: GenerationId) -> Option<String> {
        self.text("SELECT reason FROM atelier.job WHERE id = $1", &[&id.0])
            .await
    }

    /// Jobs that have not ended.
    pub async fn open_jobs(&self) -> i64 {
        self.number(
            "SELECT count(*) FROM atelier.job WHERE ended_at IS NULL",
            &[],
        )
        .await
    }

    /// Every row of every table, as text.
    pub async fn database_bytes(&self) -> Vec<u8> {
        let tables = self
            .sql
            .query(
                "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
                 WHERE schemaname IN ('public', 'atelier')",
                &[],
            )
            .await
            .unwrap();
        let mut all = Vec::new();
        for table in tables {
            let table: String = table.get(0);
            let sql = format!("SELECT t::text FROM {table} t");
            for row in self.sql.query(&sql, &[]).await.unwrap() {
                all.extend(row.get::<_, String>(0).into_bytes());
            }
        }
        assert!(all.len() > 1_000, "something was read");
        all
    }

    /// Every value that Redis holds under this world's names, as the server would hand it to a copy.
    pub async fn redis_bytes(&self) -> Vec<u8> {
        self.queue.dump().await.unwrap()
    }

    /// The database's address, past any proxy.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The folder of pictures.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Units of quota taken and not returned.
    pub async fn quota_used(&self) -> i64 {
        self.number(r#"SELECT "monthlyGenerations"::bigint FROM "Brand""#, &[])
            .await
    }

    /// (state, cost) of a job's attempts, the oldest first.
    pub async fn attempts(&self, id: GenerationId) -> Vec<(String, i64)> {
        let sql = "SELECT state, cost_micros FROM atelier.attempt WHERE job_id = $1
            ORDER BY opened_at, id";
        let rows = self.sql.query(sql, &[&id.0]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// What the store's customisations of a request look like, by way of the intake's own parser.
    pub async fn customizations(&self, value: Value) -> Value {
        let entries = store::products::load(&self.db, &["prod_1".into()])
            .await
            .unwrap();
        Customizations::parse(&entries[0].product, &value)
            .unwrap()
            .to_json()
    }
}

impl Running {
    /// Drains and waits for the end.
    pub async fn stop(self) {
        self.context
            .shutdown()
            .drain(ShutdownReason::Requested("test"));
        self.context.tasks().join_all().await.unwrap();
    }

    /// The value of a metric, labels as in the exposition; 0 when it was never touched.
    pub fn metric(&self, line: &str) -> f64 {
        let text = self.context.metrics().render().unwrap();
        let found = text
            .lines()
            .find_map(|known| known.strip_prefix(line)?.strip_prefix(' '));
        found.map_or(0.0, |value| value.parse().unwrap())
    }
}

pub fn open(url: &str) -> Database {
    let args = DatabaseArgs {
        database_url: url.to_owned().into(),
        database_pool: 4,
        database_acquire_ms: 20_000,
    };
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    Database::open(&args, "worker tests", metrics).unwrap()
}

fn queue_of(args: &QueueArgs) -> Queue {
    Queue::new(args, &prometheus::Registry::new()).unwrap()
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
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

/// A small product with a picture and a name on it.
pub fn product() -> Value {
    json!({
        "id": "prod_1", "slug": "mug", "name": "Mug", "base_image": "base.jpg",
        "output_width": SIDE, "output_height": SIDE, "provider": "synthetic",
        "prompt": {"template": "A motif.{% if user_prompt %} {{ user_prompt }}{% endif %}"},
        "zone": [
            {"id": "zone_pattern", "name": "Motif", "type": "PATTERN",
             "x": 8, "y": 8, "width": 40, "height": 30, "render_style": "print"},
            {"id": "zone_name", "name": "Name", "type": "TEXT",
             "x": 8, "y": 60, "width": 80, "height": 24, "render_style": "print"},
            {"id": "zone_photo", "name": "Photo", "type": "IMAGE",
             "x": 56, "y": 8, "width": 30, "height": 30, "render_style": "print"},
        ],
    })
}
