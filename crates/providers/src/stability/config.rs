//! Settings of Stability.

use clap::Args;
use secrecy::SecretString;
use url::Url;

use crate::config::{base_url, default_url};

/// Settings of Stability.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Stability")]
pub struct StabilityConfig {
    /// Where Stability's REST API is, without the version.
    #[arg(long, env = "ATELIER_STABILITY_BASE_URL", value_name = "URL", value_parser = base_url)]
    #[arg(default_value = Self::DEFAULT_BASE_URL)]
    pub stability_base_url: Url,

    /// The key of the platform's account at Stability; several, separated by commas, are used in turn.
    #[arg(long, env = "ATELIER_STABILITY_API_KEY", value_name = "KEYS")]
    #[arg(hide_env_values = true, value_delimiter = ',')]
    pub stability_api_key: Vec<SecretString>,
}

impl StabilityConfig {
    /// Where Stability says its API is.
    pub const DEFAULT_BASE_URL: &str = "https://api.stability.ai";
}

impl Default for StabilityConfig {
    fn default() -> Self {
        Self {
            stability_base_url: default_url(Self::DEFAULT_BASE_URL),
            stability_api_key: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_leads_to_the_real_service() {
        let config = StabilityConfig::default();
        assert_eq!(
            config.stability_base_url.host_str(),
            Some("api.stability.ai")
        );
    }
}
