//! The settings of the HTTP intake.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use queue::QueueArgs;
use secrecy::SecretString;
use service::{BatchConfig, CommonArgs};
use store::{DatabaseArgs, ObjectArgs, SealingArgs, WebhookArgs};

/// Accepts requests for pictures over HTTP and answers questions about them.
#[derive(Debug, Clone, Parser)]
#[command(name = "api-lite", version)]
pub struct Config {
    /// Address the API listens on. Port 0 takes any free port
    #[arg(
        long,
        env = "ATELIER_API_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,

    /// Base of every address that is handed out: links, Location, pictures. By default the address it listens on
    #[arg(long, env = "ATELIER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Secret of the dashboard's HS256 tokens. Without it the dashboard routes answer 401
    #[arg(
        long,
        env = "ATELIER_DASHBOARD_JWT_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub dashboard_jwt_secret: Option<SecretString>,

    /// Words that no brand takes: one rule a line, `#` comments, `*` for any further letters. Brands add
    /// their own with `atelier policy set`
    #[arg(long, env = "ATELIER_DENY_LIST_FILE", value_name = "FILE")]
    pub deny_list_file: Option<PathBuf>,

    /// Secret of the addresses at which providers announce that a call ended; the same as the workers'.
    /// Without it no announcement is taken, and calls are only asked for
    #[arg(
        long,
        env = "ATELIER_CALLBACK_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub callback_secret: Option<SecretString>,

    /// Secret that Replicate signs its announcements with (`whsec_…`, from its `webhooks/default/secret`);
    /// several, separated by commas, while it is changed
    #[arg(
        long,
        env = "ATELIER_REPLICATE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "SECRETS"
    )]
    pub replicate_webhook_secret: Vec<SecretString>,

    /// Where webhooks may go.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// What the secrets of webhooks are sealed with.
    #[command(flatten)]
    pub sealing: SealingArgs,

    /// Secret that signs the addresses of invoices' files, of at least 32 bytes; the same as the scheduler's.
    /// Several, separated by commas, while it is changed: the first signs, all are believed. Without it files need
    /// a key
    #[arg(
        long,
        env = "ATELIER_LINK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "SECRETS"
    )]
    pub link_secret: Vec<SecretString>,

    /// Secret of the endpoint `/v1/stripe/webhook` at Stripe (`whsec_…`); several, separated by commas, while it is
    /// rolled. Without it no event is taken
    #[arg(
        long,
        env = "ATELIER_STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "SECRETS"
    )]
    pub stripe_webhook_secret: Vec<SecretString>,

    /// Seconds between two writes of counted API calls. A killed process loses at most what it counted in one
    #[arg(long, env = "ATELIER_API_METER_SECONDS", value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub meter_seconds: u16,

    /// What one client may ask for.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// How requests share transactions.
    #[command(flatten)]
    pub batch: BatchArgs,

    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Redis.
    #[command(flatten)]
    pub queue: QueueArgs,

    /// The object store.
    #[command(flatten)]
    pub objects: ObjectArgs,

    /// What every process has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// What one client, and all of them together, may ask for.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Largest request body in bytes. The default leaves room for a picture as a data URI
    #[arg(long, env = "ATELIER_API_BODY_BYTES", value_name = "BYTES", default_value_t = 4 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(1024..=64 * 1024 * 1024))]
    pub body_bytes: u32,

    /// Deepest nesting of a JSON body
    #[arg(long, env = "ATELIER_API_JSON_DEPTH", value_name = "N", default_value_t = 32,
          value_parser = clap::value_parser!(u8).range(4..=100))]
    pub json_depth: u8,

    /// Most header lines of one request
    #[arg(long, env = "ATELIER_API_HEADERS", value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(16..=1000))]
    pub headers: u16,

    /// Seconds one request may take, the waiting of `Prefer: wait` not counted
    #[arg(long, env = "ATELIER_API_REQUEST_SECONDS", value_name = "SECONDS", default_value_t = 15,
          value_parser = clap::value_parser!(u16).range(1..=300))]
    pub request_seconds: u16,

    /// Seconds a client may take to send a request's headers, and an idle connection is kept
    #[arg(long, env = "ATELIER_API_HEADER_SECONDS", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u16).range(1..=300))]
    pub header_seconds: u16,

    /// Connections open at once; further ones wait to be accepted
    #[arg(long, env = "ATELIER_API_CONNECTIONS", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,

    /// Requests with `Prefer: wait` that wait at once; further ones are answered without waiting
    #[arg(long, env = "ATELIER_API_WAITERS", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub waiters: u32,
}

/// How concurrent requests share transactions.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Batches")]
pub struct BatchArgs {
    /// Intake transactions in flight at once. A brand's requests always share the same one
    // Four keep PostgreSQL's log busy while one of them is flushed; docs/adr/0002 has the reasoning.
    #[arg(long, env = "ATELIER_API_BATCH_SLOTS", value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub batch_slots: u16,

    /// Most requests in one intake transaction
    #[arg(long, env = "ATELIER_API_BATCH_ITEMS", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub batch_items: u16,

    /// Requests that may wait for each of these transactions; further ones are refused with 503
    #[arg(long, env = "ATELIER_API_BATCH_QUEUE", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch_queue: u32,
}

impl Config {
    pub(crate) fn meter_interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.meter_seconds))
    }
}

impl BatchArgs {
    pub(crate) fn config(&self) -> BatchConfig {
        BatchConfig {
            slots: usize::from(self.batch_slots),
            max_items: usize::from(self.batch_items),
            queue: usize::try_from(self.batch_queue).unwrap_or(usize::MAX),
        }
    }
}

impl LimitArgs {
    pub(crate) fn request_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.request_seconds))
    }

    pub(crate) fn header_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.header_seconds))
    }
}
