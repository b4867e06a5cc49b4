//! How webhooks are sent: throughput, a bad neighbour, and a repair across restarts.
//!
//! Every measurement starts a private PostgreSQL (each commit flushed) and Redis, and the real scheduler.
//! Receivers are in this process; they check nothing and remember when what came. What is compared is measured
//! alternately in one run, because only ratios travel from one machine to another.

mod api;
mod args;
mod arrivals;
mod lanes;
mod neighbour;
mod recovery;
mod report;
mod sequential;
mod stage;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Part};
use crate::report::{Report, note};

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&args)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("webhooks: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures until it is done or somebody ends it.
async fn run(args: &Args) -> anyhow::Result<()> {
    tokio::select! {
        outcome = Box::pin(measure(args)) => outcome,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            anyhow::bail!("interrupted; everything that was started is being stopped")
        }
    }
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let mut report = Report::new();
    if args.wants(Part::Lanes) {
        report.lanes = Box::pin(lanes::measure(args)).await?;
    }
    if args.wants(Part::Api) {
        report.api = Some(Box::pin(api::measure(args)).await?);
    }
    if args.wants(Part::Neighbour) {
        report.neighbour = Some(Box::pin(neighbour::measure(args)).await?);
    }
    if args.wants(Part::Recovery) {
        report.recovery = Some(Box::pin(recovery::measure(args)).await?);
    }
    report.print();
    if let Some(file) = &args.json {
        report.write(file)?;
    }
    Ok(())
}
