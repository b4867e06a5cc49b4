//! The jobs in hand: which they are, and telling one to stop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Fence, GenerationId};
use service::CancellationToken;
use store::Lease;
use tokio::sync::Notify;

/// The jobs of this process. Cloning gives the same set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    jobs: Arc<Mutex<HashMap<GenerationId, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    fence: Fence,
    cancel: CancellationToken,
    announced: Arc<Notify>,
}

/// One job in hand, shared by all that work on it; gone when nobody does any more.
#[derive(Debug)]
pub(crate) struct Hold {
    held: Held,
    lease: Lease,
    /// Cancelled when somebody wants the job to stop.
    pub(crate) cancel: CancellationToken,
    /// Notified when the job's provider announced something. One announcement is kept until it is heard.
    pub(crate) announced: Arc<Notify>,
}

impl Held {
    /// Takes a job into hand. A job that comes back under a new fence replaces its older self.
    pub(crate) fn take(&self, lease: Lease) -> Hold {
        let cancel = CancellationToken::new();
        let announced = Arc::new(Notify::new());
        let entry = Entry {
            fence: lease.fence,
            cancel: cancel.clone(),
            announced: Arc::clone(&announced),
        };
        self.lock().insert(lease.job, entry);
        Hold {
            held: self.clone(),
            lease,
            cancel,
            announced,
        }
    }

    /// Everything in hand.
    pub(crate) fn ids(&self) -> Vec<GenerationId> {
        self.lock().keys().copied().collect()
    }

    /// Tells a job to stop, if it is ours.
    pub(crate) fn cancel(&self, id: GenerationId) {
        if let Some(entry) = self.lock().get(&id) {
            entry.cancel.cancel();
        }
    }

    /// Tells a job that its provider announced something, if it is ours.
    pub(crate) fn announced(&self, id: GenerationId) {
        if let Some(entry) = self.lock().get(&id) {
            entry.announced.notify_one();
        }
    }

    /// The map stays whole at every instant, so a panic elsewhere does not make it unusable.
    fn lock(&self) -> MutexGuard<'_, HashMap<GenerationId, Entry>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut jobs = self.held.lock();
        if jobs
            .get(&self.lease.job)
            .is_some_and(|entry| entry.fence == self.lease.fence)
        {
            jobs.remove(&self.lease.job);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::SessionId;
    use uuid::Uuid;

    use super::*;

    fn lease(fence: i64) -> Lease {
        Lease {
            job: GenerationId(Uuid::from_u128(1)),
            fence: Fence(fence),
            session: SessionId(Uuid::from_u128(2)),
        }
    }

    #[test]
    fn an_older_hold_does_not_let_go_of_the_job_that_came_back() {
        let held = Held::default();
        let old = held.take(lease(1));
        let new = held.take(lease(2));
        drop(old);
        assert_eq!(held.ids(), [lease(2).job]);
        drop(new);
        assert_eq!(held.ids(), []);
    }

    #[test]
    fn a_cancellation_reaches_the_job_in_hand_and_no_other() {
        let held = Held::default();
        let hold = held.take(lease(1));
        held.cancel(GenerationId(Uuid::from_u128(9)));
        assert!(!hold.cancel.is_cancelled());
        held.cancel(lease(1).job);
        assert!(hold.cancel.is_cancelled());
    }
}
