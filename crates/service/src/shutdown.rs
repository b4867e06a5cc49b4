//! Soft, then hard shutdown.
//!
//! A process stops in two steps. *Soft*: take no new work, finish what is in hand. *Hard*: stop now;
//! whatever still runs is cut off and is recovered by the rest of the cluster. The first signal (or a
//! failed task) starts the soft step; a second signal or the end of the grace period the hard one.
//!
//! Invariants: the hard token is never cancelled before the soft one; the first reason given stays.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Why a process stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownReason {
    /// The operating system asked for it; the name of the signal.
    Signal(&'static str),
    /// Code asked for it; in words.
    Requested(&'static str),
    /// The function that starts the role returned an error.
    StartFailed,
    /// A supervised task ended with an error or panicked.
    TaskFailed {
        /// The task's name.
        task: &'static str,
        /// Its error chain or its panic message.
        detail: String,
    },
    /// An essential task ended although nobody had asked for a shutdown.
    TaskEnded {
        /// The task's name.
        task: &'static str,
    },
}

impl ShutdownReason {
    /// Whether the process must exit with a non-zero code because of this reason.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Signal(_) | Self::Requested(_) => false,
            Self::StartFailed | Self::TaskFailed { .. } | Self::TaskEnded { .. } => true,
        }
    }
}

/// Without the detail of a failed task: that is logged once, where the task ended, and `/readyz` shows
/// this text to whoever asks.
impl fmt::Display for ShutdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => write!(f, "received {name}"),
            Self::Requested(why) => f.write_str(why),
            Self::StartFailed => f.write_str("the role could not start"),
            Self::TaskFailed { task, .. } => write!(f, "task {task} failed"),
            Self::TaskEnded { task } => write!(f, "essential task {task} ended on its own"),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    soft: CancellationToken,
    hard: CancellationToken,
    ended: CancellationToken,
    reason: OnceLock<ShutdownReason>,
    failure: OnceLock<ShutdownReason>,
}

/// Both shutdown tokens and the reason, shared by everything in a process. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct ShutdownHandle {
    shared: Arc<Shared>,
}

impl ShutdownHandle {
    /// A handle nobody has triggered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process must take no new work.
    pub fn soft(&self) -> CancellationToken {
        self.shared.soft.clone()
    }

    /// Cancelled when the process must stop at once.
    pub fn hard(&self) -> CancellationToken {
        self.shared.hard.clone()
    }

    /// Whether the process takes no new work any more.
    pub fn is_draining(&self) -> bool {
        self.shared.soft.is_cancelled()
    }

    /// Begins the soft shutdown. Repeating it changes nothing but the recorded failure.
    pub fn drain(&self, reason: ShutdownReason) {
        if reason.is_failure() {
            // Only the first failure is kept; later ones are mostly its consequences.
            let _ = self.shared.failure.set(reason.clone());
        }
        let _ = self.shared.reason.set(reason);
        self.shared.soft.cancel();
    }

    /// Begins the hard shutdown (and the soft one with it).
    pub fn stop_now(&self, reason: ShutdownReason) {
        self.drain(reason);
        self.shared.hard.cancel();
    }

    /// Why the shutdown began; `None` while none has.
    pub fn reason(&self) -> Option<&ShutdownReason> {
        self.shared.reason.get()
    }

    /// The first failure recorded before or during the shutdown.
    pub fn failure(&self) -> Option<&ShutdownReason> {
        self.shared.failure.get()
    }

    /// Cancelled when the last task has ended and only the plumbing of the process is left.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.shared.ended.clone()
    }

    /// Releases the plumbing: the role's own tasks have ended.
    pub(crate) fn end(&self) {
        self.shared.ended.cancel();
    }

    /// Turns the end of the grace period into the hard shutdown. Returns once the hard token is
    /// cancelled or the last task has ended.
    pub async fn enforce_grace(&self, grace: Duration) {
        self.shared.soft.cancelled().await;
        tokio::select! {
            () = tokio::time::sleep(grace) => {
                tracing::warn!(grace_seconds = grace.as_secs(), "the grace period is over");
                self.stop_now(ShutdownReason::Requested("the grace period is over"));
            }
            () = self.shared.hard.cancelled() => {}
            () = self.shared.ended.cancelled() => {}
        }
    }
}

/// The signals that stop a process, already installed: none that arrives later is lost.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes SIGTERM and SIGINT over from the operating system's default. Needs a tokio runtime.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The first signal drains, the second stops. Returns after the second or with the process.
    pub(crate) async fn drive(mut self, shutdown: ShutdownHandle) {
        let ended = shutdown.ended();
        let signals = async {
            let first = self.next().await;
            shutdown.drain(ShutdownReason::Signal(first));
            let second = self.next().await;
            shutdown.stop_now(ShutdownReason::Signal(second));
        };
        tokio::select! {
            () = signals => {}
            () = ended.cancelled() => {}
        }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_hard_also_drains() {
        let shutdown = ShutdownHandle::new();
        shutdown.stop_now(ShutdownReason::Requested("test"));
        assert!(shutdown.soft().is_cancelled());
        assert!(shutdown.hard().is_cancelled());
    }

    #[test]
    fn draining_leaves_the_hard_token_alone_and_keeps_the_first_reason() {
        let shutdown = ShutdownHandle::new();
        shutdown.drain(ShutdownReason::Signal("SIGTERM"));
        shutdown.drain(ShutdownReason::Requested("later"));
        assert!(shutdown.is_draining());
        assert!(!shutdown.hard().is_cancelled());
        assert_eq!(shutdown.reason(), Some(&ShutdownReason::Signal("SIGTERM")));
        assert_eq!(shutdown.failure(), None);
    }

    #[test]
    fn a_failure_during_the_drain_is_still_a_failure() {
        let shutdown = ShutdownHandle::new();
        shutdown.drain(ShutdownReason::Signal("SIGTERM"));
        shutdown.drain(ShutdownReason::TaskEnded { task: "dispatch" });
        assert_eq!(shutdown.reason(), Some(&ShutdownReason::Signal("SIGTERM")));
        assert_eq!(
            shutdown.failure(),
            Some(&ShutdownReason::TaskEnded { task: "dispatch" })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_hard_token_follows_the_soft_one_after_the_grace_period_and_not_before() {
        let shutdown = ShutdownHandle::new();
        let began = tokio::time::Instant::now();
        shutdown.drain(ShutdownReason::Requested("test"));
        shutdown.enforce_grace(Duration::from_secs(30)).await;
        assert!(shutdown.hard().is_cancelled());
        assert_eq!(began.elapsed(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hard_stop_does_not_wait_for_the_grace_period() {
        let shutdown = ShutdownHandle::new();
        let began = tokio::time::Instant::now();
        shutdown.stop_now(ShutdownReason::Requested("test"));
        shutdown.enforce_grace(Duration::from_secs(30)).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
