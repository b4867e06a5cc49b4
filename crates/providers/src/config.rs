//! Settings of the providers and of the guarded fetch.

use std::num::NonZeroUsize;

use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use crate::models::ModelsFileError;
use crate::replicate::ReplicateConfig;
use crate::stability::StabilityConfig;
use crate::synthetic::FailurePlan;

/// Settings of every provider.
#[derive(Debug, Clone, Default, Args)]
pub struct ProvidersConfig {
    /// Settings of the synthetic provider.
    #[command(flatten)]
    pub synthetic: SyntheticConfig,

    /// Settings of the model registry.
    #[command(flatten)]
    pub models: ModelsConfig,

    /// Settings of OpenAI.
    #[command(flatten)]
    pub openai: OpenAiConfig,

    /// Settings of Stability.
    #[command(flatten)]
    pub stability: StabilityConfig,

    /// Settings of Replicate.
    #[command(flatten)]
    pub replicate: ReplicateConfig,

    /// Settings of openai-compatible servers.
    #[command(flatten)]
    pub compatible: CompatibleConfig,
}

/// Settings of openai-compatible servers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "OpenAI-compatible servers")]
pub struct CompatibleConfig {
    /// A file (TOML) of servers that speak like OpenAI's picture API, each with its models and prices.
    #[arg(long, env = "ATELIER_COMPATIBLE_FILE", value_name = "FILE")]
    pub compatible_file: Option<PathBuf>,

    /// One such server without a file: its address, version included.
    #[arg(long, env = "ATELIER_COMPATIBLE_BASE_URL", value_name = "URL", value_parser = base_url)]
    pub compatible_base_url: Option<Url>,

    /// What that server is called as a provider.
    #[arg(long, env = "ATELIER_COMPATIBLE_NAME", default_value = Self::DEFAULT_NAME)]
    #[arg(value_name = "NAME")]
    pub compatible_name: String,

    /// Its key, or several separated by commas.
    #[arg(long, env = "ATELIER_COMPATIBLE_API_KEY", value_name = "KEYS")]
    #[arg(hide_env_values = true, value_delimiter = ',')]
    pub compatible_api_key: Vec<SecretString>,

    /// Its model.
    #[arg(long, env = "ATELIER_COMPATIBLE_MODEL", value_name = "MODEL")]
    pub compatible_model: Option<String>,

    /// What kind of server it is: plain, localai, vllm-omni or stable-diffusion-cpp.
    #[arg(long, env = "ATELIER_COMPATIBLE_PRESET", default_value = Self::DEFAULT_PRESET)]
    #[arg(value_name = "PRESET")]
    pub compatible_preset: String,
}

impl CompatibleConfig {
    /// The name where none is given.
    pub const DEFAULT_NAME: &str = "compatible";
    /// The kind where none is given.
    pub const DEFAULT_PRESET: &str = "plain";
}

impl Default for CompatibleConfig {
    fn default() -> Self {
        Self {
            compatible_file: None,
            compatible_base_url: None,
            compatible_name: Self::DEFAULT_NAME.to_owned(),
            compatible_api_key: Vec::new(),
            compatible_model: None,
            compatible_preset: Self::DEFAULT_PRESET.to_owned(),
        }
    }
}

/// Settings of the model registry.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Models")]
pub struct ModelsConfig {
    /// A file of models (TOML) that is laid over the rows compiled in: capabilities, prices and the
    /// days on which models end.
    #[arg(long, env = "ATELIER_MODELS_FILE", value_name = "FILE")]
    pub models_file: Option<PathBuf>,
}

/// Settings of OpenAI.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "OpenAI")]
pub struct OpenAiConfig {
    /// Where OpenAI's API is, version included.
    #[arg(long, env = "ATELIER_OPENAI_BASE_URL", default_value = Self::DEFAULT_BASE_URL)]
    #[arg(value_name = "URL", value_parser = base_url)]
    pub openai_base_url: Url,

    /// The platform's key, or several separated by commas. Without one only brands with a key of their
    /// own can use OpenAI.
    #[arg(long, env = "ATELIER_OPENAI_API_KEY", value_name = "KEYS")]
    #[arg(hide_env_values = true, value_delimiter = ',')]
    pub openai_api_key: Vec<SecretString>,

    /// The organization that is billed, where the key belongs to several.
    #[arg(long, env = "ATELIER_OPENAI_ORGANIZATION", value_name = "ID")]
    pub openai_organization: Option<String>,

    /// The project that is billed.
    #[arg(long, env = "ATELIER_OPENAI_PROJECT", value_name = "ID")]
    pub openai_project: Option<String>,

    /// Models that are called in the background, so that a picture can be asked for again after a lost
    /// connection: names separated by commas, `*` standing for anything. A text model stands in front
    /// of them, costs a little and may rewrite the prompt.
    #[arg(long, env = "ATELIER_OPENAI_BACKGROUND_MODELS", value_name = "MODELS")]
    #[arg(value_delimiter = ',')]
    pub openai_background_models: Vec<String>,

    /// The text model in front of those; it needs a `[[text_model]]` row with its price.
    #[arg(
        long,
        env = "ATELIER_OPENAI_BACKGROUND_TEXT_MODEL",
        value_name = "MODEL"
    )]
    #[arg(default_value = Self::DEFAULT_TEXT_MODEL)]
    pub openai_background_text_model: String,
}

impl OpenAiConfig {
    /// OpenAI's own.
    pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
    /// Small, and it calls tools.
    pub const DEFAULT_TEXT_MODEL: &str = "gpt-5.4-mini";
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            openai_base_url: default_url(Self::DEFAULT_BASE_URL),
            openai_api_key: Vec::new(),
            openai_organization: None,
            openai_project: None,
            openai_background_models: Vec::new(),
            openai_background_text_model: Self::DEFAULT_TEXT_MODEL.to_owned(),
        }
    }
}

#[expect(clippy::expect_used, reason = "a constant, parsed in a test")]
pub(crate) fn default_url(constant: &str) -> Url {
    Url::parse(constant).expect("a constant URL")
}

/// The address of an API: http or https, with a host, without a user, a query or a fragment. It is the
/// operator's own choice, so that it may be private.
pub(crate) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("it must begin with http:// or https:// and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a key belongs into its own setting, not into the address".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it may have neither a query nor a fragment".to_owned());
    }
    Ok(url)
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
    /// The file of models cannot be used.
    #[error(transparent)]
    Models(#[from] ModelsFileError),
    /// The text model in front of background calls has no price.
    #[error("no [[text_model]] row of openai is called {0:?} (openai-background-text-model)")]
    TextModel(String),
    /// The settings of an openai-compatible server contradict each other.
    #[error("{file}: {row}: {message}")]
    Compatible {
        /// The file, or the variables.
        file: String,
        /// Which server.
        row: String,
        /// Which field, and what is wrong with it.
        message: String,
    },
}
