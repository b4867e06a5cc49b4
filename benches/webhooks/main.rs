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

use benches::command;
use clap::Parser;

use crate::args::{Args, Part};
use crate::report::Report;

fn main() -> ExitCode {
    let args = Args::parse();
    command::run("webhooks", measure(&args))
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
