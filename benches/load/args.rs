//! The settings of a run. All of them are bounds: a run ends by itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};

/// Measures Atelier end to end on private servers: intake, request to picture, pick-up latency.
///
/// Prints a table; compare the ratios, the absolute numbers are this machine's.
#[derive(Debug, Clone, Parser)]
#[command(name = "load")]
pub(crate) struct Args {
    /// What to measure; may be repeated. Everything if not given
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Part>,

    /// Requests per intake measurement
    #[arg(long, value_name = "N", default_value_t = 20_000,
          value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) requests: u32,

    /// Keep-alive connections
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) connections: u16,

    /// Brands that the requests take turns for. Requests of one brand share its row of quota
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) brands: u16,

    /// How often the intake variants are measured, alternately; medians are shown
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=15))]
    pub(crate) rounds: u8,

    /// Jobs of the tiny product, from request to picture
    #[arg(long, value_name = "N", default_value_t = 4_000,
          value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(crate) jobs: u32,

    /// Jobs of the demo's product, from request to picture
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(crate) demo_jobs: u32,

    /// Workers to start
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) workers: u8,

    /// Jobs in hand at once in each worker
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) worker_slots: u16,

    /// Requests a second while pick-up is measured; they come at fixed times, whatever is answered
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) pickup_rate: u32,

    /// How long pick-up is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) pickup_seconds: u32,

    /// Longest time for one measurement, in seconds: what is not sent by then is not sent, and what
    /// is not finished by then is reported as unfinished
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds_at_most: u32,

    /// The folder of the programs api-lite, worker and scheduler. This program's own if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,

    /// Write everything as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// One of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// POST to 202 without workers, requests sharing transactions against one transaction each
    Intake,
    /// POST to the finished picture, with workers and scheduler
    Whole,
    /// POST to the start of work, at a fixed rate
    Pickup,
}

impl Args {
    /// Whether a part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Longest time for one measurement.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds_at_most))
    }

    /// Where the programs are.
    pub(crate) fn programs(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.bin_dir {
            return Ok(folder.clone());
        }
        let own = std::env::current_exe()?;
        Ok(own
            .parent()
            .context("this program lies in no folder")?
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_choice_everything_is_measured_and_with_one_nothing_else() {
        let all = Args::parse_from(["load"]);
        assert!(all.wants(Part::Intake) && all.wants(Part::Whole) && all.wants(Part::Pickup));
        let one = Args::parse_from(["load", "--only", "pickup"]);
        assert!(one.wants(Part::Pickup) && !one.wants(Part::Intake) && !one.wants(Part::Whole));
    }
}
