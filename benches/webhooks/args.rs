//! What is measured and how much of it.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};

/// Measures the sending of webhooks: how many a second, whom a bad neighbour costs what, and how long a
/// repair takes while schedulers are killed.
///
/// Servers are private and fresh for every measurement, receivers run in this process on the same machine.
#[derive(Debug, Clone, Parser)]
#[command(name = "webhooks")]
pub(crate) struct Args {
    /// Only these measurements; all if none is named
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    pub(crate) only: Vec<Part>,

    /// Messages of each throughput measurement
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) messages: u32,

    /// Events of the measurement with the API in front: each is an order that is cancelled
    #[arg(long, value_name = "N", default_value_t = 3_000,
          value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) api_events: u32,

    /// How often what is compared is measured, alternately; medians are shown
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=15))]
    pub(crate) rounds: u8,

    /// Deliveries to the endpoint that answers 200 and then drips
    #[arg(long, value_name = "N", default_value_t = 520,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) dripping: u32,

    /// How long the healthy brand's deliveries are measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) neighbour_seconds: u32,

    /// Failed deliveries that are recovered
    #[arg(long, value_name = "N", default_value_t = 30_000,
          value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub(crate) recover: u32,

    /// Times that the scheduler is killed and started again meanwhile
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(0..=50))]
    pub(crate) kills: u8,

    /// Longest time for one measurement, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
          value_parser = clap::value_parser!(u32).range(1..=36_000))]
    pub(crate) seconds_at_most: u32,

    /// The folder of the programs api-lite and scheduler. This program's own if not given
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,

    /// Write everything as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// One of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Messages a second from rows that are there, beside a plain sender that takes one after the other
    Lanes,
    /// The same with api-lite in front: from a cancelled order to the receiver
    Api,
    /// A healthy brand's delivery times, with and without an endpoint that drips
    Neighbour,
    /// A repair of many failed deliveries while the scheduler is killed again and again
    Recovery,
}

impl Args {
    /// Whether a part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Longest time for one measurement.
    pub(crate) fn limit(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.seconds_at_most))
    }

    /// Where the programs are.
    pub(crate) fn programs(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.bin_dir {
            return Ok(folder.clone());
        }
        let own = std::env::current_exe()?;
        let folder = own.parent().context("this program lies in no folder")?;
        Ok(folder.to_owned())
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
}
