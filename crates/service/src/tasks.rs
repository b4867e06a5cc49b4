//! Supervised tasks: the only place that spawns.
//!
//! A detached task that dies silently leaves a process that looks alive and does nothing. So every
//! task has a name, and a task that ends with an error or panics begins the shutdown of the whole
//! process, which then exits with a non-zero code naming the task. An *essential* task must moreover
//! not end before a shutdown was asked for.
//!
//! Tasks are expected to watch [`ShutdownHandle::soft`] and to end by themselves; what still runs
//! when the hard token is cancelled is dropped at its next await and reported as cut off. A task runs
//! in the tracing span it was spawned in, so that its lines keep the `trace_id`.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::run::BoxError;
use crate::shutdown::{ShutdownHandle, ShutdownReason};
use crate::telemetry::{error_chain, panic_text};

/// How long [`Tasks::join_all`] still waits after the hard token for tasks between two awaits and for
/// threads, which cannot be dropped from outside.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// What a supervised task may return: nothing, or a result whose error stops the process.
pub trait TaskOutcome {
    /// The error, if the task failed.
    fn into_failure(self) -> Option<BoxError>;
}

impl TaskOutcome for () {
    fn into_failure(self) -> Option<BoxError> {
        None
    }
}

impl<E: Into<BoxError>> TaskOutcome for Result<(), E> {
    fn into_failure(self) -> Option<BoxError> {
        self.err().map(Into::into)
    }
}

/// Why [`Tasks::run_to_end`] has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaskFailure {
    /// The task panicked; the panic has been logged.
    #[error("the task panicked")]
    Panicked,
    /// The hard shutdown dropped the task.
    #[error("the task was cut off by the shutdown")]
    CutOff,
}

/// Tasks that had not ended when the process stopped hard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cut off by the shutdown: {}", .tasks.join(", "))]
pub struct CutOff {
    /// Their names, sorted; a name stands once per task.
    pub tasks: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    MayEnd,
    Essential,
}

#[derive(Debug)]
struct Shared {
    tracker: TaskTracker,
    shutdown: ShutdownHandle,
    running: Mutex<BTreeMap<u64, &'static str>>,
    cut_off: Mutex<Vec<&'static str>>,
    next_id: AtomicU64,
}

/// The set of all tasks and threads of a process. Cloning is cheap and gives the same set.
#[derive(Debug, Clone)]
pub struct Tasks {
    shared: Arc<Shared>,
}

impl Tasks {
    /// An empty set whose failures trigger `shutdown`.
    pub fn new(shutdown: ShutdownHandle) -> Self {
        Self {
            shared: Arc::new(Shared {
                tracker: TaskTracker::new(),
                shutdown,
                running: Mutex::default(),
                cut_off: Mutex::default(),
                next_id: AtomicU64::new(0),
            }),
        }
    }

    /// Runs a task that may end at any time. Must be called on a tokio runtime.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: TaskOutcome> + Send + 'static,
    {
        self.spawn_supervised(name, Ending::MayEnd, task);
    }

    /// Runs a task without which the process is useless: its end before a shutdown is a failure.
    /// Must be called on a tokio runtime.
    pub fn spawn_essential<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output: TaskOutcome> + Send + 'static,
    {
        self.spawn_supervised(name, Ending::Essential, task);
    }

    /// Runs an essential duty on an operating-system thread of its own, for work that must go on
    /// while the async threads are busy. The thread must watch the shutdown tokens itself: it cannot
    /// be dropped from outside.
    ///
    /// # Errors
    /// When the operating system refuses another thread.
    pub fn spawn_thread<O>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> O + Send + 'static,
    ) -> io::Result<()>
    where
        O: TaskOutcome + 'static,
    {
        let entry = self.enter(name);
        let tracked = self.shared.tracker.token();
        let tasks = self.clone();
        let body = move || {
            let _tracked = tracked;
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work().into_failure()));
            tasks.judge(name, Ending::Essential, outcome);
            drop(entry);
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map(drop)
    }

    /// Runs `task` to its end even if the returned future is dropped, and gives its result back. A
    /// panic is the caller's to handle and does not stop the process. The task starts at once, not at
    /// the first poll. Must be called on a tokio runtime.
    pub fn run_to_end<F, T>(
        &self,
        name: &'static str,
        task: F,
    ) -> impl Future<Output = Result<T, TaskFailure>> + Send + use<F, T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let entry = self.enter(name);
        let tasks = self.clone();
        let supervised = async move {
            let outcome = match tasks.run_until_hard(name, task).await {
                None => Err(TaskFailure::CutOff),
                Some(Err(_)) => Err(TaskFailure::Panicked),
                Some(Ok(value)) => Ok(value),
            };
            // The caller may have stopped listening; the work is done all the same.
            let _ = answer.send(outcome);
            drop(entry);
        };
        self.shared.tracker.spawn(supervised.in_current_span());
        async move { answered.await.unwrap_or(Err(TaskFailure::CutOff)) }
    }

    /// Waits until every task and thread has ended. Call it once the shutdown has begun.
    ///
    /// # Errors
    /// The names of those that the hard shutdown cut off.
    pub async fn join_all(&self) -> Result<(), CutOff> {
        let shared = &self.shared;
        shared.tracker.close();
        let hard = shared.shutdown.hard();
        tokio::select! {
            biased;
            () = shared.tracker.wait() => {}
            () = hard.cancelled() => {
                // Whoever has not ended after this is listed below.
                let _ = tokio::time::timeout(LAST_WAIT, shared.tracker.wait()).await;
            }
        }
        let mut tasks = lock(&shared.cut_off).clone();
        tasks.extend(lock(&shared.running).values());
        tasks.sort_unstable();
        if tasks.is_empty() {
            Ok(())
        } else {
            Err(CutOff { tasks })
        }
    }

    /// The names of everything that runs now, sorted.
    pub fn running(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = lock(&self.shared.running).values().copied().collect();
        names.sort_unstable();
        names
    }

    fn spawn_supervised<F>(&self, name: &'static str, ending: Ending, task: F)
    where
        F: Future<Output: TaskOutcome> + Send + 'static,
    {
        let entry = self.enter(name);
        let tasks = self.clone();
        let supervised = async move {
            let failure = task.map(TaskOutcome::into_failure);
            if let Some(outcome) = tasks.run_until_hard(name, failure).await {
                tasks.judge(name, ending, outcome);
            }
            drop(entry);
        };
        self.shared.tracker.spawn(supervised.in_current_span());
    }

    /// `None` when the hard token came first. The task is polled before the token, so one that
    /// watches the hard token itself may still end in order.
    async fn run_until_hard<T>(
        &self,
        name: &'static str,
        task: impl Future<Output = T>,
    ) -> Option<std::thread::Result<T>> {
        let hard = self.shared.shutdown.hard();
        tokio::select! {
            biased;
            outcome = AssertUnwindSafe(task).catch_unwind() => Some(outcome),
            () = hard.cancelled() => {
                lock(&self.shared.cut_off).push(name);
                None
            }
        }
    }

    /// Turns the end of a task into a shutdown where it must be one. The error is logged here, once.
    fn judge(
        &self,
        task: &'static str,
        ending: Ending,
        outcome: std::thread::Result<Option<BoxError>>,
    ) {
        let shutdown = &self.shared.shutdown;
        let detail = match outcome {
            Ok(None) => {
                if ending == Ending::Essential && !shutdown.is_draining() {
                    tracing::error!(task, "an essential task ended on its own");
                    shutdown.drain(ShutdownReason::TaskEnded { task });
                }
                return;
            }
            Ok(Some(error)) => error_chain(error.as_ref()),
            Err(panic) => format!("panicked: {}", panic_text(panic.as_ref())),
        };
        tracing::error!(task, error = detail, "a task failed and stops the process");
        shutdown.drain(ShutdownReason::TaskFailed { task, detail });
    }

    fn enter(&self, name: &'static str) -> Entry {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.running).insert(id, name);
        Entry {
            id,
            shared: self.shared.clone(),
        }
    }
}

/// A task's line in the list of running ones, removed on drop.
struct Entry {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.shared.running).remove(&self.id);
    }
}

/// The lists stay consistent at every instant, so a panic elsewhere does not make them unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
