//! Threads of their own for drawing, so that pixels never hold up the async runtime.
//!
//! Bounded: as many drawings run as there are threads, one more for each waits in the queue, and
//! further callers wait asynchronously. A caller that goes away leaves its turn: nothing is drawn
//! for it.

use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Drawing = Box<dyn FnOnce() -> io::Result<Vec<u8>> + Send>;

struct Job {
    drawing: Drawing,
    reply: oneshot::Sender<io::Result<Vec<u8>>>,
    /// Held until the drawing ends; this is what bounds the queue.
    _turn: OwnedSemaphorePermit,
}

/// The threads end when the pool is dropped.
pub(crate) struct Pool {
    jobs: Sender<Job>,
    turns: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads.get() {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("synthetic-{number}"))
                .spawn(move || draw_until_closed(&queue))?;
        }
        Ok(Self {
            jobs,
            turns: Arc::new(Semaphore::new(threads.get() * 2)),
        })
    }

    /// Draws on one of the threads. May be cancelled: a drawing that has not begun never does, one
    /// that has begun is thrown away.
    pub(crate) async fn draw(
        &self,
        drawing: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> io::Result<Vec<u8>> {
        let gone = |_| io::Error::other("the drawing threads are gone");
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            drawing: Box::new(drawing),
            reply,
            _turn: turn,
        };
        self.jobs
            .send(job)
            .map_err(|_| io::Error::other("the drawing threads are gone"))?;
        answer.await.map_err(gone)?
    }
}

fn draw_until_closed(queue: &Mutex<Receiver<Job>>) {
    loop {
        // Nothing panics while the lock is held, so it cannot be poisoned.
        let Ok(Ok(job)) = queue.lock().map(|queue| queue.recv()) else {
            return;
        };
        if !job.reply.is_closed() {
            // The caller may leave while its picture is drawn; then nobody wants it.
            let _ = job.reply.send((job.drawing)());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn drawing_happens_on_the_pools_own_threads() {
        let pool = Pool::start(NonZeroUsize::MIN).unwrap();
        let name = pool
            .draw(|| Ok(thread::current().name().unwrap().into()))
            .await
            .unwrap();
        assert_eq!(name, b"synthetic-0");
    }

    #[tokio::test]
    async fn nothing_is_drawn_for_a_caller_that_left() {
        let pool = Pool::start(NonZeroUsize::MIN).unwrap();
        let (release, gate) = mpsc::channel::<()>();
        let drawn = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&drawn);
        let busy = pool.draw(move || {
            gate.recv().map_err(io::Error::other)?;
            Ok(vec![])
        });
        let left = pool.draw(move || {
            mark.store(true, Ordering::SeqCst);
            Ok(vec![])
        });
        {
            let mut busy = std::pin::pin!(busy);
            {
                let mut left = std::pin::pin!(left);
                // Both are queued by their first poll; then the second caller goes away.
                assert!(futures_poll(&mut busy).await.is_none());
                assert!(futures_poll(&mut left).await.is_none());
            }
            release.send(()).unwrap();
            busy.await.unwrap();
        }
        pool.draw(|| Ok(vec![])).await.unwrap();
        assert!(!drawn.load(Ordering::SeqCst));
    }

    /// Polls once.
    async fn futures_poll<F: Future>(future: &mut std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => Some(value),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
