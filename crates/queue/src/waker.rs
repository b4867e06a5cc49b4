//! Ending a blocking read from outside without cancelling it.
//!
//! A read that is cancelled on our side goes on in the server, which then delivers the next entry to
//! nobody. So the server itself is asked to end the read, with `CLIENT UNBLOCK`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::handle::Queue;

/// The pause between two `CLIENT UNBLOCK`: the first may arrive before the read that it should end.
const PAUSE: Duration = Duration::from_millis(5);

/// After this time the read has ended by itself or the server is away.
const GIVE_UP: Duration = Duration::from_secs(3);

/// What the consumer and its wakers share.
#[derive(Debug, Default)]
pub(crate) struct WakeState {
    asked: AtomicBool,
    /// The connection that is in a blocking read, or is about to be; 0 for none.
    blocked: AtomicI64,
    notify: Notify,
}

impl WakeState {
    /// Announces a blocking read. False when a wake was asked for before: then do not block.
    pub(crate) fn begin_block(&self, client_id: i64) -> bool {
        self.blocked.store(client_id, Ordering::SeqCst);
        let go = !self.asked.load(Ordering::SeqCst);
        if !go {
            self.end_block();
        }
        go
    }

    pub(crate) fn end_block(&self) {
        self.blocked.store(0, Ordering::SeqCst);
    }

    /// Takes the wake back, if one was asked for: it is answered by an empty batch.
    pub(crate) fn take(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }

    /// Runs something that may be cancelled; `None` when a wake came first.
    pub(crate) async fn unless_woken<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let woken = self.notify.notified();
        if self.asked.load(Ordering::SeqCst) {
            return None;
        }
        tokio::select! {
            value = work => Some(value),
            () = woken => None,
        }
    }
}

/// Wakes one consumer. Clone it into whatever handles shutdown.
#[derive(Debug, Clone)]
pub struct Waker {
    pub(crate) queue: Queue,
    pub(crate) state: Arc<WakeState>,
}

impl Waker {
    /// Makes the consumer's running [`next`](crate::Consumer::next), or else its next one, return
    /// without waiting for entries, within about one round trip to Redis. One wake ends one wait.
    ///
    /// If Redis does not answer, the read ends by its own deadline. May be cancelled.
    pub async fn wake(&self) {
        self.state.asked.store(true, Ordering::SeqCst);
        self.state.notify.notify_waiters();
        let give_up = Instant::now() + GIVE_UP;
        loop {
            let client_id = self.state.blocked.load(Ordering::SeqCst);
            if client_id == 0 || Instant::now() >= give_up {
                return;
            }
            let mut unblock = redis::cmd("CLIENT");
            unblock.arg("UNBLOCK").arg(client_id);
            if let Ok(1) = self.queue.command::<i64>("CLIENT UNBLOCK", &unblock).await {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
