//! Settings of the providers and of the guarded fetch.

use std::num::NonZeroUsize;

use clap::Args;
use ipnet::IpNet;

use crate::synthetic::FailurePlan;

/// Settings of every provider.
#[derive(Debug, Clone, Default, Args)]
pub struct ProvidersConfig {
    /// Settings of the synthetic provider.
    #[command(flatten)]
    pub synthetic: SyntheticConfig,
}

/// Settings of the synthetic provider, which draws pictures in this process and costs nothing real.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Synthetic provider")]
pub struct SyntheticConfig {
    /// How long a synthetic call takes before its picture is drawn, in milliseconds.
    #[arg(long, env = "ATELIER_SYNTHETIC_LATENCY_MS", default_value_t = Self::DEFAULT_LATENCY_MS)]
    #[arg(value_name = "MS", value_parser = clap::value_parser!(u64).range(..=600_000))]
    pub synthetic_latency_ms: u64,

    /// What one synthetic picture is accounted at, in millionths of a US dollar.
    #[arg(long, env = "ATELIER_SYNTHETIC_PRICE_MICROS")]
    #[arg(default_value_t = Self::DEFAULT_PRICE_MICROS)]
    #[arg(value_name = "MICROS", value_parser = clap::value_parser!(i64).range(0..=1_000_000_000))]
    pub synthetic_price_micros: i64,

    /// Which synthetic calls fail, and how.
    ///
    /// Rules separated by commas, each `KIND:CHANCE` or `KIND:prompt~TEXT`. CHANCE is a fraction
    /// from 0 to 1; all chances together may not pass 1. A `prompt~` rule hits every prompt that
    /// holds TEXT in any letter case, and goes before the chances. The same seed always meets the
    /// same fate.
    ///
    /// KIND is one of: rate_limited, content_policy, invalid_request, auth, quota_exhausted,
    /// unavailable (all refused, free of charge); timeout (silent until the deadline); network (the
    /// answer is lost); bad_answer (charged, but no picture); truncated (charged, half a picture).
    ///
    /// Example: `rate_limited:0.1,unavailable:0.05,content_policy:prompt~forbidden`
    #[arg(
        long,
        env = "ATELIER_SYNTHETIC_FAILURES",
        default_value_t,
        verbatim_doc_comment
    )]
    #[arg(value_name = "RULES")]
    pub synthetic_failures: FailurePlan,

    /// Threads that draw synthetic pictures; by default one for each processor.
    #[arg(long, env = "ATELIER_SYNTHETIC_THREADS", value_name = "N")]
    pub synthetic_threads: Option<NonZeroUsize>,
}

impl SyntheticConfig {
    /// Quick enough for a demonstration, long enough for a progress bar to be seen.
    pub const DEFAULT_LATENCY_MS: u64 = 150;
    /// Four US cents: the list price of a medium-quality square picture at the large providers.
    pub const DEFAULT_PRICE_MICROS: i64 = 40_000;
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            synthetic_latency_ms: Self::DEFAULT_LATENCY_MS,
            synthetic_price_micros: Self::DEFAULT_PRICE_MICROS,
            synthetic_failures: FailurePlan::default(),
            synthetic_threads: None,
        }
    }
}

/// Settings of the guarded fetch of pictures that a shopper names by URL.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fetching pictures")]
pub struct FetchConfig {
    /// The largest picture that is fetched, in bytes.
    #[arg(long, env = "ATELIER_FETCH_MAX_BYTES", default_value_t = Self::DEFAULT_MAX_BYTES)]
    #[arg(value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub fetch_max_bytes: u64,

    /// How long one fetch may take from the name's look-up to the last byte, in milliseconds.
    #[arg(long, env = "ATELIER_FETCH_TIMEOUT_MS", default_value_t = Self::DEFAULT_TIMEOUT_MS)]
    #[arg(value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub fetch_timeout_ms: u64,

    /// Networks that may be fetched from although they are not public, over plain HTTP and on any
    /// port too, separated by commas, such as `127.0.0.0/8,fd00::/8`. None by default.
    #[arg(
        long,
        env = "ATELIER_FETCH_ALLOW_CIDRS",
        value_name = "CIDRS",
        value_delimiter = ','
    )]
    pub fetch_allow_cidrs: Vec<IpNet>,
}

impl FetchConfig {
    /// Ten megabytes: a 24-megapixel photograph as JPEG.
    pub const DEFAULT_MAX_BYTES: u64 = 10_000_000;
    /// Ten seconds: the largest picture at 8 Mbit/s.
    pub const DEFAULT_TIMEOUT_MS: u64 = 10_000;
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            fetch_max_bytes: Self::DEFAULT_MAX_BYTES,
            fetch_timeout_ms: Self::DEFAULT_TIMEOUT_MS,
            fetch_allow_cidrs: Vec::new(),
        }
    }
}

/// Settings under which a part of this crate cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The operating system gave no thread to draw on.
    #[error("cannot start the drawing threads of the synthetic provider")]
    Threads(#[source] std::io::Error),
    /// TLS could not be set up.
    #[error("cannot build the HTTP client")]
    HttpClient(#[source] reqwest::Error),
}
