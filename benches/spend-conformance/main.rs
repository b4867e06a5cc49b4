//! Who pays how often for one picture when something breaks.
//!
//! Every client, Atelier among them, asks the same sandbox for the same picture under the same fault, with
//! the retries that it has by default. The sandbox's ledger says what was accepted and billed; what was delivered is what
//! the client's caller holds in the end. Counts, not times: they are the same on every machine.

mod atelier;
mod case;
mod client;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use sandbox::{Sandbox, SandboxConfig, Timings};
use serde::Serialize;

use crate::case::Case;
use crate::client::{Client, PEERS, Programs};

/// Ask official clients and gateways for pictures under faults, and count what is billed.
#[derive(Debug, Parser)]
struct Args {
    /// Write the rows to FILE as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Few faults only; `./test` runs these for Atelier
    #[arg(long)]
    quick: bool,

    /// Clients alone whose name holds TEXT
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// One client under one fault.
#[derive(Debug, Serialize)]
struct Row {
    client: String,
    provider: &'static str,
    fault: &'static str,
    /// Pictures that the caller asked for.
    requested: u64,
    /// Requests that the service took.
    accepted: u64,
    /// Requests that it would charge for.
    billed: u64,
    /// Pictures that the caller holds.
    delivered: u64,
    /// Requests that reached the service.
    sent: u64,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let config = SandboxConfig {
        timings: Timings::default().with_work(Duration::from_millis(60)),
        ..SandboxConfig::default()
    };
    let sandbox = runtime.block_on(Sandbox::start(config))?;
    let mut programs = Programs::default();
    let mut rows = Vec::new();
    for case in case::all().iter().filter(|case| case.quick || !args.quick) {
        for manner in atelier::MANNERS.iter().filter(|manner| manner.meets(case)) {
            if manner.name.contains(&args.only) {
                prepare(&sandbox, case)?;
                let delivered = runtime.block_on(atelier::ask(manner, &sandbox, case))?;
                let row = row(&sandbox, manner.name, case, delivered);
                print(&row);
                rows.push(row);
            }
        }
        for client in PEERS.iter().filter(|client| client.meets(case)) {
            let name = client.name()?;
            if name.contains(&args.only) {
                let row = measure(&sandbox, &mut programs, client, &name, case)?;
                print(&row);
                rows.push(row);
            }
        }
    }
    runtime.block_on(sandbox.stop());
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&Report { rows })?;
        std::fs::write(file, text)
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

fn measure(
    sandbox: &Sandbox,
    programs: &mut Programs,
    client: &Client,
    name: &str,
    case: &Case,
) -> anyhow::Result<Row> {
    prepare(sandbox, case)?;
    let question = client.question(&sandbox.base_url(client.provider), case);
    let delivered = programs.ask(client, &question)?;
    Ok(row(sandbox, name, case, delivered))
}

/// An empty ledger, and the case's fault alone.
fn prepare(sandbox: &Sandbox, case: &Case) -> anyhow::Result<()> {
    sandbox.ledger().clear();
    sandbox.faults().clear();
    if let Some(fault) = &case.fault {
        sandbox.faults().push(fault.clone())?;
    }
    Ok(())
}

/// What the ledger says after one picture was asked for.
fn row(sandbox: &Sandbox, client: &str, case: &Case, delivered: u64) -> Row {
    let entries = sandbox.ledger().entries();
    let count =
        |matches: fn(&sandbox::Entry) -> bool| entries.iter().filter(|e| matches(e)).count() as u64;
    Row {
        client: client.to_owned(),
        provider: case.provider.name(),
        fault: case.name,
        requested: 1,
        accepted: count(|entry| entry.accepted),
        billed: count(|entry| entry.billed),
        delivered,
        sent: entries.len() as u64,
    }
}

/// One line of the table.
fn print(row: &Row) {
    let Row {
        client,
        provider,
        fault,
        requested,
        accepted,
        billed,
        delivered,
        sent,
    } = row;
    // A closed pipe is not an error: the reader has seen enough.
    let _ = writeln!(
        std::io::stdout().lock(),
        "{provider:<10} {fault:<28} {client:<34} requested {requested}  sent {sent}  \
         accepted {accepted}  billed {billed}  delivered {delivered}"
    );
}
