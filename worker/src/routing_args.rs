//! Settings of who is asked for pictures, with which keys, and when somebody else is.

use std::time::Duration;

use clap::Args;
use queue::BreakerRules;
use store::SealingArgs;

/// Settings of who is asked for pictures.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Routing")]
pub struct RoutingArgs {
    /// The provider, or provider/model, of products and brands that name none
    #[arg(
        long,
        env = "ATELIER_DEFAULT_PROVIDER",
        value_name = "PROVIDER",
        default_value = "openai"
    )]
    pub default_provider: String,

    /// Who else may serve a request, in order, where neither product nor brand has a list of its own:
    /// PROVIDER or PROVIDER/MODEL, separated by commas
    #[arg(
        long,
        env = "ATELIER_PROVIDER_FALLBACK",
        value_name = "LIST",
        value_delimiter = ','
    )]
    pub provider_fallback: Vec<String>,

    /// How many calls one run of a job may make, to whichever providers
    #[arg(long, env = "ATELIER_PROVIDER_MAX_CALLS", value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=20))]
    pub provider_max_calls: u32,

    /// How long a job waits in its slot for a provider's limit before it is handed back
    #[arg(long, env = "ATELIER_PROVIDER_PATIENCE_MS", value_name = "MS", default_value_t = 1_500,
          value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub provider_patience_ms: u64,

    /// How far back failures of a provider's model count, in seconds
    #[arg(long, env = "ATELIER_BREAKER_WINDOW_SECONDS", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub breaker_window_seconds: u64,

    /// How long nothing is sent to a model that fails, at first; it doubles with each failed probe
    #[arg(long, env = "ATELIER_BREAKER_PAUSE_MS", value_name = "MS", default_value_t = 5_000,
          value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub breaker_pause_ms: u64,

    /// The master keys.
    #[command(flatten)]
    pub sealing: SealingArgs,
}

impl RoutingArgs {
    /// When a breaker opens, and for how long.
    pub fn breaker(&self) -> BreakerRules {
        let pause = Duration::from_millis(self.breaker_pause_ms);
        let rules = BreakerRules::default();
        BreakerRules {
            window: Duration::from_secs(self.breaker_window_seconds),
            longest_pause: rules.longest_pause.max(pause),
            pause,
            ..rules
        }
    }
}
