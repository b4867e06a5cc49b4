//! Settings of the worker, and what is refused about them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use clap::Parser;
use domain::{CallbackSecret, RetryPolicy};
use providers::{FetchConfig, ProvidersConfig};
use queue::QueueArgs;
use secrecy::{ExposeSecret, SecretString};
use service::CommonArgs;
use store::{DatabaseArgs, ObjectArgs};
use url::Url;

use crate::aftercare;
use crate::routing_args::RoutingArgs;
use crate::worker::Callbacks;

/// How long a draining worker lets its jobs finish: the longest provider call that the default
/// settings allow, and 10 s to compose and store.
const DRAIN_SECONDS: &str = "130";

/// Claims jobs and makes pictures: prompt, provider, imaging, storage, settlement.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "worker",
    version,
    mut_arg("shutdown_grace_seconds", |arg| arg.default_value(DRAIN_SECONDS))
)]
pub struct WorkerArgs {
    /// What every process has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// Jobs in hand at once. A job spends most of its time waiting for its provider, so this may be
    /// far above the number of processors
    #[arg(long, env = "ATELIER_WORKER_SLOTS", value_name = "N", default_value_t = 16,
          help_heading = "Worker", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: u16,

    /// Threads that decode, compose and encode pictures; by default one for each processor
    #[arg(
        long,
        env = "ATELIER_WORKER_IMAGING_THREADS",
        value_name = "N",
        help_heading = "Worker"
    )]
    pub imaging_threads: Option<NonZeroUsize>,

    /// The address under which api-lite serves pictures to the outside, without the path
    #[arg(
        long,
        env = "ATELIER_PUBLIC_URL",
        value_name = "URL",
        help_heading = "Worker",
        default_value = "http://127.0.0.1:8080"
    )]
    pub public_url: Url,

    /// Secret that the addresses are made with at which Replicate announces the ends of its work; the same
    /// as api-lite's. Without it, or where the public URL is not https, its work is only asked for
    #[arg(
        long,
        env = "ATELIER_CALLBACK_SECRET",
        hide_env_values = true,
        help_heading = "Worker",
        value_name = "SECRET"
    )]
    pub callback_secret: Option<SecretString>,

    /// How long one call to a provider may take, its polling included
    #[arg(long, env = "ATELIER_PROVIDER_TIMEOUT_SECONDS", value_name = "SECONDS",
          help_heading = "Worker", default_value_t = 120,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub provider_timeout_seconds: u32,

    /// How long a moderation service may take to say whether a design is accepted, repeats included
    #[arg(long, env = "ATELIER_MODERATION_TIMEOUT_MS", value_name = "MS",
          help_heading = "Worker", default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(100..=120_000))]
    pub moderation_timeout_ms: u64,

    /// How often a job is tried before it fails; a provider's "too many requests" is not counted
    #[arg(long, env = "ATELIER_RETRY_MAX_TRIES", value_name = "N", help_heading = "Retries",
          default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub retry_max_tries: u32,

    /// The longest wait after the first failed try; it doubles with every further one
    #[arg(long, env = "ATELIER_RETRY_BASE_MS", value_name = "MS", help_heading = "Retries",
          default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub retry_base_ms: u64,

    /// The longest wait between two tries
    #[arg(long, env = "ATELIER_RETRY_CAP_MS", value_name = "MS", help_heading = "Retries",
          default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub retry_cap_ms: u64,

    /// A folder with the font pack (setup/fonts.sh fills one; a system's font folder with the Noto
    /// fonts will do). Without it, characters beyond Latin, Greek and Cyrillic are refused
    #[arg(
        long,
        env = "ATELIER_FONT_PACK_DIR",
        value_name = "DIR",
        help_heading = "Worker"
    )]
    pub font_pack_dir: Option<PathBuf>,

    /// How often it is looked for calls that ended jobs left open; also the first wait between two
    /// questions about one, which doubles up to ten minutes
    #[arg(long, env = "ATELIER_AFTERCARE_PERIOD_MS", value_name = "MS", help_heading = "Lost calls",
          default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(50..=600_000))]
    pub aftercare_period_ms: u64,

    /// When a call of an ended job that nobody can tell about is given up: its reserve then counts as spent
    #[arg(long, env = "ATELIER_UNKNOWN_MAX_AGE_SECONDS", value_name = "SECONDS",
          help_heading = "Lost calls", default_value_t = 86_400,
          value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub unknown_max_age_seconds: u32,

    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// The object store.
    #[command(flatten)]
    pub objects: ObjectArgs,

    /// Redis.
    #[command(flatten)]
    pub queue: QueueArgs,

    /// The image providers.
    #[command(flatten)]
    pub providers: ProvidersConfig,

    /// Who is asked for pictures.
    #[command(flatten)]
    pub routing: RoutingArgs,

    /// Fetching shoppers' pictures.
    #[command(flatten)]
    pub fetch: FetchConfig,
}

/// A setting that cannot be used, or that contradicts another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {detail}")]
pub struct SettingError {
    /// The flag.
    pub setting: &'static str,
    /// What is wrong and what is expected.
    pub detail: String,
}

impl WorkerArgs {
    /// Checks what no single setting can know.
    ///
    /// # Errors
    /// [`SettingError`] naming the setting.
    pub fn check(&self) -> Result<(), SettingError> {
        let refuse = |setting, detail: String| Err(SettingError { setting, detail });
        if !matches!(self.public_url.scheme(), "http" | "https") {
            let scheme = self.public_url.scheme();
            return refuse(
                "--public-url",
                format!("expected http or https, found {scheme}"),
            );
        }
        if self.public_url.query().is_some() || self.public_url.fragment().is_some() {
            return refuse(
                "--public-url",
                "expected an address without ? and #".to_owned(),
            );
        }
        if self.retry_base_ms > self.retry_cap_ms {
            let (base, cap) = (self.retry_base_ms, self.retry_cap_ms);
            let detail = format!("{base} ms is more than --retry-cap-ms, which is {cap} ms");
            return refuse("--retry-base-ms", detail);
        }
        self.callbacks()?;
        Ok(())
    }

    /// When a failed job is tried again.
    pub fn retry(&self) -> RetryPolicy {
        RetryPolicy {
            base: Duration::from_millis(self.retry_base_ms),
            cap: Duration::from_millis(self.retry_cap_ms),
            max_tries: self.retry_max_tries,
        }
    }

    /// Where providers may announce that calls ended; nowhere without a secret.
    pub(crate) fn callbacks(&self) -> Result<Option<Callbacks>, SettingError> {
        let Some(secret) = &self.callback_secret else {
            return Ok(None);
        };
        let secret = CallbackSecret::new(secret.expose_secret()).map_err(|error| SettingError {
            setting: "--callback-secret",
            detail: error.to_string(),
        })?;
        let base = self.public_url.as_str().trim_end_matches('/').to_owned();
        Ok(Some(Callbacks { secret, base }))
    }

    /// How calls that ended jobs left open are looked after.
    pub(crate) fn aftercare(&self) -> aftercare::Settings {
        aftercare::Settings {
            period: Duration::from_millis(self.aftercare_period_ms),
            max_age: TimeDelta::seconds(i64::from(self.unknown_max_age_seconds)),
        }
    }

    /// How long one call to a provider may take.
    pub fn provider_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.provider_timeout_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<WorkerArgs, clap::Error> {
        let needed = [
            "worker",
            "--database-url",
            "postgres://x",
            "--object-store",
            "file:///x",
        ];
        WorkerArgs::try_parse_from(needed.iter().chain(more))
    }

    #[test]
    fn the_defaults_do_not_contradict_each_other_and_are_the_documented_policy() {
        let args = parse(&[]).unwrap();
        args.check().unwrap();
        assert_eq!(args.retry(), RetryPolicy::default());
        assert_eq!(args.slots, 16);
    }

    #[test]
    fn contradictions_are_refused_with_the_settings_name() {
        for (more, setting) in [
            (
                ["--retry-base-ms", "5000", "--retry-cap-ms", "4000"].as_slice(),
                "--retry-base-ms",
            ),
            (&["--public-url", "ftp://pictures.example"], "--public-url"),
            (
                &["--public-url", "https://pictures.example/?a=b"],
                "--public-url",
            ),
            (&["--callback-secret", "short"], "--callback-secret"),
        ] {
            let error = parse(more).unwrap().check().unwrap_err();
            assert_eq!(error.setting, setting);
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        for flag in ["--slots", "--retry-max-tries", "--provider-timeout-seconds"] {
            let error = parse(&[flag, "0"]).unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
