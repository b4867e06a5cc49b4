//! Closing the periods of many brands at once, by processes that are killed at random.
//!
//! Real schedulers and real `atelier invoice close` work on one private PostgreSQL, every commit flushed. Each lives for
//! a random time, is killed with SIGKILL and started again, until every brand has its invoice. Then everything is
//! looked at: one invoice a brand, numbers from 1 without gap or double, no difference in the money audit, and
//! nothing that changes when it is all run again.

mod fleet;
mod seed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use benches::command::{self, say};
use clap::Parser;
use serde::Serialize;
use testkit::{Durability, PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions};
use tokio_postgres::{Client, NoTls};

use fleet::{Fleet, atelier};

/// Closes the periods of many brands with processes that are killed at random.
#[derive(Debug, Parser)]
struct Args {
    /// Brands, each with a month that is over
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(i64).range(1..))]
    brands: i64,
    /// Schedulers that run at once
    #[arg(long, default_value_t = 2)]
    schedulers: usize,
    /// `atelier invoice close` that run at once beside them, which take no lease
    #[arg(long, default_value_t = 2)]
    closers: usize,
    /// The longest that a process lives, in milliseconds
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(100..))]
    life_ms: u64,
    /// Where the dice begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Gives up after this many seconds
    #[arg(long, default_value_t = 1_800)]
    within_s: u64,
    /// Write the figures to FILE as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came out.
#[derive(Debug, Serialize)]
struct Report {
    brands: i64,
    invoices: i64,
    least_number: i64,
    largest_number: i64,
    different_numbers: i64,
    seconds: f64,
    invoices_per_second: f64,
    kills: u64,
    changed_by_running_again: i64,
    audit_differences: usize,
    audit_seconds: f64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    command::run("billing", measure(&args))
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let postgres = PrivatePostgres::start(&PostgresOptions {
        durability: Durability::Demo,
        ..PostgresOptions::default()
    })
    .await?;
    let redis = PrivateRedis::start(&RedisOptions::default()).await?;
    let url = postgres.url();
    let folder = tempfile::tempdir()?;
    let migrated = atelier(&url, &["migrate", "up"])?;
    ensure!(migrated.status.success(), "migrate up failed: {migrated:?}");
    let client = connect(&url).await?;
    seed::fill(&client, args.brands).await?;
    say(&format!(
        "{} brands, each with a month that is over",
        args.brands
    ));
    let (seconds, kills) = close(args, &client, folder.path(), &url, &redis.url()).await?;
    let (invoices, least_number, largest_number, different_numbers) = numbers(&client).await?;
    let before = rows(&client).await?;
    let again = atelier(&url, &["invoice", "close"])?;
    ensure!(again.status.success(), "invoice close failed: {again:?}");
    let changed_by_running_again = rows(&client).await? - before;
    let audit_began = Instant::now();
    let audit = atelier(&url, &["audit", "money", "--json"])?;
    let differences: Vec<serde_json::Value> =
        serde_json::from_slice(&audit.stdout).context("reading the audit")?;
    let report = Report {
        brands: args.brands,
        invoices,
        least_number,
        largest_number,
        different_numbers,
        seconds,
        invoices_per_second: invoices as f64 / seconds,
        kills,
        changed_by_running_again,
        audit_differences: differences.len(),
        audit_seconds: audit_began.elapsed().as_secs_f64(),
    };
    tell(&report);
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)?;
    }
    let sound = (invoices, least_number, largest_number, different_numbers)
        == (args.brands, 1, args.brands, args.brands);
    ensure!(sound, "numbers are not 1 to {} once each", args.brands);
    ensure!(
        changed_by_running_again == 0,
        "running it again changed something"
    );
    ensure!(
        differences.is_empty(),
        "the money does not add up: {differences:?}"
    );
    Ok(())
}

/// Lets processes close periods until every brand has its invoice. Returns how long it took, and how many were
/// killed.
async fn close(
    args: &Args,
    client: &Client,
    folder: &Path,
    url: &str,
    redis_url: &str,
) -> anyhow::Result<(f64, u64)> {
    let began = Instant::now();
    let mut fleet = Fleet::new(folder, url, redis_url, args.seed, args.life_ms);
    for _ in 0..args.schedulers {
        fleet.scheduler()?;
    }
    for _ in 0..args.closers {
        fleet.closer()?;
    }
    let limit = Duration::from_secs(args.within_s);
    while numbers(client).await?.0 < args.brands {
        ensure!(
            began.elapsed() < limit,
            "not done within {} s",
            args.within_s
        );
        fleet.tend().await?;
    }
    Ok((began.elapsed().as_secs_f64(), fleet.end().await?))
}

fn tell(report: &Report) {
    say(&format!(
        "{} invoices, numbers {} to {}, {} different, in {:.1} s ({:.0} a second), {} processes killed",
        report.invoices,
        report.least_number,
        report.largest_number,
        report.different_numbers,
        report.seconds,
        report.invoices_per_second,
        report.kills
    ));
    say(&format!(
        "run again: {} rows changed; audit: {} differences, {:.1} s",
        report.changed_by_running_again, report.audit_differences, report.audit_seconds
    ));
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the connection's task ends with the client, and this program with it"
    )]
    tokio::spawn(connection);
    Ok(client)
}

/// Issued invoices, the least and the largest of their numbers, and how many different ones.
async fn numbers(client: &Client) -> anyhow::Result<(i64, i64, i64, i64)> {
    let row = client
        .query_one(
            "SELECT count(*), COALESCE(min(number), 0), COALESCE(max(number), 0), count(DISTINCT number)
             FROM atelier.invoice WHERE state <> 'draft'",
            &[],
        )
        .await?;
    Ok((row.get(0), row.get(1), row.get(2), row.get(3)))
}

/// Rows that billing writes.
async fn rows(client: &Client) -> anyhow::Result<i64> {
    let row = client
        .query_one(
            r#"SELECT (SELECT count(*) FROM atelier.invoice) + (SELECT count(*) FROM atelier.invoice_line)
                + (SELECT count(*) FROM atelier.outbox) + (SELECT count(*) FROM atelier.audit_log)
                + (SELECT count(*) FROM "Invoice") + (SELECT count(*) FROM atelier.billing_period)
                + (SELECT sum(next_number)::bigint FROM atelier.invoice_series)"#,
            &[],
        )
        .await?;
    Ok(row.get(0))
}
