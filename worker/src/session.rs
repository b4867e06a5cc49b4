//! The lease of this process, and stopping when it is lost.
//!
//! The lease is renewed on an operating-system thread of its own, with a runtime and a connection of
//! its own, because neither busy async threads nor image work nor a full pool may cost it. A process
//! that cannot renew in time must assume that its jobs run elsewhere: it stops at once and exits with
//! a failure (the self-fence). The fence in the database guards what it had already begun.

use std::future::Future;
use std::time::Duration;

use domain::SessionId;
use service::{CancellationToken, ShutdownHandle, ShutdownReason};
use std::sync::Arc;
use store::claims::hand_back_strays;
use store::sessions::{self, SESSION_RENEWAL, SESSION_TTL, SessionLease};
use store::{Database, DatabaseArgs, StoreError, StoreMetrics};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::held::Held;

/// The name of the thread, and of the task in logs.
const NAME: &str = "session-lease";
/// We stop this long before the database may declare us dead.
const MARGIN: Duration = Duration::from_secs(2);
/// One renewal may take this long; three fit into the time there is.
const RENEWAL_LIMIT: Duration = Duration::from_secs(3);
/// The pause after a renewal that failed.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// What a hard stop leaves for tasks to be dropped and for the last writes: together less than the one
/// second that the process waits for its threads.
const LAST_TASKS: Duration = Duration::from_millis(300);
const LAST_WRITES: Duration = Duration::from_millis(600);
/// How often a hard stop looks whether the tasks are gone.
const LOOK: Duration = Duration::from_millis(5);

/// The process must not act any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseLost {
    #[error("the session was declared dead; its jobs run elsewhere")]
    DeclaredDead,
    #[error("the lease was not renewed for {} s", .0.as_secs())]
    NotRenewed(Duration),
    #[error("the lease thread has no runtime")]
    Runtime(#[source] std::io::Error),
}

/// What the thread needs.
pub(crate) struct LeaseKeeper {
    pub(crate) session: SessionId,
    pub(crate) database: DatabaseArgs,
    pub(crate) store_metrics: StoreMetrics,
    pub(crate) clock: Arc<dyn domain::Clock>,
    pub(crate) shutdown: ShutdownHandle,
    pub(crate) held: Held,
    /// When the session was known to be alive last: the instant before it was started.
    pub(crate) alive_at: Instant,
    /// Cancelled when the last job has left and the session may end.
    pub(crate) idle: CancellationToken,
}

impl LeaseKeeper {
    /// The thread's body: until the session ends or is lost.
    pub(crate) fn run(self) -> Result<(), LeaseLost> {
        let built = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let kept = match built {
            Ok(runtime) => runtime.block_on(self.keep()),
            Err(error) => Err(LeaseLost::Runtime(error)),
        };
        kept.inspect_err(|lost| {
            // At once and not by the drain that a failed task begins: nothing may be sent or settled.
            let detail = lost.to_string();
            self.shutdown
                .stop_now(ShutdownReason::TaskFailed { task: NAME, detail });
        })
    }

    async fn keep(&self) -> Result<(), LeaseLost> {
        let hard = self.shutdown.hard();
        let mut lease = SessionLease::new(self.database.clone(), self.session);
        let mut alive_at = self.alive_at;
        let mut next = alive_at + SESSION_RENEWAL;
        loop {
            tokio::select! {
                biased;
                () = self.idle.cancelled() => break,
                () = hard.cancelled() => break,
                () = sleep_until(next) => {}
            }
            let asked_at = Instant::now();
            let fence_at = alive_at + SESSION_TTL.saturating_sub(MARGIN);
            if asked_at >= fence_at {
                return Err(LeaseLost::NotRenewed(alive_at.elapsed()));
            }
            let limit = fence_at.min(asked_at + RENEWAL_LIMIT);
            match timeout_at(limit, lease.renew()).await {
                Ok(Ok(true)) => {
                    alive_at = asked_at;
                    next = asked_at + SESSION_RENEWAL;
                }
                Ok(Ok(false)) => return Err(LeaseLost::DeclaredDead),
                failed => {
                    let error = failed
                        .ok()
                        .and_then(Result::err)
                        .map(|error| error.to_string());
                    tracing::warn!(error, "the lease could not be renewed");
                    next = fence_at.min(Instant::now() + AGAIN_AFTER);
                }
            }
        }
        self.let_go().await;
        Ok(())
    }

    /// The end, in order or by a hard stop: every job that still stands under the session goes back to
    /// the backlog as soon as no task of ours works on it any more.
    /// What was sent is in the ledger, where its next owner reads it. Jobs whose task does not end in
    /// time keep their session, until it expires.
    async fn let_go(&self) {
        let gone = async {
            while !self.held.ids().is_empty() {
                sleep(LOOK).await;
            }
        };
        let alive = match timeout(LAST_TASKS, gone).await {
            Ok(()) => Vec::new(),
            Err(_) => self.held.ids(),
        };
        self.last_write(async |db| {
            let now = self.clock.now();
            let any_time = now + chrono::TimeDelta::days(1);
            let back = hand_back_strays(&db, now, self.session, &alive, any_time).await?;
            tracing::info!(
                handed_back = back.len(),
                kept = alive.len(),
                "let go of the jobs"
            );
            if alive.is_empty() {
                sessions::end(&db, now, self.session).await?;
            }
            Ok(())
        })
        .await;
    }

    /// On a pool of this thread's own runtime; the process's pool may be busy or gone.
    async fn last_write<F>(&self, write: impl FnOnce(Database) -> F)
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let db = Database::open(&self.database, "atelier lease", self.store_metrics.clone());
        let written = match db {
            Ok(db) => timeout(LAST_WRITES, write(db)).await,
            Err(error) => Ok(Err(error)),
        };
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("the session could not be ended; it expires by itself");
        }
    }
}

/// Starts the thread.
///
/// # Errors
/// When the operating system refuses it.
pub(crate) fn keep_lease(tasks: &service::Tasks, keeper: LeaseKeeper) -> std::io::Result<()> {
    tasks.spawn_thread(NAME, move || keeper.run())
}
