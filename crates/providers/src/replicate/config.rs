//! Settings of Replicate.

use clap::Args;
use secrecy::SecretString;
use url::Url;

use crate::config::{base_url, default_url};

/// Settings of Replicate.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replicate")]
pub struct ReplicateConfig {
    /// Where Replicate's REST API is, with the version.
    #[arg(long, env = "ATELIER_REPLICATE_BASE_URL", value_name = "URL", value_parser = base_url)]
    #[arg(default_value = Self::DEFAULT_BASE_URL)]
    pub replicate_base_url: Url,

    /// The token of the platform's account at Replicate; several, separated by commas, are used in turn.
    #[arg(long, env = "ATELIER_REPLICATE_API_TOKEN", value_name = "TOKENS")]
    #[arg(hide_env_values = true, value_delimiter = ',')]
    pub replicate_api_token: Vec<SecretString>,

    /// Hosts that Replicate's files may be fetched from, separated by commas; `*.` before a name stands
    /// for every host below it. An address instead of a name may be fetched from over plain HTTP and on
    /// any port, although it is not public: for a double of Replicate.
    #[arg(long, env = "ATELIER_REPLICATE_FILE_HOSTS", value_name = "HOSTS")]
    #[arg(value_delimiter = ',', default_values_t = Self::default_file_hosts())]
    pub replicate_file_hosts: Vec<String>,

    /// How long a prediction at work is left alone between two questions about it. Where workers tell
    /// Replicate an address for announcements, these make them ask at once, and this may be longer.
    #[arg(long, env = "ATELIER_REPLICATE_POLL_MS", value_name = "MS")]
    #[arg(default_value_t = Self::DEFAULT_POLL_MS)]
    #[arg(value_parser = clap::value_parser!(u64).range(100..=3_600_000))]
    pub replicate_poll_ms: u64,

    /// After so many seconds a prediction that was created surely stands in Replicate's list: one that
    /// is not there then was not created.
    #[arg(
        long,
        env = "ATELIER_REPLICATE_VISIBLE_AFTER_SECONDS",
        value_name = "SECONDS"
    )]
    #[arg(default_value_t = Self::DEFAULT_VISIBLE_AFTER_SECONDS)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=600))]
    pub replicate_visible_after_seconds: u64,
}

impl ReplicateConfig {
    /// Where Replicate says its API is.
    pub const DEFAULT_BASE_URL: &str = "https://api.replicate.com/v1";
    /// Fifty predictions asked for once a second are 3,000 questions a minute, which is what an account may
    /// ask.
    pub const DEFAULT_POLL_MS: u64 = 1_000;
    /// Replicate says nothing about how soon its list is complete; half a minute is long for a database
    /// and short for a shopper.
    pub const DEFAULT_VISIBLE_AFTER_SECONDS: u64 = 30;

    fn default_file_hosts() -> Vec<String> {
        ["replicate.delivery", "*.replicate.delivery"]
            .map(str::to_owned)
            .to_vec()
    }
}

impl Default for ReplicateConfig {
    fn default() -> Self {
        Self {
            replicate_base_url: default_url(Self::DEFAULT_BASE_URL),
            replicate_api_token: Vec::new(),
            replicate_file_hosts: Self::default_file_hosts(),
            replicate_poll_ms: Self::DEFAULT_POLL_MS,
            replicate_visible_after_seconds: Self::DEFAULT_VISIBLE_AFTER_SECONDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_leads_to_the_real_service() {
        let config = ReplicateConfig::default();
        assert_eq!(
            config.replicate_base_url.host_str(),
            Some("api.replicate.com")
        );
    }
}
