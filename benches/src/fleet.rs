//! The real programs, as guarded processes that cannot outlive this one.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use testkit::{GuardSpec, Guarded, Log, wait};

use crate::http::Connection;
use crate::servers::Servers;

/// How long a role may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How much of a dead role's log is shown, in bytes.
const LOG_TAIL_BYTES: usize = 2000;

/// One running process of a role.
#[derive(Debug)]
pub struct Role {
    /// `api-lite`, `worker` or `scheduler`.
    pub name: &'static str,
    /// What its ready file says.
    ready: Value,
    guard: Guarded,
}

impl Role {
    /// Starts a role and waits until it says that it is ready. `number` tells processes of one role
    /// apart.
    ///
    /// # Errors
    /// When it ends or is not ready within 30 s; the end of its log says why.
    pub async fn start(
        name: &'static str,
        number: usize,
        programs: &Path,
        servers: &Servers,
        flags: &[String],
    ) -> anyhow::Result<Self> {
        let program = programs.join(name);
        ensure!(
            program.is_file(),
            "{} is not there; build it first, as benches/load/run does",
            program.display()
        );
        let ready_file = servers.folder().join(format!("{name}-{number}.ready"));
        let log = servers.folder().join(format!("{name}-{number}.log"));
        let mut spec = GuardSpec::new(program)
            .args(common_flags(servers, &ready_file))
            .args(flags.iter().map(OsString::from));
        spec.log = Log::File(log.clone());
        let guard = Guarded::spawn(&spec)?;
        let ready = wait::until_some(&format!("{name} is ready"), READY_WITHIN, async || {
            if guard.exit().is_some() {
                return Some(None);
            }
            let text = std::fs::read_to_string(&ready_file).ok()?;
            serde_json::from_str::<Value>(&text).ok().map(Some)
        })
        .await;
        match ready {
            Ok(Some(ready)) => Ok(Self { name, ready, guard }),
            Ok(None) => bail!("{name} ended while starting:\n{}", tail(&log)),
            Err(late) => Err(late).with_context(|| tail(&log)),
        }
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Kills it without a word.
    ///
    /// # Errors
    /// When it cannot be signalled, as when it has ended.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.guard.kill9().await?;
        Ok(())
    }

    /// Where it takes requests: the `url` of its ready file.
    ///
    /// # Errors
    /// When it takes none.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.socket("url")
    }

    /// Reads its `/metrics`.
    ///
    /// # Errors
    /// When its admin port does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let mut admin = Connection::open(self.socket("admin_url")?).await?;
        let (status, body) = admin.get("/metrics").await?;
        ensure!(
            status.is_success(),
            "{} answers /metrics with {status}",
            self.name
        );
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Fails if it has died.
    ///
    /// # Errors
    /// With what it ended with.
    pub fn check_alive(&self) -> anyhow::Result<()> {
        ensure!(
            self.guard.exit().is_none(),
            "{} died: {:?}",
            self.name,
            self.guard.exit()
        );
        Ok(())
    }

    fn socket(&self, field: &str) -> anyhow::Result<SocketAddr> {
        let url = self.ready[field].as_str();
        let url = url.with_context(|| format!("{}'s ready file has no {field}", self.name))?;
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        authority
            .parse()
            .with_context(|| format!("{url} is no http://address:port"))
    }
}

/// What all roles are told.
fn common_flags(servers: &Servers, ready_file: &Path) -> Vec<OsString> {
    let flag = |name: &str, value: String| [OsString::from(name), OsString::from(value)];
    let ready = [
        OsString::from("--ready-file"),
        PathBuf::from(ready_file).into_os_string(),
    ];
    [
        flag("--database-url", servers.postgres.url()),
        flag("--redis-url", servers.redis.url()),
        flag("--admin-listen", "127.0.0.1:0".to_owned()),
        ready,
    ]
    .concat()
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let from = text.len().saturating_sub(LOG_TAIL_BYTES);
    let from = (from..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text[from..].to_owned()
}
