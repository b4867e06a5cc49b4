//! Child processes that cannot outlive us.
//!
//! [`Guarded::spawn`] starts a program through a small POSIX shell script which holds the reading end
//! of a pipe. However this process ends (return, panic, `kill -9`), the kernel closes the writing end,
//! and the script stops the program and removes its folder. Nothing here needs `unsafe`,
//! `PR_SET_PDEATHSIG` or a signal handler, so it works on Linux and macOS alike.
//!
//! Invariants: the program runs in a process group of its own, so Ctrl-C reaches only the asking
//! process; a signal is only ever sent while the program has not been reaped, so never to a reused
//! process number. The shell starts background programs with `SIGINT` and `SIGQUIT` ignored; programs
//! that install handlers, as every server here does, do not notice.
//!
//! It does not restart anything, and it does not survive its own `kill -9` together with ours.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::sync::watch;

use crate::account::Account;

const SCRIPT: &str = include_str!("guard.sh");

/// Why a guarded program could not be started or told something.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The shell could not be started.
    #[error("cannot start the guard of {program}")]
    Spawn {
        /// The program that should have run.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The guard started but did not report a process.
    #[error("the guard of {program} did not start it: {said}")]
    NotStarted {
        /// The program that should have run.
        program: String,
        /// The guard's own words, possibly empty.
        said: String,
    },
    /// The guard is gone, so the order could not be given.
    #[error("the guard of process {pid} is gone")]
    Gone {
        /// The guarded process.
        pid: u32,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The signals a guard can be told to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ask to end; programs of ours drain.
    Term,
    /// Interrupt; PostgreSQL takes it as a fast shutdown.
    Int,
    /// PostgreSQL takes it as an immediate shutdown.
    Quit,
    /// End at once; cannot be caught.
    Kill,
    /// Freeze the process.
    Stop,
    /// Let a frozen process go on.
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// How a guarded program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended with this status; a shell reports death by signal `n` as `128 + n`.
    Status(i32),
    /// The guard itself died, so the end was not seen.
    Unseen,
}

/// Where a guarded program's standard output and standard error go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Log {
    /// Nowhere.
    #[default]
    Discard,
    /// To our own standard error.
    Inherit,
    /// Appended to this file, which the program's account must be able to write.
    File(PathBuf),
}

/// What to start, as whom, and what to remove afterwards.
#[derive(Debug, Clone)]
pub struct GuardSpec {
    /// The program; a bare name is looked up on `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables added to our own environment.
    pub env: Vec<(OsString, OsString)>,
    /// The account to run as; ours when absent. Switching needs root.
    pub account: Option<Account>,
    /// The working folder; ours when absent.
    pub current_dir: Option<PathBuf>,
    /// Where its output goes.
    pub log: Log,
    /// How it is asked to end by [`Guarded::stop`], by drop, and when we die.
    pub stop_signal: Signal,
    /// How long it may take to end before it is killed, in steps of 0.1 s.
    pub grace: Duration,
    /// A folder that is made if missing, before the start, and removed after the end.
    pub dir: Option<PathBuf>,
}

impl GuardSpec {
    /// `program` with no arguments, under our account, output discarded, ended by `TERM` within 10 s.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            account: None,
            current_dir: None,
            log: Log::default(),
            stop_signal: Signal::Term,
            grace: Duration::from_secs(10),
            dir: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        let log = match &self.log {
            Log::Discard => OsString::from("/dev/null"),
            Log::Inherit => OsString::new(),
            Log::File(path) => path.into(),
        };
        let dir = self.dir.as_ref().map_or_else(OsString::new, OsString::from);
        command
            .args(["-c", SCRIPT, "guard", self.stop_signal.name()])
            .arg((self.grace.as_millis().div_ceil(100)).to_string())
            .args([log, dir])
            .arg(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if self.log == Log::Inherit {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .process_group(0);
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        if let Some(current_dir) = &self.current_dir {
            command.current_dir(current_dir);
        }
        command
    }
}

/// A running (or ended) program with its guard. Dropping it stops the program and removes its folder.
#[derive(Debug)]
pub struct Guarded {
    pid: u32,
    guard: Child,
    orders: Option<ChildStdin>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Guarded {
    /// Starts the program. Returns as soon as it has a process number; a program that does not exist
    /// ends at once with status 127.
    ///
    /// # Errors
    /// When the shell cannot be started, or the folder cannot be made.
    pub fn spawn(spec: &GuardSpec) -> Result<Self, GuardError> {
        let program = || spec.program.display().to_string();
        let spawn_error = |source| GuardError::Spawn {
            program: program(),
            source,
        };
        let mut guard = spec.command().spawn().map_err(spawn_error)?;
        let orders = guard.stdin.take();
        let Some(stdout) = guard.stdout.take() else {
            return Err(spawn_error(io::Error::other("no pipe from the guard")));
        };
        let mut reports = BufReader::new(stdout);
        let mut first = String::new();
        let read = reports.read_line(&mut first);
        let pid = first
            .trim()
            .strip_prefix("pid ")
            .and_then(|pid| pid.parse().ok());
        let (Ok(_), Some(pid)) = (read, pid) else {
            drop(orders);
            guard.wait().map_err(spawn_error)?;
            return Err(GuardError::NotStarted {
                program: program(),
                said: first.trim().into(),
            });
        };
        Ok(Self {
            pid,
            guard,
            orders,
            exit: watch_exit(reports),
        })
    }

    /// The program's own process number (not the guard's).
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, or `None` while it runs. Never blocks.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end. May be cancelled.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(value) => value.unwrap_or(Exit::Unseen),
            Err(_) => Exit::Unseen,
        }
    }

    /// Sends a signal. Does nothing when the program has ended.
    ///
    /// # Errors
    /// When the guard itself is gone.
    pub fn signal(&mut self, signal: Signal) -> Result<(), GuardError> {
        self.order(signal.name())
    }

    /// Kills it at once, as `kill -9` would, and waits for its end. The folder stays until drop.
    ///
    /// # Errors
    /// When the guard itself is gone.
    pub async fn kill9(&mut self) -> Result<Exit, GuardError> {
        self.signal(Signal::Kill)?;
        Ok(self.exited().await)
    }

    /// Stops it (the stop signal, then `KILL` after the grace) and waits for its end. The folder stays
    /// until drop. Cancelling the wait does not cancel the stop.
    ///
    /// # Errors
    /// When the guard itself is gone.
    pub async fn stop(&mut self) -> Result<Exit, GuardError> {
        self.order("stop")?;
        Ok(self.exited().await)
    }

    /// Waits until this program has ended, then starts another which takes over the same folder. At
    /// every moment one of the two guards the folder.
    pub(crate) async fn succeed_by(&mut self, spec: &GuardSpec) -> Result<(), GuardError> {
        // A guard heeds "keep" only after it has reported the end.
        self.exited().await;
        let next = Self::spawn(spec)?;
        let mut old = std::mem::replace(self, next);
        // A guard that is gone removes nothing either.
        let _ = old.order("keep");
        Ok(())
    }

    fn order(&mut self, order: &str) -> Result<(), GuardError> {
        let pid = self.pid;
        let gone = |source| GuardError::Gone { pid, source };
        match &mut self.orders {
            Some(orders) => orders
                .write_all(format!("{order}\n").as_bytes())
                .map_err(gone),
            None => Err(gone(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.orders = None;
        // Bounded: the guard kills after the grace and gives up removing after 5 s.
        let _ = self.guard.wait();
    }
}

/// Follows the guard's reports on a thread of its own: it blocks in a read until the program ends.
fn watch_exit(mut reports: BufReader<ChildStdout>) -> watch::Receiver<Option<Exit>> {
    let (sender, receiver) = watch::channel(None);
    std::thread::spawn(move || {
        let mut line = String::new();
        let exit = match reports.read_line(&mut line) {
            Ok(_) => line
                .trim()
                .strip_prefix("exit ")
                .and_then(|status| status.parse().ok()),
            Err(_) => None,
        };
        sender.send_replace(Some(exit.map_or(Exit::Unseen, Exit::Status)));
    });
    receiver
}
