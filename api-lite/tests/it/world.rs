//! A brand with a product and keys, and servers in this process that share one database.

use std::sync::Arc;
use std::time::Duration;

use api_lite::{Config, Running, SystemEntropy};
use chrono::{DateTime, Utc};
use clap::Parser;
use domain::{BrandId, Clock, KeyId, Plan, ProductSpec};
use prometheus::Registry;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use service::{Context, ShutdownHandle, ShutdownReason};
use store::api_keys::{KeyKind, NewKey};
use store::brands::NewBrand;
use store::{Database, DatabaseArgs, StoreMetrics};
use testkit::{ManualClock, TestDatabase, servers};
use uuid::Uuid;

/// Far above what anything here takes; only a test that hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const BRAND: &str = "brand_a";
pub const SECRET: &str = "sk_test_0123456789abcdefghijklmnopqrstuvwxyz";
pub const PUBLISHABLE: &str = "pk_test_0123456789abcdefghijklmnopqrstuvwxyz";
pub const LEGACY: &str = "legacy-key-of-the-older-platform";
pub const OTHER_SECRET: &str = "sk_test_of_brand_b_6789abcdefghijklmnopqrstu";
pub const ORIGIN: &str = "https://shop.example";
pub const JWT_SECRET: &str = "a secret of the dashboard, thirty-two bytes and more";

/// What a test wants to be different.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Instead of the shared Redis.
    pub redis_url: Option<String>,
    /// Between the servers and PostgreSQL; the test's own connection goes straight.
    pub database_url: Option<String>,
    /// The brand's generations a month.
    pub quota: Option<i32>,
    /// The brand's plan.
    pub plan: Option<Plan>,
    /// Further flags of the servers.
    pub flags: Vec<&'static str>,
}

pub struct World {
    pub clock: ManualClock,
    pub store: Database,
    pub sql: tokio_postgres::Client,
    pub redis_url: String,
    pub key_prefix: String,
    pub objects: tempfile::TempDir,
    pub client: Client,
    server: Server,
    options: Options,
    database: TestDatabase,
}

/// One server and the process context it runs in.
pub struct Server {
    pub running: Running,
    pub context: Context,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let database = database().await;
        Self::on(database, options).await
    }

    /// On a database of the test's own, which it made to put something in front of it.
    pub async fn on(database: TestDatabase, options: Options) -> Self {
        let clock = ManualClock::default();
        let store = open(database.url());
        let redis_url = match &options.redis_url {
            Some(url) => url.clone(),
            None => servers::redis_url().await.unwrap().to_owned(),
        };
        let objects = tempfile::tempdir().unwrap();
        let key_prefix = format!("test-{}", Uuid::new_v4().simple());
        seed(&store, clock.now(), &options).await;
        let database_url = options.database_url.clone();
        let database_url = database_url.unwrap_or_else(|| database.url().to_owned());
        let config = config(&database_url, &redis_url, &key_prefix, &objects, &options);
        let server = serve(&config, &clock).await;
        let (sql, connection) = tokio_postgres::connect(database.url(), tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            clock,
            store,
            sql,
            redis_url,
            key_prefix,
            objects,
            client,
            server,
            options,
            database,
        }
    }

    /// A second server on the same database, Redis and clock.
    pub async fn another_server(&self) -> Server {
        let url = self.database.url();
        let config = config(
            url,
            &self.redis_url,
            &self.key_prefix,
            &self.objects,
            &self.options,
        );
        serve(&config, &self.clock).await
    }

    pub fn context(&self) -> &Context {
        &self.server.context
    }

    /// The test's database, without anything in between.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.server.running.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.running.address)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request of the brand's secret key.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(SECRET)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path)
            .bearer_auth(SECRET)
            .json(body)
    }

    /// Creates a generation and returns its document.
    pub async fn create(&self) -> Value {
        let response = self.post("/v1/generations", &order()).send().await.unwrap();
        assert_eq!(response.status(), 202);
        response.json().await.unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.sql.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// The brand's used generations.
    pub async fn used(&self) -> i32 {
        let sql = r#"SELECT "monthlyGenerations" FROM "Brand" WHERE id = $1"#;
        self.sql.query_one(sql, &[&BRAND]).await.unwrap().get(0)
    }

    /// Everything that a refused request must leave as it was.
    pub async fn footprint(&self) -> (i64, i64, i64, i32) {
        (
            self.count(r#""Generation""#).await,
            self.count("atelier.job").await,
            self.count("atelier.idempotency_key").await,
            self.used().await,
        )
    }

    /// Ends a generation as the workers would: pictures stored, job done.
    pub async fn finish(&self, public_id: &str) {
        let picture = b"not really a picture, but bytes all the same";
        let folder = self.objects.path().join("out").join(public_id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("full.png"), picture).unwrap();
        let key = format!("out/{public_id}/full.png");
        let hash = <sha2::Sha256 as sha2::Digest>::digest(picture).to_vec();
        let now = self.clock.now().to_rfc3339();
        let bytes = i64::try_from(picture.len()).unwrap();
        self.sql
            .execute(
                r#"WITH done AS (
                     UPDATE "Generation" SET status = 'COMPLETED', "processingTime" = 1500,
                        cost = 0.04, "completedAt" = $3::text::timestamptz AT TIME ZONE 'UTC',
                        "aiResponse" = '{"text": ["Ada"]}'
                     WHERE "publicId" = $1 RETURNING atelier.job_id(id) AS id),
                   job AS (
                     UPDATE atelier.job SET state = 'done', quota = 'committed', ended_at = $3::text::timestamptz,
                        session_id = NULL
                     WHERE id = (SELECT id FROM done) RETURNING id)
                   INSERT INTO atelier.asset (job_id, variant, object_key, content_type, width_px,
                        height_px, size_bytes, sha256)
                   SELECT id, 'full', $2, 'image/png', 64, 64, $4, $5 FROM done"#,
                &[&public_id, &key, &now, &bytes, &hash],
            )
            .await
            .unwrap();
    }

    /// Lets a worker have the job.
    pub async fn run(&self, public_id: &str) {
        let session = Uuid::new_v4().to_string();
        self.sql
            .execute(
                "INSERT INTO atelier.worker_session (id, host, pid, slots, started_at, expires_at)
                 VALUES ($1::text::uuid, 'test', 1, 1, now(), now() + interval '1 hour')",
                &[&session],
            )
            .await
            .unwrap();
        let claim = r#"
            UPDATE atelier.job SET state = 'running', session_id = $2::text::uuid, fence = fence + 1
            WHERE id = (SELECT atelier.job_id(id) FROM "Generation" WHERE "publicId" = $1)"#;
        let moved = self.sql.execute(claim, &[&public_id, &session]).await;
        assert_eq!(moved.unwrap(), 1);
    }

    /// Drains the server as SIGTERM would, and waits for its last task.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Server {
    pub async fn stop(self) {
        let drain = ShutdownReason::Requested("the test is over");
        self.context.shutdown().drain(drain);
        let joined = tokio::time::timeout(PATIENCE, self.context.tasks().join_all()).await;
        joined.expect("the server drains").unwrap();
        assert_eq!(self.context.shutdown().failure(), None);
    }
}

/// A good request.
pub fn order() -> Value {
    json!({ "product_id": "mug", "customizations": { "zone_name": { "text": "Ada" } } })
}

/// The body of a problem document with the given status and code.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    let found = response.status().as_u16();
    let kind = response.headers().get("content-type").cloned();
    let id = response.headers().get("x-request-id").cloned();
    let body = response.text().await.unwrap();
    assert_eq!(found, status, "{body}");
    assert_eq!(kind.unwrap(), "application/problem+json", "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(body["request_id"], id.unwrap().to_str().unwrap());
    body
}

pub async fn database() -> TestDatabase {
    let fingerprint: String = store::migrate::MIGRATOR
        .iter()
        .map(|migration| format!("{:?}", migration.checksum))
        .collect();
    let migrate = async |url: String| store::migrate::up(&open(&url)).await.map(drop);
    TestDatabase::create(&fingerprint, migrate).await.unwrap()
}

fn open(url: &str) -> Database {
    let args = DatabaseArgs {
        database_url: url.to_owned().into(),
        database_pool: 4,
        database_acquire_ms: 10_000,
    };
    let metrics = StoreMetrics::register(&Registry::new()).unwrap();
    Database::open(&args, "test", metrics).unwrap()
}

fn config(
    database_url: &str,
    redis_url: &str,
    key_prefix: &str,
    objects: &tempfile::TempDir,
    options: &Options,
) -> Config {
    let objects = format!("file://{}", objects.path().display());
    let fixed = [
        "api-lite",
        "--listen=127.0.0.1:0",
        "--dashboard-jwt-secret",
        JWT_SECRET,
        "--database-url",
        database_url,
        "--redis-url",
        redis_url,
        "--redis-key-prefix",
        key_prefix,
        "--redis-command-timeout-ms=1000",
        "--object-store",
        &objects,
    ];
    Config::parse_from(fixed.into_iter().chain(options.flags.iter().copied()))
}

async fn serve(config: &Config, clock: &ManualClock) -> Server {
    let admin = "127.0.0.1:0".parse().unwrap();
    let context = Context::start(api_lite::ROLE, admin, ShutdownHandle::new()).await;
    let context = context.unwrap().with_clock(Arc::new(clock.clone()));
    let running = api_lite::start_with(&context, config, Arc::new(SystemEntropy)).await;
    Server {
        running: running.unwrap(),
        context,
    }
}

async fn seed(store: &Database, now: DateTime<Utc>, options: &Options) {
    for (id, slug) in [(BRAND, "a"), ("brand_b", "b")] {
        let brand = NewBrand {
            id: BrandId::from(id),
            name: id.to_owned(),
            slug: slug.to_owned(),
            plan: options.plan.unwrap_or(Plan::Enterprise),
            max_monthly_generations: options.quota.unwrap_or(10_000),
        };
        store::brands::ensure(store, now, &brand).await.unwrap();
    }
    let keys = [
        (BRAND, KeyKind::Secret, SECRET),
        (BRAND, KeyKind::Publishable, PUBLISHABLE),
        ("brand_b", KeyKind::Secret, OTHER_SECRET),
    ];
    for (brand, kind, key) in keys {
        create_key(store, now, brand, kind, key).await;
    }
    store::api_keys::create_legacy(store, now, "key_legacy", &BRAND.into(), LEGACY)
        .await
        .unwrap();
    for (brand, id, slug) in [(BRAND, "prod_mug", "mug"), ("brand_b", "prod_b", "mug")] {
        let spec = product(id, slug);
        store::catalog::apply(
            store,
            now,
            &brand.into(),
            &spec,
            "base/x.png",
            "http://x/x.png",
        )
        .await
        .unwrap();
    }
}

pub async fn create_key(
    store: &Database,
    now: DateTime<Utc>,
    brand: &str,
    kind: KeyKind,
    key: &str,
) -> KeyId {
    let id = KeyId(Uuid::new_v4());
    let key = NewKey {
        id,
        brand_id: BrandId::from(brand),
        kind,
        name: "test".to_owned(),
        key: key.to_owned(),
        origins: vec![ORIGIN.to_owned(), "https://*.brand.example".to_owned()],
    };
    store::api_keys::create(store, now, &key).await.unwrap();
    id
}

/// A product with a zone of every type; only the name is required.
fn product(id: &str, slug: &str) -> ProductSpec {
    let zone = |name: &str, kind: &str| {
        json!({
            "id": format!("zone_{name}"), "name": name, "type": kind,
            "x": 10, "y": 10, "width": 100, "height": 50,
        })
    };
    let mut zones = [
        zone("name", "TEXT"),
        zone("photo", "IMAGE"),
        zone("paint", "COLOR"),
        zone("pattern", "PATTERN"),
        zone("font", "FONT"),
        zone("size", "SIZE"),
        zone("place", "POSITION"),
    ];
    zones[0]["required"] = true.into();
    zones[0]["max_length"] = 12.into();
    zones[0]["allowed_chars"] = "A-Za-z ".into();
    zones[2]["allowed_colors"] = json!(["#ff0000", "#00ff00"]);
    zones[4]["allowed_fonts"] = json!(["Inter"]);
    zones[5]["min_size"] = 10.into();
    zones[5]["max_size"] = 20.into();
    // Ids of zones are unique over all products.
    for zone in &mut zones {
        if id != "prod_mug" {
            let name = format!("{}_{id}", zone["id"].as_str().unwrap());
            zone["id"] = name.into();
        }
    }
    serde_json::from_value(json!({
        "id": id, "slug": slug, "name": "Mug", "base_image": "x.png",
        "provider": "synthetic", "model": "synthetic-1", "zone": zones,
    }))
    .unwrap()
}
