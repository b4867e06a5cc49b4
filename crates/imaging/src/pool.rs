//! Threads for image work.
//!
//! A fixed set of operating-system threads, as many as cores, because image work is pure CPU: more
//! threads would only add switching, and the async runtime's threads must never be held. Two bounds
//! keep a burst from swapping: the jobs that may stand in the queue, and the memory that all
//! admitted work together may take, counted from its pixels. Callers beyond a bound wait, first
//! come first served.
//!
//! On Linux the threads ask for less of a busy processor than the rest of the process (a nice value
//! of [`NICENESS`]), so that a full pool delays neither the async runtime nor the renewal of leases.
//! Work whose caller has gone is not begun, and ends between two stages where it asks its [`Stop`].

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::stop::StopOnDrop;
use crate::{Cost, PoolError, Stop};

/// Added to the threads' nice value. At 5 a thread that competes with one of nice 0 gets a quarter of
/// the core; an idle core is used in full.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// How large a [`Pool`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Threads.
    pub threads: NonZeroUsize,
    /// Jobs that may be admitted at once, running ones included.
    pub max_jobs: NonZeroUsize,
    /// Memory that admitted work may take together, in MiB.
    pub budget_mib: u32,
}

impl Default for PoolConfig {
    /// As many threads as cores this process may use, four jobs a thread, 1 GiB.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            threads,
            max_jobs: threads.saturating_mul(QUEUED_PER_THREAD),
            budget_mib: 1024,
        }
    }
}

/// Enough that a thread never idles while its next job is being handed over.
const QUEUED_PER_THREAD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// Threads that run image work one job at a time each.
///
/// Dropping the pool lets admitted jobs run to their end and then ends the threads; it does not
/// wait for them.
#[derive(Debug)]
pub struct Pool {
    jobs: Sender<Job>,
    slots: Arc<Semaphore>,
    budget: Arc<Semaphore>,
    budget_mib: u32,
    max_jobs: usize,
    waiting: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
}

/// What a pool is doing at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// Callers who wait to be admitted.
    pub waiting: usize,
    /// Jobs that are admitted and wait for a thread.
    pub queued: usize,
    /// Jobs on a thread.
    pub running: usize,
    /// Memory promised to admitted jobs, in MiB.
    pub promised_mib: usize,
}

/// Counts one for as long as it lives, however that ends.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`PoolError::Spawn`] if the system gives no thread.
    pub fn start(config: PoolConfig) -> Result<Self, PoolError> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..config.threads.get() {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name(format!("imaging-{number}"))
                .spawn(move || work(&receiver))
                .map_err(PoolError::Spawn)?;
        }
        Ok(Self {
            jobs,
            slots: Arc::new(Semaphore::new(config.max_jobs.get())),
            budget: Arc::new(Semaphore::new(config.budget_mib as usize)),
            budget_mib: config.budget_mib,
            max_jobs: config.max_jobs.get(),
            waiting: Arc::default(),
            running: Arc::default(),
        })
    }

    /// Runs a closure that takes as much memory as `cost` says.
    ///
    /// Waits for a place first, which is how a burst is held back. May be cancelled at any await:
    /// work that has not begun never runs; work that has begun finds its [`Stop`] set and its result
    /// is dropped.
    ///
    /// # Errors
    ///
    /// [`PoolError::OverBudget`] if it could never be admitted, [`PoolError::Panicked`] if the
    /// closure panics.
    pub async fn run<T, F>(&self, cost: Cost, work: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Stop) -> T + Send + 'static,
    {
        let needed_mib = cost.mib();
        if needed_mib > self.budget_mib {
            return Err(PoolError::OverBudget {
                needed_mib,
                budget_mib: self.budget_mib,
            });
        }
        let waiting = Counted::new(&self.waiting);
        let memory = acquire(&self.budget, needed_mib).await?;
        let slot = acquire(&self.slots, 1).await?;
        drop(waiting);
        let running = Arc::clone(&self.running);
        let (sender, receiver) = oneshot::channel();
        let stop = Stop::default();
        let gone = StopOnDrop(stop.clone());
        let job: Job = Box::new(move || {
            let counted = Counted::new(&running);
            let outcome = (!stop.is_set()).then(|| catch_unwind(AssertUnwindSafe(|| work(&stop))));
            drop((memory, slot, counted));
            // The caller may have gone.
            let _gone = outcome.map(|outcome| sender.send(outcome));
        });
        self.jobs.send(job).map_err(|_closed| PoolError::Closed)?;
        let answer = receiver.await;
        drop(gone);
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(PoolError::Panicked {
                message: panic_message(panic.as_ref()),
            }),
            Err(_dropped) => Err(PoolError::Closed),
        }
    }

    /// What the pool is doing now, for gauges: the numbers are read one after the other.
    #[must_use]
    pub fn load(&self) -> PoolLoad {
        let running = self.running.load(Ordering::Relaxed);
        let admitted = self.max_jobs.saturating_sub(self.slots.available_permits());
        PoolLoad {
            waiting: self.waiting.load(Ordering::Relaxed),
            queued: admitted.saturating_sub(running),
            running,
            promised_mib: (self.budget_mib as usize).saturating_sub(self.free_mib()),
        }
    }

    /// Memory not promised to any job, in MiB: a gauge.
    #[must_use]
    pub fn free_mib(&self) -> usize {
        self.budget.available_permits()
    }
}

async fn acquire(
    semaphore: &Arc<Semaphore>,
    count: u32,
) -> Result<OwnedSemaphorePermit, PoolError> {
    let permit = Arc::clone(semaphore).acquire_many_owned(count).await;
    permit.map_err(|_closed| PoolError::Closed)
}

/// One thread's life: take a job, run it, until the pool is gone.
fn work(jobs: &Mutex<Receiver<Job>>) {
    give_way();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(),
            Err(_pool_gone) => return,
        }
    }
}

/// A system that refuses gives the threads their usual share.
#[cfg(target_os = "linux")]
fn give_way() {
    let thread = rustix::thread::gettid();
    let _refused = rustix::process::getpriority_process(Some(thread)).and_then(|nice| {
        rustix::process::setpriority_process(Some(thread), nice.saturating_add(NICENESS))
    });
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}
