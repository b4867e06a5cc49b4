//! The three programs, started by hand against one PostgreSQL and one Redis.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{GuardSpec, Guarded, Log, PrivateRedis, RedisOptions, TestDatabase, wait};
use tokio_postgres::{Client, NoTls};

use crate::processes::{PATIENCE, command, role, root};

/// Servers, seeded and ready for roles.
pub struct Cluster {
    pub database: TestDatabase,
    pub redis: PrivateRedis,
    pub folder: tempfile::TempDir,
    pub key: String,
    started: usize,
}

/// One running role.
pub struct Role {
    pub process: Guarded,
    pub ready: Value,
    pub log: PathBuf,
}

impl Role {
    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    pub fn admin_url(&self) -> &str {
        self.ready["admin_url"].as_str().unwrap()
    }
}

impl Cluster {
    /// Migrates and seeds one brand with the demo products.
    pub async fn seeded() -> Self {
        let mut cluster = Self {
            database: TestDatabase::empty().await.unwrap(),
            redis: PrivateRedis::start(&RedisOptions::default()).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
            key: String::new(),
            started: 0,
        };
        cluster.atelier(&["migrate", "up"]);
        let many = ["--max-monthly-generations", "100000"];
        let brand = ["brand", "create", "brand_1", "--name", "One"];
        cluster.atelier(&[brand.as_slice(), &many].concat());
        let catalog = root().join("deploy/demo/catalog");
        cluster.atelier(&[
            "catalog",
            "apply",
            catalog.to_str().unwrap(),
            "--brand",
            "brand_1",
        ]);
        let made = cluster.atelier(&["key", "create", "--brand", "brand_1", "--kind", "secret"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        made["key"].as_str().unwrap().clone_into(&mut cluster.key);
        cluster
    }

    fn settings(&self) -> Vec<(String, String)> {
        vec![
            ("ATELIER_DATABASE_URL".into(), self.database.url().into()),
            ("ATELIER_REDIS_URL".into(), self.redis.url()),
            (
                "ATELIER_OBJECT_STORE".into(),
                format!("file://{}", self.folder.path().join("objects").display()),
            ),
        ]
    }

    /// Runs the operator's command; it must succeed.
    pub fn atelier(&self, arguments: &[&str]) -> String {
        self.atelier_told(arguments, &[], "")
    }

    /// The same with further settings and something on its standard input.
    pub fn atelier_told(&self, arguments: &[&str], extra: &[(&str, &str)], input: &str) -> String {
        let mut child = command()
            .args(arguments)
            .envs(self.settings())
            .envs(extra.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Most commands read nothing and have ended before this is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let run = child.wait_with_output().unwrap();
        assert!(run.status.success(), "{arguments:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    /// Starts a role with further settings and waits until it is ready.
    pub async fn start(&mut self, name: &str, extra: &[(&str, &str)]) -> Role {
        self.started += 1;
        let ready_file = self.folder.path().join(format!("{}.ready", self.started));
        let log = self
            .folder
            .path()
            .join(format!("{}-{name}.log", self.started));
        let mut spec = GuardSpec::new(role(name))
            .env("ATELIER_ADMIN_LISTEN", "127.0.0.1:0")
            .env("ATELIER_READY_FILE", &ready_file);
        for (key, value) in self.settings() {
            spec = spec.env(key, value);
        }
        if name == "api-lite" {
            spec = spec.env("ATELIER_API_LISTEN", "127.0.0.1:0");
        }
        for (key, value) in extra {
            spec = spec.env(*key, *value);
        }
        spec.log = Log::File(log.clone());
        let process = Guarded::spawn(&spec).unwrap();
        let ready = wait::until_some(&format!("{name} to be ready"), PATIENCE, async || {
            serde_json::from_str(&fs::read_to_string(&ready_file).ok()?).ok()
        })
        .await;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let ready = ready.unwrap_or_else(|error| panic!("{error}\n{}", said()));
        Role {
            process,
            ready,
            log,
        }
    }

    /// Asks for one picture of the cup; returns the public id.
    pub async fn order(&self, api: &Role, name: &str) -> String {
        self.order_of(
            api,
            &json!({
                "product_id": "prod_demo_mug",
                "customizations": { "zone_mug_name": { "text": name } },
            }),
        )
        .await
    }

    /// Asks for what the body says; returns the public id.
    pub async fn order_of(&self, api: &Role, body: &Value) -> String {
        let answer = reqwest::Client::new()
            .post(format!("{}/v1/generations", api.url()))
            .bearer_auth(&self.key)
            .json(body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 202, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// What the API tells the brand of a generation.
    pub async fn told(&self, api: &Role, id: &str) -> Value {
        let answer = reqwest::Client::new()
            .get(format!("{}/v1/generations/{id}", api.url()))
            .bearer_auth(&self.key)
            .send();
        answer.await.unwrap().json().await.unwrap()
    }

    /// Asks for `count` pictures at once.
    pub async fn order_many(&self, api: &Role, count: usize) -> Vec<String> {
        let orders = (0..count).map(|n| async move { self.order(api, &format!("Nº {n}")).await });
        futures::future::join_all(orders).await
    }

    /// A connection for looking at rows.
    pub async fn look(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(self.database.url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    /// The number a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        self.look().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Waits until `count` generations are done.
    pub async fn all_done(&self, count: i64, within: std::time::Duration) {
        let client = self.look().await;
        let done = "SELECT count(*) FROM atelier.job WHERE state = 'done'";
        let waited = wait::until(
            &format!("{count} generations to be done"),
            within,
            async || client.query_one(done, &[]).await.unwrap().get::<_, i64>(0) == count,
        )
        .await;
        if let Err(error) = waited {
            let rows = client
                .query(
                    "SELECT state, count(*), min(reason) FROM atelier.job GROUP BY state",
                    &[],
                )
                .await
                .unwrap();
            let states: Vec<(String, i64, Option<String>)> = rows
                .iter()
                .map(|row| (row.get(0), row.get(1), row.get(2)))
                .collect();
            panic!("{error}: {states:?}");
        }
    }

    /// Each done generation was completed, paid and billed exactly once.
    pub async fn each_once(&self, count: i64) {
        let completed = r#"SELECT count(*) FROM "Generation" WHERE status = 'COMPLETED'"#;
        assert_eq!(self.number(completed).await, count);
        assert_eq!(
            self.number(r#"SELECT count(*) FROM "UsageRecord" WHERE type = 'generation'"#)
                .await,
            count
        );
        let billed_twice = r#"SELECT count(*) FROM (SELECT metadata->>'generation_id'
            FROM "UsageRecord" WHERE type = 'generation' GROUP BY 1 HAVING count(*) > 1) twice"#;
        assert_eq!(self.number(billed_twice).await, 0);
        let settled = "SELECT count(*) FROM atelier.attempt WHERE state = 'settled'";
        assert_eq!(self.number(settled).await, count);
        let events = "SELECT count(*) FROM atelier.outbox WHERE kind = 'generation.completed'";
        assert_eq!(self.number(events).await, count);
    }
}
