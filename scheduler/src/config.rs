//! Settings of the scheduler.

use std::time::Duration;

use clap::Parser;
use queue::QueueArgs;
use service::CommonArgs;
use store::DatabaseArgs;

/// Sends waiting jobs to the workers, recovers what dead workers left, expires what is late.
///
/// Any number of replicas may run; each duty is done by one of them at a time.
#[derive(Debug, Clone, Parser)]
#[command(name = "scheduler", version)]
pub struct SchedulerArgs {
    /// What every process has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// How often each duty runs.
    #[command(flatten)]
    pub periods: PeriodArgs,

    /// Jobs one worker works on at once, for the number of workers that /v1/autoscale asks for
    #[arg(long, env = "ATELIER_SCHEDULER_SLOTS_PER_WORKER", value_name = "N", default_value_t = 16,
          help_heading = "Scheduler", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots_per_worker: u32,

    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Redis.
    #[command(flatten)]
    pub queue: QueueArgs,
}

/// The period of each duty, in milliseconds. A nudge makes a duty run earlier.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Scheduler")]
pub struct PeriodArgs {
    /// Milliseconds between two refills of the streams
    // A job that could not be added inline waits half of this on average.
    #[arg(long, env = "ATELIER_SCHEDULER_DISPATCH_PERIOD_MS", value_name = "MS",
          default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub dispatch_period_ms: u64,

    /// Milliseconds between two looks for workers that died
    // Adds to the 15 s after which a session counts as dead; both stay well below 25 s.
    #[arg(long, env = "ATELIER_SCHEDULER_RECOVERY_PERIOD_MS", value_name = "MS",
          default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub recovery_period_ms: u64,

    /// Milliseconds between two looks for jobs whose time is over
    #[arg(long, env = "ATELIER_SCHEDULER_EXPIRY_PERIOD_MS", value_name = "MS",
          default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub expiry_period_ms: u64,

    /// Milliseconds between two rounds of stream upkeep
    #[arg(long, env = "ATELIER_SCHEDULER_STREAMS_PERIOD_MS", value_name = "MS",
          default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub streams_period_ms: u64,

    /// Milliseconds between two rounds of forgetting old rows
    #[arg(long, env = "ATELIER_SCHEDULER_RETENTION_PERIOD_MS", value_name = "MS",
          default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(10..=86_400_000))]
    pub retention_period_ms: u64,

    /// Milliseconds between two measurements of the whole service
    #[arg(long, env = "ATELIER_SCHEDULER_OBSERVE_PERIOD_MS", value_name = "MS",
          default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub observe_period_ms: u64,
}

impl PeriodArgs {
    /// The period of the duty of this name; a name that is none of ours has the longest.
    pub(crate) fn of(&self, duty: &str) -> Duration {
        Duration::from_millis(match duty {
            "dispatch" => self.dispatch_period_ms,
            "recovery" => self.recovery_period_ms,
            "expiry" => self.expiry_period_ms,
            "streams" => self.streams_period_ms,
            "observe" => self.observe_period_ms,
            _ => self.retention_period_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<SchedulerArgs, clap::Error> {
        let needed = ["scheduler", "--database-url", "postgres://x"];
        SchedulerArgs::try_parse_from(needed.iter().chain(more))
    }

    #[test]
    fn every_duty_has_the_documented_period() {
        let periods = parse(&[]).unwrap().periods;
        let ms = |duty| periods.of(duty).as_millis();
        assert_eq!(ms("dispatch"), 200);
        assert_eq!(ms("recovery"), 1_000);
        assert_eq!(ms("expiry"), 1_000);
        assert_eq!(ms("streams"), 10_000);
        assert_eq!(ms("observe"), 5_000);
        assert_eq!(ms("retention"), 600_000);
    }

    #[test]
    fn a_period_of_zero_is_refused_by_name() {
        let error = parse(&["--dispatch-period-ms", "0"]).unwrap_err();
        assert!(
            error.to_string().contains("--dispatch-period-ms"),
            "{error}"
        );
    }
}
