//! `atelier demo`: the whole system on one machine, with nothing but this repository.
//!
//! It starts private servers (unless told of others), migrates, seeds a brand with two products, and
//! starts the same programs an operator would: api-lite, workers and a scheduler, as processes of
//! their own. Everything is a guarded child in one temporary folder, so that Ctrl-C, a failure and
//! even `kill -9` of this process leave no process, no port and no file behind.

use std::time::Instant;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::DemoArgs;
use crate::output;

mod client;
mod fleet;
mod folder;
mod order;
mod provider;
mod ready;
mod seed;
mod servers;
mod summary;
mod webhooks;

/// Runs the demonstration until it is done (`--once`) or somebody ends it.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let ended = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::select! {
        outcome = demonstrate(&args, started) => outcome,
        () = ended => {
            output::note("stopping");
            Ok(())
        }
    }
}

/// Everything that is running; dropping it ends it, the roles before the servers they use.
struct Stage {
    fleet: fleet::Fleet,
    seeded: seed::Seeded,
    servers: servers::Servers,
    studio: provider::Studio,
}

async fn demonstrate(args: &DemoArgs, started: Instant) -> anyhow::Result<()> {
    let stage = set_up(args).await?;
    let startup_ms = elapsed_ms(started);
    output::note(&format!("everything is up after {startup_ms} ms"));
    if let Some(file) = &args.ready_file {
        ready::write(file, &stage)?;
        let _removed_at_the_end = ready::Written(file.clone());
        output::note(&format!("wrote {}", file.display()));
        return watch(stage).await;
    }
    let finished = order::one_per_product(&stage, started).await?;
    let summary = summary::of(&stage, &finished, startup_ms).await?;
    if let (true, Some(out)) = (args.once, &args.out) {
        summary.write(out, &finished)?;
        output::data(&out.join("summary.json").display().to_string());
        return Ok(());
    }
    if let Some(bill) = stage.studio.bill() {
        output::note(&format!(
            "the sandbox's ledger: {}",
            serde_json::to_string(&bill)?
        ));
    }
    let folder = stage.servers.pictures();
    summary
        .write(&folder, &finished)
        .context("the pictures cannot be written")?;
    ready::explain(&stage, &finished, &folder);
    let first_ms = summary.first_picture_ms;
    output::note(&format!(
        "first picture {first_ms} ms after the start; --once --out DIR keeps the pictures"
    ));
    watch(stage).await
}

async fn set_up(args: &DemoArgs) -> anyhow::Result<Stage> {
    let mut products = crate::commands::catalog::read(&args.catalog)?;
    let studio = provider::Studio::open(args.provider, &args.keys).await?;
    studio.direct(&mut products);
    output::note("starting PostgreSQL and Redis");
    let servers = servers::Servers::start(args).await?;
    output::note("migrating and seeding");
    let seeded = seed::seed(&servers, &products).await?;
    output::note(&format!(
        "starting api-lite, {} workers and the scheduler",
        args.workers
    ));
    let mut settings = webhooks::settings(args)?;
    settings.extend(studio.settings.iter().cloned());
    let fleet = fleet::Fleet::start(&servers, args.workers, &settings).await?;
    seed::products(&servers, &seeded, &fleet.api_url, &products).await?;
    Ok(Stage {
        fleet,
        seeded,
        servers,
        studio,
    })
}

/// Stays until the process is told to end. A role that dies is reported and left dead: the others
/// carry on, which is worth seeing.
async fn watch(stage: Stage) -> anyhow::Result<()> {
    output::note("running; Ctrl-C ends everything");
    stage.fleet.report_deaths().await;
    std::future::pending().await
}

/// Milliseconds since `from`.
fn elapsed_ms(from: Instant) -> u64 {
    u64::try_from(from.elapsed().as_millis()).unwrap_or(u64::MAX)
}
