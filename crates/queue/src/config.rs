//! The settings of the Redis side.

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

/// How to reach Redis, and how long to wait for it.
///
/// The URL holds a password more often than not, so it is a secret: neither `--help` nor `Debug`
/// shows it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct QueueArgs {
    /// Where Redis is: redis://user:password@host:port/database, or rediss:// for TLS; user, password, port
    /// and database may be left out
    #[arg(
        long,
        env = "ATELIER_REDIS_URL",
        hide_env_values = true,
        hide_default_value = true,
        default_value = "redis://127.0.0.1:6379/0",
        value_parser = secret
    )]
    pub redis_url: SecretString,

    /// The first part of every key and channel, so that installations can share a server.
    #[arg(long, env = "ATELIER_REDIS_KEY_PREFIX", default_value = "atelier")]
    pub redis_key_prefix: String,

    /// Connections for short commands; blocking reads and subscriptions have their own.
    #[arg(long, env = "ATELIER_REDIS_POOL_SIZE", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=512))]
    pub redis_pool_size: u16,

    /// Milliseconds until a connection attempt is given up.
    #[arg(long, env = "ATELIER_REDIS_CONNECT_TIMEOUT_MS", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub redis_connect_timeout_ms: u64,

    /// Milliseconds until a short command is given up, the wait for a free connection included.
    #[arg(long, env = "ATELIER_REDIS_COMMAND_TIMEOUT_MS", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub redis_command_timeout_ms: u64,
}

impl QueueArgs {
    /// Settings for one URL, the rest as documented.
    pub fn for_url(url: &str) -> Self {
        Self {
            redis_url: SecretString::from(url.to_owned()),
            redis_key_prefix: "atelier".to_owned(),
            redis_pool_size: 8,
            redis_connect_timeout_ms: 2_000,
            redis_command_timeout_ms: 2_000,
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.redis_connect_timeout_ms)
    }

    pub(crate) fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.redis_command_timeout_ms)
    }
}

/// Takes any text. A bad URL is refused later, by an error that does not repeat it: clap would print
/// the value, and with it the password.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature clap asks of a value parser"
)]
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        queue: QueueArgs,
    }

    #[test]
    fn neither_debug_nor_help_shows_the_password() {
        let url = "rediss://u:hunter2@redis.example:6380/1";
        let command = Command::try_parse_from(["x", "--redis-url", url]).unwrap();
        assert!(!format!("{command:?}").contains("hunter2"));
        assert!(
            !Command::command()
                .render_long_help()
                .to_string()
                .contains("hunter2")
        );
    }

    #[test]
    fn the_defaults_of_the_command_line_and_of_for_url_are_the_same() {
        let parsed = Command::try_parse_from(["x"]).unwrap().queue;
        let made = QueueArgs::for_url("redis://127.0.0.1:6379/0");
        assert_eq!(format!("{parsed:?}"), format!("{made:?}"));
    }

    #[test]
    fn a_pool_without_connections_is_refused() {
        assert!(Command::try_parse_from(["x", "--redis-pool-size", "0"]).is_err());
    }
}
