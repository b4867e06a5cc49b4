//! Queues that Bull 4 and BullMQ 5 themselves have filled, moved in by the real command.
//!
//! The order to expect is not ours to say: a second queue with the same jobs is drained by the library
//! itself, and that order is compared with the order of the ids that the jobs got here.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use queue::bull::{BullQueue, Place};
use queue::{Queue, QueueArgs};
use serde_json::{Value, json};
use testkit::foreign::node_env;
use testkit::{PrivateRedis, RedisOptions, TestDatabase};
use tokio_postgres::{Client, NoTls};

use crate::processes::{command, root};

struct World {
    redis: PrivateRedis,
    database: TestDatabase,
    sql: Client,
    library: &'static str,
}

impl World {
    /// A platform with one brand, one product and `count` waiting generations, `g0` and on.
    async fn new(library: &'static str, count: usize) -> Self {
        let redis = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
        let database = TestDatabase::empty().await.unwrap();
        let migrated = command()
            .args(["migrate", "up", "--database-url", database.url()])
            .output()
            .unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let (sql, connection) = tokio_postgres::connect(database.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        sql.batch_execute(&format!(
            r#"INSERT INTO "Brand" (id, name, slug, "subscriptionPlan", "monthlyGenerations", "updatedAt")
                 VALUES ('b', 'B', 'b', 'STARTER', {count}, now());
               INSERT INTO "Product" (id, "brandId", name, slug, price, status, "updatedAt")
                 VALUES ('p', 'b', 'Ring', 'ring', 1, 'ACTIVE', now());
               INSERT INTO "CustomizationZone" (id, "productId", name, type, "positionX", "positionY", width,
                   height, "updatedAt")
                 VALUES ('z', 'p', 'Name', 'TEXT', 0, 0, 10, 10, now());
               INSERT INTO "Generation" (id, "brandId", "productId", "publicId", customizations, "finalPrompt",
                   "aiProvider", model, quality)
                 SELECT 'g' || n, 'b', 'p', 'pub' || n, '{{"z": {{"text": "Zoé", "effect": "engrave"}}}}', '',
                   'openai', 'dall-e-3', 'standard'
                 FROM generate_series(0, {count} - 1) n"#
        ))
        .await
        .unwrap();
        Self {
            redis,
            database,
            sql,
            library,
        }
    }

    /// Runs the queue's own library.
    fn library(&self, queue: &str, order: &str, input: &Value) -> Value {
        let node = node_env("bull").unwrap();
        let script = root().join("crates/cli/tests/bull/queue.cjs");
        let mut running = node
            .command(script)
            .args([self.library, &self.redis.url(), queue, order])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(input.to_string().as_bytes()).unwrap();
        drop(stdin);
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    fn import(&self, more: &[&str]) -> (Output, Value) {
        let output = command()
            .args(["import-bull", "--queue", "generation", "--json"])
            .args([
                "--redis-url",
                &self.redis.url(),
                "--database-url",
                self.database.url(),
            ])
            .args(more)
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output, report)
    }

    /// The former ids of the jobs here, in the order in which they are to run, those that wait for
    /// their time apart.
    async fn jobs(&self, waits: bool) -> Vec<String> {
        let rows = self
            .sql
            .query(
                "SELECT i.former_id FROM atelier.job j JOIN atelier.imported_job i ON i.job_id = j.id
                 WHERE (j.run_at > j.created_at) = $1 AND j.state = 'waiting' ORDER BY j.run_at, j.id",
                &[&waits],
            )
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn bull(&self) -> BullQueue {
        let args = QueueArgs::for_url(&self.redis.url());
        let redis = Queue::new(&args, &prometheus::Registry::new()).unwrap();
        BullQueue::new(redis, "bull", "generation")
    }
}

fn job(n: usize, opts: Value) -> Value {
    json!({"data": {"generationId": format!("g{n}"), "brandId": "b"}, "opts": opts})
}

/// Plain ones, priorities, one that pushes in front, and delays, mixed.
fn mixture() -> Value {
    json!([
        job(0, json!({})),
        job(1, json!({"priority": 4})),
        job(2, json!({"priority": 1})),
        job(3, json!({})),
        job(4, json!({"priority": 4})),
        job(5, json!({"lifo": true})),
        job(6, json!({"delay": 600_000})),
        job(7, json!({"priority": 2})),
        job(8, json!({"delay": 300_000, "attempts": 3})),
        job(9, json!({})),
    ])
}

fn ids(jobs: &Value) -> Vec<String> {
    let id = |job: &Value| job["generationId"].as_str().unwrap().to_owned();
    jobs.as_array().unwrap().iter().map(id).collect()
}

async fn moves_all_in_order_and_once(library: &'static str) {
    let world = World::new(library, 10).await;
    for queue in ["generation", "twin"] {
        world.library(queue, "produce", &mixture());
    }
    let expected = ids(&world.library("twin", "drain", &Value::Null));
    assert_eq!(expected.len(), 8, "the delayed ones are not due");

    let (_, dry) = world.import(&["--dry-run"]);
    assert_eq!(world.jobs(false).await.len(), 0);
    let (output, report) = world.import(&[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(dry["moved"], report["moved"]);
    assert_eq!(report["moved"]["delayed"], 2);
    assert_eq!(world.jobs(false).await, expected);
    assert_eq!(world.jobs(true).await, ["g8", "g6"]);
    delays_are_kept(&world).await;
    generations_keep_their_public_ids(&world).await;

    let (_, again) = world.import(&[]);
    assert!(
        again["moved"]
            .as_object()
            .unwrap()
            .values()
            .all(|moved| moved == 0),
        "{again}"
    );
    let counts = world.library("generation", "counts", &Value::Null);
    assert!(
        counts.as_object().unwrap().values().all(|count| count == 0),
        "{counts}"
    );
    let counter = world
        .sql
        .query_one(r#"SELECT "monthlyGenerations" FROM "Brand""#, &[])
        .await;
    assert_eq!(
        counter.unwrap().get::<_, i32>(0),
        10,
        "each unit was taken by the old platform"
    );
}

async fn delays_are_kept(world: &World) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let rows = world
        .sql
        .query(
            "SELECT extract(epoch FROM run_at)::bigint, lane FROM atelier.job
             WHERE run_at > created_at ORDER BY run_at",
            &[],
        )
        .await
        .unwrap();
    for (row, delay) in rows.iter().zip([300, 600]) {
        let due = u64::try_from(row.get::<_, i64>(0)).unwrap();
        assert!(
            (now + delay - 120..=now + delay).contains(&due),
            "due in {} s",
            due - now
        );
        assert_eq!(
            row.get::<_, &str>(1),
            "retry",
            "the lane whose times are looked at"
        );
    }
}

async fn generations_keep_their_public_ids(world: &World) {
    let found: i64 = world
        .sql
        .query_one(
            r#"SELECT count(*) FROM "Generation" g JOIN atelier.job j ON j.id = atelier.job_id(g.id)
               JOIN atelier.imported_job i ON i.job_id = j.id AND i.former_id = 'g' || substr(g."publicId", 4)
               WHERE g.customizations -> 'z' ->> 'text' = 'Zoé' AND g.customizations -> 'z' ->> 'type' = 'TEXT'"#,
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(found, 10);
}

async fn leaves_alone_what_is_not_for_it(library: &'static str) {
    let world = World::new(library, 4).await;
    let jobs = json!([
        job(0, json!({})),
        job(1, json!({})),
        {"data": {"mail": "x"}, "opts": {}, "name": "mail"},
        {"data": {"generationId": "nobody"}, "opts": {}},
        job(2, json!({})),
        job(3, json!({})),
    ]);
    world.library("generation", "produce", &jobs);
    let held = world.library("generation", "hold", &Value::Null);
    assert_eq!(held["generationId"], "g0");
    let ended = r#"UPDATE "Generation" SET status = 'COMPLETED' WHERE id = 'g1'"#;
    world.sql.batch_execute(ended).await.unwrap();
    let faulty = r#"UPDATE "Generation" SET customizations = '{"z": {"text": 7}}' WHERE id = 'g2'"#;
    world.sql.batch_execute(faulty).await.unwrap();
    world.library("generation", "pause", &Value::Null);

    let (output, report) = world.import(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(world.jobs(false).await, ["g3"]);
    assert_eq!(report["ended"], 1, "{report}");
    assert_eq!(report["found"]["active"], 1, "{report}");
    let reasons = report["refused"].to_string();
    for reason in [
        "generationId",
        "no such generation",
        "/customizations/z/text",
    ] {
        assert!(reasons.contains(reason), "{reasons}");
    }
    let counts = world.library("generation", "counts", &Value::Null);
    assert_eq!(counts["active"], 1, "{counts}");
    let paused = counts["paused"].as_i64().unwrap_or(0) + counts["waiting"].as_i64().unwrap_or(0);
    assert_eq!(paused, 3, "{counts}");
}

async fn a_run_that_died_is_gone_on_with(library: &'static str) {
    let world = World::new(library, 3).await;
    let jobs = json!([
        job(0, json!({})),
        job(1, json!({})),
        job(2, json!({"delay": 300_000}))
    ]);
    world.library("generation", "produce", &jobs);
    // Dead after taking two jobs and before committing anything.
    let bull = world.bull();
    let first = bull.standing(Place::Wait).await.unwrap().remove(0);
    let delayed = bull.standing(Place::Delayed).await.unwrap().remove(0);
    assert!(bull.take(&first).await.unwrap() && bull.take(&delayed).await.unwrap());
    assert!(!bull.take(&first).await.unwrap(), "nobody takes it twice");
    let (output, report) = world.import(&[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(report["found"]["held"], 2);
    assert_eq!(world.jobs(false).await, ["g0", "g1"]);
    assert_eq!(world.jobs(true).await, ["g2"]);
    assert_eq!(bull.held().await.unwrap(), []);

    // Dead after committing and before forgetting: the same job stands there again.
    world.library("generation", "produce", &json!([job(0, json!({}))]));
    let again = bull.standing(Place::Wait).await.unwrap().remove(0);
    let renamed = format!(
        "UPDATE atelier.imported_job SET source = 'bull:generation:{}' WHERE former_id = 'g0'",
        again.id
    );
    world.sql.batch_execute(&renamed).await.unwrap();
    let (_, report) = world.import(&[]);
    assert_eq!(report["known"], 1, "{report}");
    assert_eq!(world.jobs(false).await.len(), 2);
    assert_eq!(bull.standing(Place::Wait).await.unwrap(), []);
}

async fn a_job_that_cannot_be_committed_goes_back(library: &'static str) {
    let world = World::new(library, 3).await;
    let jobs = json!([
        job(0, json!({})),
        job(1, json!({"priority": 3})),
        job(2, json!({}))
    ]);
    for queue in ["generation", "twin"] {
        world.library(queue, "produce", &jobs);
    }
    let refuse = "ALTER TABLE atelier.job ADD CONSTRAINT none CHECK (false)";
    world.sql.batch_execute(refuse).await.unwrap();
    let (output, _) = world.import(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("back in its queue"), "{said}");
    assert_eq!(world.bull().held().await.unwrap(), []);
    let order = world.library("generation", "drain", &Value::Null);
    assert_eq!(order, world.library("twin", "drain", &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_bull_4_moves_in_whole_in_order_and_once() {
    moves_all_in_order_and_once("bull").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_bullmq_5_moves_in_whole_in_order_and_once() {
    moves_all_in_order_and_once("bullmq").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_active_foreign_or_faulty_stays_in_bull_4() {
    leaves_alone_what_is_not_for_it("bull").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_active_foreign_or_faulty_stays_in_bullmq_5() {
    leaves_alone_what_is_not_for_it("bullmq").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_import_from_bull_4_is_gone_on_with() {
    a_run_that_died_is_gone_on_with("bull").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_import_from_bullmq_5_is_gone_on_with() {
    a_run_that_died_is_gone_on_with("bullmq").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgresql_refuses_stands_in_bull_4_as_before() {
    a_job_that_cannot_be_committed_goes_back("bull").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgresql_refuses_stands_in_bullmq_5_as_before() {
    a_job_that_cannot_be_committed_goes_back("bullmq").await;
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let redis = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
    let output = command()
        .args([
            "import-bull",
            "--queue",
            "generations",
            "--redis-url",
            &redis.url(),
        ])
        .args(["--database-url", "postgres://nobody@127.0.0.1:1/none"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("bull:generations") && said.contains("--prefix"),
        "{said}"
    );
}
