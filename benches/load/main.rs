//! The end-to-end load driver: how much the three programs, PostgreSQL and Redis do together.
//!
//! Every measurement starts private servers and the real programs, seeds them, drives HTTP against
//! api-lite over keep-alive connections, reads the database and `/metrics` afterwards, and stops
//! everything. What is compared is measured alternately in one run, because only ratios travel from
//! one machine to another.
//!
//! It deliberately shares nothing with the programs it measures but their interfaces and the store's
//! functions for seeding.

mod args;
mod cost;
mod cpu;
mod database;
mod drive;
mod exposition;
mod intake;
mod pickup;
mod report;
mod seed;
mod stage;
mod whole;

use std::process::ExitCode;

use benches::command;
use clap::Parser;

use crate::args::{Args, Part};
use crate::report::Report;

fn main() -> ExitCode {
    let args = Args::parse();
    command::run("load", measure(&args))
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let mut report = Report::new(benches::machine::describe(), args);
    report.print_head();
    if args.wants(Part::Intake) {
        report.intake = intake::measure(args).await?;
        report.print_intake();
    }
    if args.wants(Part::Whole) {
        report.whole = whole::measure(args).await?;
        report.print_whole();
    }
    if args.wants(Part::Pickup) {
        report.pickup = Some(pickup::measure(args).await?);
        report.print_pickup();
    }
    if let Some(file) = &args.json {
        report.write(file)?;
    }
    Ok(())
}
