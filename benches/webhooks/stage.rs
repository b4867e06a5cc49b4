//! Servers, a scheduler, brands and endpoints.

use std::path::PathBuf;

use anyhow::Context;
use benches::fleet::Role;
use benches::servers::Servers;
use domain::webhook_endpoint::{PayloadFormat, WebhookHeaders};
use domain::{BrandId, Clock, EventKind, Plan};
use service::SystemClock;
use store::brands::{self, NewBrand};
use store::webhooks::endpoints::{NewEndpoint, Settings, create};
use store::webhooks::secrets::{NewSecret, SecretKind};
use store::{Database, SealingKeys};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::args::Args;

/// Any key will do: nothing outlives the measurement.
const SEALING: &str = "bench:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A fresh database with what a measurement needs.
pub(crate) struct Stage {
    pub(crate) servers: Servers,
    pub(crate) db: Database,
    pub(crate) sql: Client,
    programs: PathBuf,
    started: usize,
    /// The task that moves the bytes; dropping the set ends it.
    _driver: JoinSet<()>,
}

impl Stage {
    pub(crate) async fn set(args: &Args) -> anyhow::Result<Self> {
        let servers = Servers::start().await?;
        let db = servers.migrated().await?;
        let (sql, connection) = tokio_postgres::connect(&servers.postgres.url(), NoTls).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its error is met by the query that it cuts off.
            let _ = connection.await;
        });
        Ok(Self {
            servers,
            db,
            sql,
            programs: args.programs()?,
            started: 0,
            _driver: driver,
        })
    }

    /// Starts a scheduler with its defaults that may send to this machine.
    pub(crate) async fn scheduler(&mut self) -> anyhow::Result<Role> {
        let flags = [
            "--webhook-allow-cidrs",
            "127.0.0.0/8",
            "--sealing-keys",
            SEALING,
        ];
        self.role("scheduler", &flags).await
    }

    /// Starts a program.
    pub(crate) async fn role(
        &mut self,
        name: &'static str,
        flags: &[&str],
    ) -> anyhow::Result<Role> {
        self.started += 1;
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Role::start(name, self.started, &self.programs, &self.servers, &flags).await
    }

    pub(crate) async fn brand(&self, id: &str) -> anyhow::Result<()> {
        let brand = NewBrand {
            id: BrandId(id.to_owned()),
            name: id.to_owned(),
            slug: id.to_owned(),
            plan: Plan::Enterprise,
            max_monthly_generations: i32::MAX,
        };
        brands::ensure(&self.db, SystemClock.now(), &brand).await?;
        Ok(())
    }

    /// An endpoint that wants failed generations, with so many deliveries under way at most; its id.
    pub(crate) async fn endpoint(
        &self,
        brand: &str,
        url: String,
        max_in_flight: i16,
    ) -> anyhow::Result<String> {
        let keys: SealingKeys = SEALING.parse()?;
        let new = NewEndpoint {
            id: format!("wh_{}", Uuid::now_v7().simple()),
            brand: BrandId(brand.to_owned()),
            settings: Settings {
                name: "bench".to_owned(),
                url,
                events: vec![EventKind::GenerationFailed],
                format: PayloadFormat::Standard,
                headers: WebhookHeaders::default(),
                max_in_flight,
                rate_per_s: None,
                ordered: false,
                timeout_ms: 15_000,
                is_active: true,
            },
            secrets: vec![NewSecret {
                id: Uuid::new_v4(),
                kind: SecretKind::Hmac,
                secret: SECRET.into(),
            }],
        };
        create(&self.db, SystemClock.now(), &keys, &new)
            .await
            .context("making an endpoint")?;
        Ok(new.id)
    }

    /// Writes so many events of a brand with a delivery each, as a fact's transaction does, and the
    /// endpoint's wake; in this state and due now.
    pub(crate) async fn deliveries(
        &self,
        brand: &str,
        webhook: &str,
        count: u32,
        status: &str,
    ) -> anyhow::Result<()> {
        let sql = r#"WITH event AS (
                INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
                SELECT gen_random_uuid(), $1, 'generation.failed', 'bench:' || gen_random_uuid(),
                    convert_to('{"type":"generation.failed","timestamp":"2026-01-01T00:00:00.000Z","data":{'
                        || '"generation_id":"gen_' || md5(n::text) || '","message":"The request was canceled.",'
                        || '"product_id":"prod_bench_card","reason":"canceled","retryable":false,"state":"canceled"}}',
                        'UTF8'), now()
                FROM generate_series(1, $2::bigint) AS n RETURNING id),
            delivery AS (
                INSERT INTO atelier.webhook_delivery (event_id, webhook_id, status, attempt, tries, next_at, created_at)
                SELECT id, $3, $4, CASE $4 WHEN 'pending' THEN 0 ELSE 10 END, CASE $4 WHEN 'pending' THEN 0 ELSE 10 END,
                    now(), now() FROM event)
            INSERT INTO atelier.webhook_wake (webhook_id) VALUES ($3)"#;
        let count = i64::from(count);
        self.sql
            .execute(sql, &[&brand, &count, &webhook, &status])
            .await?;
        Ok(())
    }

    /// The number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.sql.query_one(sql, &[]).await?.get(0))
    }

    /// Brings the planner's knowledge up to date, as autovacuum would have by then.
    pub(crate) async fn analyze(&self) -> anyhow::Result<()> {
        self.sql.batch_execute("ANALYZE").await?;
        Ok(())
    }
}
