//! Settings of the database and the object store.

use std::time::Duration;

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
