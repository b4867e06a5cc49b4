//! How long the move of an old platform's database takes, and how long it holds up those who write.
//!
//! A private PostgreSQL with every commit flushed is filled with products, deliveries and log rows; then
//! the real migration runs beside a writer that does what the platform's programs do. The longest write
//! is what a shopper would notice.

mod platform;
mod writer;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::command::{self, say};
use clap::Parser;
use prometheus::Registry;
use secrecy::SecretString;
use store::migrate::{Event, Options, Until};
use store::{Database, DatabaseArgs, StoreMetrics};
use testkit::{Durability, PostgresOptions, PrivatePostgres};

/// Measures the move of an old platform's database beside a writer.
#[derive(Debug, Parser)]
struct Args {
    /// Products of the old platform, over 200 brands
    #[arg(long, default_value_t = 1_000_000)]
    products: u32,
    /// Rows of "Webhook": deliveries over 400 addresses
    #[arg(long, default_value_t = 2_000_000)]
    deliveries: u32,
    /// Rows of "WebhookLog", every twentieth of which points nowhere
    #[arg(long, default_value_t = 500_000)]
    logs: u32,
    /// Pause between two writes of the writer, in milliseconds
    #[arg(long, default_value_t = 5)]
    pause_ms: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    command::run("migrate", measure(&args))
}

/// How long the writer is measured without a migration, for comparison.
const ALONE: Duration = Duration::from_secs(20);

async fn measure(args: &Args) -> anyhow::Result<()> {
    let postgres = PrivatePostgres::start(&PostgresOptions {
        durability: Durability::Demo,
        ..PostgresOptions::default()
    })
    .await?;
    let url = postgres.url();
    let began = Instant::now();
    platform::fill(&url, args.products, args.deliveries, args.logs).await?;
    say(&format!(
        "filled with {} products, {} deliveries, {} rows of log in {:.1} s",
        args.products,
        args.deliveries,
        args.logs,
        began.elapsed().as_secs_f64()
    ));
    let db = open(&url)?;
    let began = Instant::now();
    store::migrate::plan(&db, &Options::default()).await?;
    say(&format!("plan: {:.1} s", began.elapsed().as_secs_f64()));
    let pause = Duration::from_millis(args.pause_ms);
    let alone = writer::Writer::start(&url, pause);
    tokio::time::sleep(ALONE).await;
    say(&format!("nobody migrating: {}", alone.stop()?));
    for (name, until) in [
        ("up --before-contract", Until::Contract),
        ("up", Until::End),
    ] {
        run(&db, &url, pause, name, until).await?;
    }
    report_steps(&db).await?;
    let began = Instant::now();
    store::migrate::down(&db, &Options::default(), &mut |_| {}).await?;
    say(&format!(
        "down, nobody writing: {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// One run of the migration beside a writer.
async fn run(
    db: &Database,
    url: &str,
    pause: Duration,
    name: &str,
    until: Until,
) -> anyhow::Result<()> {
    let options = Options {
        until,
        ..Options::default()
    };
    let writer = writer::Writer::start(url, pause);
    let began = Instant::now();
    let mut retries = 0;
    let outcome = store::migrate::up_with(db, &options, &mut |event| {
        retries += u32::from(matches!(event, Event::Retry { .. }));
    })
    .await
    .context("migrating")?;
    let took = began.elapsed();
    let written = writer.stop()?;
    say(&format!(
        "{name}: {:.1} s, gave way to a lock {retries} times, {outcome:?}",
        took.as_secs_f64()
    ));
    say(&format!("  beside it: {written}"));
    Ok(())
}

async fn report_steps(db: &Database) -> anyhow::Result<()> {
    for migration in store::migrate::status(db).await? {
        for step in migration.steps {
            say(&format!(
                "  {:<34} {:>9} rows {:>8.2} s",
                step.step,
                step.rows_done,
                Duration::from_millis(step.took_ms.unsigned_abs()).as_secs_f64()
            ));
        }
    }
    Ok(())
}

fn open(url: &str) -> anyhow::Result<Database> {
    let args = DatabaseArgs {
        database_url: SecretString::from(url),
        database_pool: 4,
        database_acquire_ms: 5000,
    };
    let metrics = StoreMetrics::register(&Registry::new())?;
    Ok(Database::open(&args, "migrate bench", metrics)?)
}
