//! Threads for image work.
//!
//! A fixed set of operating-system threads, as many as cores, because image work is pure CPU: more
//! threads would only add switching, and the async runtime's threads must never be held. Two bounds
//! keep a burst from swapping: the jobs that may stand in the queue, and the memory that all
//! admitted work together may take, counted from its pixels. Callers beyond a bound wait, first
//! come first served.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::PoolError;

/// Fixed part of what a job takes: decoder tables, encoder buffers, fonts. Measured with a
/// prototype at 1 megapixel.
const JOB_BYTES: u64 = 24 << 20;
/// Part that grows with the pixels; 16 to 33 bytes were measured at 17 and 1 megapixels, together
/// with [`JOB_BYTES`].
const PIXEL_BYTES: u64 = 20;

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
        })
    }

    /// Runs a closure that touches about `cost_pixels` pixels (all decoded pictures and the output
    /// together).
    ///
    /// Waits for a place first, which is how a burst is held back. May be cancelled at any await:
    /// before admission nothing runs, after it the closure runs to its end and its result is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`PoolError::OverBudget`] if it could never be admitted, [`PoolError::Panicked`] if the
    /// closure panics.
    pub async fn run<T, F>(&self, cost_pixels: u64, work: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let needed_mib = cost_mib(cost_pixels);
        if needed_mib > self.budget_mib {
            return Err(PoolError::OverBudget {
                needed_mib,
                budget_mib: self.budget_mib,
            });
        }
        let memory = acquire(&self.budget, needed_mib).await?;
        let slot = acquire(&self.slots, 1).await?;
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(work));
            drop((memory, slot));
            // The caller may have gone; the work is done all the same.
            let _gone = sender.send(outcome);
        });
        self.jobs.send(job).map_err(|_closed| PoolError::Closed)?;
        match receiver.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(PoolError::Panicked {
                message: panic_message(panic.as_ref()),
            }),
            Err(_dropped) => Err(PoolError::Closed),
        }
    }

    /// Memory not promised to any job, in MiB: a gauge.
    #[must_use]
    pub fn free_mib(&self) -> usize {
        self.budget.available_permits()
    }
}

fn cost_mib(pixels: u64) -> u32 {
    let bytes = pixels.saturating_mul(PIXEL_BYTES).saturating_add(JOB_BYTES);
    u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX)
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
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(),
            Err(_pool_gone) => return,
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}
