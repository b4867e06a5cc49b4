//! A PostgreSQL of one's own, in a temporary folder, on a free port of the loopback interface.
//!
//! It has no Unix socket and no password: every account of this machine can reach it while it runs,
//! so it is for tests and for the demo only. It disappears with the process that started it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use crate::account::Account;
use crate::durability::Durability;
use crate::error::ServerError;
use crate::guard::{Exit, GuardSpec, Guarded, Log, Signal};
use crate::launch::{Server, launch};
use crate::{program, scratch};

/// How long a fast shutdown may take before the server is killed.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What kind of PostgreSQL to start.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Whether data must survive a crash of the machine.
    pub durability: Durability,
    /// Further settings, by their names in `postgresql.conf`; they win over ours.
    pub settings: Vec<(String, String)>,
}

/// A running private PostgreSQL.
#[derive(Debug)]
pub struct PrivatePostgres {
    guard: Guarded,
    cluster: Cluster,
    port: u16,
}

impl PrivatePostgres {
    /// Makes a cluster and starts it: about 0.7 s on a four-core machine.
    ///
    /// # Errors
    /// When PostgreSQL is missing, too old, or does not start; the error carries the end of its log.
    pub async fn start(options: &PostgresOptions) -> Result<Self, ServerError> {
        let programs = program::find_postgres()?;
        let account = Account::for_servers()?;
        let (dir, mut guard) = scratch::folder("postgres", account)?;
        let cluster = Cluster {
            postgres: programs.postgres,
            log: dir.join("log"),
            data: dir.join("data"),
            dir,
            account,
            options: options.clone(),
        };
        cluster.init(&programs.initdb, &mut guard).await?;
        let port = launch(&cluster, &mut guard, None).await?;
        Ok(Self {
            guard,
            cluster,
            port,
        })
    }

    /// The address of its `postgres` database, for the superuser `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process number of the postmaster.
    pub fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// The folder of its data and log, removed when this value is dropped or we die.
    pub fn dir(&self) -> &Path {
        &self.cluster.dir
    }

    /// Stops it in order (fast shutdown: open transactions are rolled back). The data stays.
    ///
    /// # Errors
    /// When its guard is gone.
    pub async fn stop(&mut self) -> Result<(), ServerError> {
        self.guard.signal(Signal::Int)?;
        if timeout(STOP_WITHIN, self.guard.exited()).await.is_err() {
            self.guard.kill9().await?;
        }
        Ok(())
    }

    /// Kills it as `kill -9` of the postmaster would: no checkpoint, no goodbye. The data stays.
    ///
    /// # Errors
    /// When its guard is gone.
    pub async fn kill9(&mut self) -> Result<(), ServerError> {
        self.guard.kill9().await?;
        Ok(())
    }

    /// Stops it if it runs, then starts it on the same port with the same data.
    ///
    /// # Errors
    /// As [`PrivatePostgres::start`].
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        if self.guard.exit().is_none() {
            self.stop().await?;
        }
        launch(&self.cluster, &mut self.guard, Some(self.port)).await?;
        Ok(())
    }
}

#[derive(Debug)]
struct Cluster {
    postgres: PathBuf,
    dir: PathBuf,
    data: PathBuf,
    log: PathBuf,
    account: Option<Account>,
    options: PostgresOptions,
}

impl Cluster {
    fn base_spec(&self, program: &Path) -> GuardSpec {
        let mut spec = GuardSpec::new(program)
            .env("LC_ALL", "C")
            .env("LC_MESSAGES", "C");
        spec.account = self.account;
        spec.current_dir = Some(self.dir.clone());
        spec.log = Log::File(self.log.clone());
        spec.dir = Some(self.dir.clone());
        // The folder goes next, so nothing is gained by writing a checkpoint first.
        spec.stop_signal = Signal::Quit;
        spec
    }

    /// `initdb`, without flushing to disk: a crash of the machine could only lose a cluster that
    /// nobody has used yet.
    async fn init(&self, initdb: &Path, guard: &mut Guarded) -> Result<(), ServerError> {
        let mut spec = self
            .base_spec(initdb)
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
            ])
            .args(["--locale=C", "--no-instructions", "-D"])
            .args([&self.data]);
        // It has no handler for QUIT, which background programs of a shell ignore.
        spec.stop_signal = Signal::Term;
        guard.succeed_by(&spec).await?;
        match guard.exited().await {
            Exit::Status(0) => Ok(()),
            exit => {
                let status = if let Exit::Status(status) = exit {
                    status
                } else {
                    -1
                };
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                Err(ServerError::Ended {
                    server: "initdb",
                    status,
                    log,
                })
            }
        }
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            // Every test has a pool of its own.
            ("max_connections", "400"),
            ("shared_buffers", "128MB"),
            ("max_wal_size", "4GB"),
            ("jit", "off"),
            // Files in the data folder instead of /dev/shm, where a killed server would leave them.
            ("dynamic_shared_memory_type", "mmap"),
        ];
        if self.options.durability == Durability::Test {
            settings.extend([
                // A commit is still handed to the system before it is confirmed, so kill -9 loses
                // none; only synchronous_commit = off would, and it would gain nothing here.
                ("fsync", "off"),
                ("full_page_writes", "off"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
            ]);
        }
        let own = self
            .options
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        settings.extend(own);
        settings
    }
}

impl Server for Cluster {
    const NAME: &'static str = "PostgreSQL";

    fn spec(&self, port: u16) -> GuardSpec {
        let mut args: Vec<OsString> = vec!["-D".into(), self.data.clone().into()];
        args.extend(["-p".into(), port.to_string().into()]);
        for (name, value) in self.settings() {
            args.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        self.base_spec(&self.postgres).args(args)
    }

    fn log(&self) -> &Path {
        &self.log
    }

    /// The postmaster writes its state into the eighth line of its lock file; the first line must be
    /// the process we started, because a killed server leaves its file behind.
    async fn is_ready(&self, pid: u32, _port: u16) -> bool {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid)
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }
}
