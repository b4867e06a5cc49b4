//! Settings of the database, the object store, and where webhooks may go.

use std::time::Duration;

use domain::address::AllowList;
use ipnet::IpNet;
use secrecy::SecretString;

/// Where PostgreSQL is and how much of it one process may use.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "PostgreSQL")]
pub struct DatabaseArgs {
    /// Connection URL, e.g. postgres://atelier:secret@127.0.0.1:5432/atelier
    #[arg(
        long,
        env = "ATELIER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: SecretString,

    /// Connections this process may hold at once
    #[arg(long, env = "ATELIER_DATABASE_POOL", default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u32).range(2..=200))]
    pub database_pool: u32,

    /// How long a request may wait for a free connection before it is refused, in milliseconds
    #[arg(
        long,
        env = "ATELIER_DATABASE_ACQUIRE_MS",
        default_value_t = 3000,
        value_name = "MS"
    )]
    pub database_acquire_ms: u64,
}

impl DatabaseArgs {
    /// How long to wait for a connection of the pool.
    pub fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.database_acquire_ms)
    }
}

/// Where pictures are kept.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Object store")]
pub struct ObjectArgs {
    /// file:///folder, or s3://bucket/prefix with the usual AWS_… variables (AWS_ENDPOINT for other
    /// S3 servers). All roles must name the same place
    #[arg(long, env = "ATELIER_OBJECT_STORE", value_name = "URL")]
    pub object_store: String,
}

/// Where webhooks may go. Whoever takes an address and whoever sends to it must be told the same.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// Networks that webhooks may be sent to although they are not public, over plain HTTP and on any port
    /// too, separated by commas, such as `127.0.0.0/8,fd00::/8`. None by default. The same in api-lite and
    /// scheduler
    #[arg(
        long,
        env = "ATELIER_WEBHOOK_ALLOW_CIDRS",
        value_name = "CIDRS",
        value_delimiter = ','
    )]
    pub webhook_allow_cidrs: Vec<IpNet>,
}

impl WebhookArgs {
    /// The networks as the rules of addresses take them.
    pub fn allowed(&self) -> AllowList {
        AllowList::new(self.webhook_allow_cidrs.clone())
    }
}
