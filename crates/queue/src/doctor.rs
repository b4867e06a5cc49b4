//! Whether a Redis is fit for Atelier.

use redis::RedisError;

use crate::error::QueueError;
use crate::handle::Queue;

/// The oldest version that will do: consumer group lag, and deleted entries that leave the pending
/// list, came with 7.0.
const OLDEST_MAJOR: u32 = 7;

/// The one eviction policy under which Redis does not throw away streams.
const POLICY: &str = "noeviction";

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisReport {
    /// Its version, such as `7.0.15`.
    pub version: String,
    /// What it does when memory is full.
    pub maxmemory_policy: String,
    /// Whether it writes an append-only file. Not needed: what is lost is rebuilt.
    pub aof_enabled: bool,
    /// The memory its data takes, in bytes.
    pub used_memory_bytes: u64,
}

impl RedisReport {
    /// Reads the report from the answer to `INFO`, which managed offers allow where they forbid
    /// `CONFIG GET`.
    fn from_info(info: &str) -> Option<Self> {
        let field = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
        };
        Some(Self {
            version: field("redis_version")?.to_owned(),
            maxmemory_policy: field("maxmemory_policy")?.to_owned(),
            aof_enabled: field("aof_enabled")? == "1",
            used_memory_bytes: field("used_memory")?.parse().ok()?,
        })
    }

    /// Refuses a server that would lose or misreport work.
    ///
    /// # Errors
    /// [`QueueError::Unsuitable`], saying what to change.
    pub fn check(&self) -> Result<(), QueueError> {
        let Self {
            version,
            maxmemory_policy: policy,
            aof_enabled: _,
            used_memory_bytes: _,
        } = self;
        let major: Option<u32> = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok());
        if major.is_none_or(|major| major < OLDEST_MAJOR) {
            return Err(QueueError::Unsuitable(format!(
                "Redis {version} is too old: Atelier needs {OLDEST_MAJOR}.0 or newer; upgrade the \
                 server or point ATELIER_REDIS_URL at another one"
            )));
        }
        if policy != POLICY {
            return Err(QueueError::Unsuitable(format!(
                "Redis may evict the streams (maxmemory-policy {policy}): run \
                 `redis-cli CONFIG SET maxmemory-policy {POLICY}` and set the same in redis.conf, \
                 or in the provider's parameter group"
            )));
        }
        Ok(())
    }
}

impl Queue {
    /// Asks the server about itself.
    ///
    /// # Errors
    /// As every command; [`QueueError::Unsuitable`] for a server that does not name the fields.
    pub async fn inspect(&self) -> Result<RedisReport, QueueError> {
        let during = "INFO";
        let info: Vec<u8> = self
            .command(during, redis::cmd("INFO").arg("everything"))
            .await?;
        let info = String::from_utf8(info)
            .map_err(|_| redis_error())
            .map_err(QueueError::redis(during))?;
        RedisReport::from_info(&info).ok_or_else(|| {
            QueueError::Unsuitable("the server's INFO names no version or memory policy".to_owned())
        })
    }

    /// Asks the server about itself and refuses it where it is unfit.
    ///
    /// # Errors
    /// As [`Self::inspect`] and [`RedisReport::check`].
    pub async fn check(&self) -> Result<RedisReport, QueueError> {
        let report = self.inspect().await?;
        report.check()?;
        Ok(report)
    }
}

fn redis_error() -> RedisError {
    RedisError::from((redis::ErrorKind::Parse, "INFO is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nused_memory:1024\r\n\
        used_memory_human:1K\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n";

    #[test]
    fn the_report_is_read_from_info() {
        let report = RedisReport::from_info(INFO).unwrap();
        assert_eq!(report.version, "7.0.15");
        assert_eq!(report.used_memory_bytes, 1024);
        assert!(report.aof_enabled);
        assert!(report.check().is_ok());
    }

    #[test]
    fn an_evicting_server_is_refused_with_the_command_that_mends_it() {
        let report = RedisReport::from_info(&INFO.replace("noeviction", "allkeys-lru")).unwrap();
        let error = report.check().unwrap_err().to_string();
        assert!(
            error.contains("CONFIG SET maxmemory-policy noeviction"),
            "{error}"
        );
    }

    #[test]
    fn an_old_server_and_one_without_a_version_are_refused() {
        for version in ["6.2.14", "five"] {
            let report = RedisReport::from_info(&INFO.replace("7.0.15", version)).unwrap();
            assert!(report.check().unwrap_err().to_string().contains("too old"));
        }
        assert_eq!(RedisReport::from_info("# Server\r\n"), None);
    }
}
