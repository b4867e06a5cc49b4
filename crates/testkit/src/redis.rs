//! A Redis (or Valkey) of one's own, in a temporary folder, on a free port of the loopback interface.
//!
//! Starting one takes about 20 ms, so a test that wipes Redis or counts keys simply starts its own.
//! This module speaks just enough of the protocol to ask for readiness and to wipe; the client library
//! belongs to the queue crate alone.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::account::Account;
use crate::durability::Durability;
use crate::error::ServerError;
use crate::guard::{GuardSpec, Guarded, Log};
use crate::launch::{Server, launch};
use crate::{program, scratch};

/// Longest answer to a command of ours; `INFO server` is about 1 KiB.
const ANSWER_MAX_BYTES: u64 = 64 * 1024;
/// How long a command of ours may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What kind of Redis to start.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Whether it keeps its data on disk.
    pub durability: Durability,
    /// Further settings, by their names in `redis.conf`; they win over ours.
    pub settings: Vec<(String, String)>,
}

/// A running private Redis.
#[derive(Debug)]
pub struct PrivateRedis {
    guard: Guarded,
    instance: Instance,
    port: u16,
}

impl PrivateRedis {
    /// Starts a Redis and waits until it answers.
    ///
    /// # Errors
    /// When Redis is missing, too old, or does not start; the error carries the end of its log.
    pub async fn start(options: &RedisOptions) -> Result<Self, ServerError> {
        let program = program::find_redis()?;
        let account = Account::for_servers()?;
        let (dir, mut guard) = scratch::folder("redis", account)?;
        let log = dir.join("log");
        let instance = Instance {
            program,
            dir,
            log,
            account,
            options: options.clone(),
        };
        let port = launch(&instance, &mut guard, None).await?;
        Ok(Self {
            guard,
            instance,
            port,
        })
    }

    /// Its address, database 0.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Its port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// The folder of its files, removed when this value is dropped or we die.
    pub fn dir(&self) -> &Path {
        &self.instance.dir
    }

    /// Removes every key of every database, as an operator's `FLUSHALL` would.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses.
    pub async fn flushall(&self) -> Result<(), ServerError> {
        let flush = |source| ServerError::Io {
            doing: "FLUSHALL",
            source,
        };
        command(self.port, "FLUSHALL")
            .await
            .map(drop)
            .map_err(flush)
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When its guard is gone.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.guard.stop().await?;
        Ok(())
    }

    /// Kills it as `kill -9` would.
    ///
    /// # Errors
    /// When its guard is gone.
    pub async fn kill9(&mut self) -> Result<(), ServerError> {
        self.guard.kill9().await?;
        Ok(())
    }

    /// Stops it if it runs, then starts it on the same port; with [`Durability::Test`] it comes back
    /// empty.
    ///
    /// # Errors
    /// As [`PrivateRedis::start`].
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        if self.guard.exit().is_none() {
            self.stop().await?;
        }
        launch(&self.instance, &mut self.guard, Some(self.port)).await?;
        Ok(())
    }
}

#[derive(Debug)]
struct Instance {
    program: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    account: Option<Account>,
    options: RedisOptions,
}

impl Server for Instance {
    const NAME: &'static str = "Redis";

    fn spec(&self, port: u16) -> GuardSpec {
        let port = port.to_string();
        let append = match self.options.durability {
            Durability::Test => "no",
            Durability::Demo => "yes",
        };
        let mut spec = GuardSpec::new(&self.program).env("LC_ALL", "C");
        for (name, value) in [
            ("port", port.as_str()),
            ("bind", "127.0.0.1"),
            ("save", ""),
            ("appendonly", append),
            ("appendfsync", "everysec"),
            // A queue must refuse rather than forget.
            ("maxmemory-policy", "noeviction"),
            ("databases", "16"),
        ] {
            spec = spec.args([format!("--{name}"), value.to_owned()]);
        }
        spec = spec.args(["--dir".into(), self.dir.clone().into_os_string()]);
        for (name, value) in &self.options.settings {
            spec = spec.args([format!("--{name}"), value.clone()]);
        }
        spec.account = self.account;
        spec.current_dir = Some(self.dir.clone());
        spec.log = Log::File(self.log.clone());
        spec.dir = Some(self.dir.clone());
        spec
    }

    fn log(&self) -> &Path {
        &self.log
    }

    /// The number in the answer must be the process we started: on a port that was taken from us
    /// another Redis might answer. A Redis that still loads its file refuses `DBSIZE`.
    async fn is_ready(&self, pid: u32, port: u16) -> bool {
        let ours = format!("process_id:{pid}");
        let info = command(port, "INFO server").await;
        info.is_ok_and(|info| info.lines().any(|line| line == ours))
            && command(port, "DBSIZE").await.is_ok()
    }
}

/// Sends one command without arguments that need quoting; returns its answer as text.
async fn command(port: u16, line: &str) -> io::Result<String> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    timeout(ANSWER_WITHIN, command_without_deadline(port, line))
        .await
        .map_err(late)?
}

async fn command_without_deadline(port: u16, line: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    let mut answer = BufReader::new(stream.take(ANSWER_MAX_BYTES));
    let mut head = String::new();
    answer.read_line(&mut head).await?;
    let head = head.trim_end();
    if let Some(size) = head.strip_prefix('$') {
        let size: usize = size.parse().map_err(io::Error::other)?;
        let mut body = vec![0; size.min(ANSWER_MAX_BYTES as usize)];
        answer.read_exact(&mut body).await?;
        return String::from_utf8(body).map_err(io::Error::other);
    }
    match head.strip_prefix(['+', ':']) {
        Some(text) => Ok(text.to_owned()),
        None => Err(io::Error::other(head.to_owned())),
    }
}
