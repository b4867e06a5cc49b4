//! `atelier doctor`: is everything as it must be, and how to mend what is not.

use anyhow::ensure;
use prometheus::Registry;
use queue::{Queue, QueueArgs};
use store::{Database, DatabaseArgs};

use crate::{output, stores};

pub(super) async fn run(database: &DatabaseArgs, queue: &QueueArgs) -> anyhow::Result<()> {
    let mut faults = 0;
    match stores::database(database).await {
        Ok(db) => {
            report(&mut faults, "PostgreSQL", Ok("answers".to_owned()));
            report(&mut faults, "schema", schema(&db).await);
            report(&mut faults, "older keys", older_keys(&db).await);
        }
        Err(error) => report(&mut faults, "PostgreSQL", Err(error)),
    }
    report(&mut faults, "Redis", redis(queue).await);
    ensure!(faults == 0, "{faults} of the checks failed");
    Ok(())
}

fn report(faults: &mut u32, what: &str, outcome: anyhow::Result<String>) {
    match outcome {
        Ok(detail) => output::data(&format!("ok      {what}: {detail}")),
        Err(error) => {
            *faults += 1;
            output::data(&format!("FAULT   {what}: {error:#}"));
        }
    }
}

async fn schema(db: &Database) -> anyhow::Result<String> {
    let status = store::migrate::status(db).await?;
    let pending = status.iter().filter(|migration| !migration.applied).count();
    ensure!(
        pending == 0,
        "{pending} migrations are pending; run `atelier migrate up`"
    );
    ensure!(
        status.iter().all(|migration| migration.checksum_matches),
        "an applied migration has another text than this program's; run the program that applied it"
    );
    Ok(format!("{} migrations applied", status.len()))
}

/// Plain-text keys of the older platform work, but whoever reads the table can use them.
async fn older_keys(db: &Database) -> anyhow::Result<String> {
    let brands = store::api_keys::active_legacy(db).await?;
    let total: i64 = brands.iter().map(|(_, count)| count).sum();
    Ok(match total {
        0 => "none".to_owned(),
        n => {
            let names: Vec<String> = brands
                .iter()
                .map(|(brand, count)| format!("{brand} ({count})"))
                .collect();
            format!(
                "{n} active plain-text keys in \"ApiKey\": {}; replace them with \
                 `atelier key create` and deactivate them",
                names.join(", ")
            )
        }
    })
}

async fn redis(args: &QueueArgs) -> anyhow::Result<String> {
    let report = Queue::new(args, &Registry::new())?.check().await?;
    let aof = if report.aof_enabled {
        "append-only file on"
    } else {
        "no append-only file"
    };
    Ok(format!(
        "version {}, {aof}, eviction {}, {} bytes used",
        report.version, report.maxmemory_policy, report.used_memory_bytes
    ))
}
