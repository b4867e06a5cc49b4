//! How long the look-up and the connection of one request took.
//!
//! The client makes connections deep inside a request and tells nobody how long it took. What is measured
//! here is noted with the task that asked; a request on a kept connection notes nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower::{Layer, Service};

tokio::task_local! {
    static NOTES: Arc<Mutex<ConnectTiming>>;
}

/// What making the connection took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectTiming {
    /// Asking for the name's addresses; none where the URL holds an address or the connection was kept.
    pub lookup: Option<Duration>,
    /// TCP and TLS, without the look-up; none where the connection was kept or none came about.
    pub connect: Option<Duration>,
}

/// Runs a request, and says what making its connection took.
pub async fn timed<F: Future>(request: F) -> (F::Output, ConnectTiming) {
    let notes = Arc::<Mutex<ConnectTiming>>::default();
    let output = NOTES.scope(Arc::clone(&notes), request).await;
    let timing = *notes.lock().unwrap_or_else(PoisonError::into_inner);
    (output, timing)
}

/// Measures until it is dropped.
pub(super) struct LookupClock {
    notes: Option<Arc<Mutex<ConnectTiming>>>,
    started: Instant,
}

/// Begins to measure a look-up for the request that is being polled.
pub(super) fn of_lookup() -> LookupClock {
    LookupClock {
        notes: NOTES.try_with(Arc::clone).ok(),
        started: Instant::now(),
    }
}

impl Drop for LookupClock {
    fn drop(&mut self) {
        if let Some(notes) = &self.notes {
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.lookup = Some(self.started.elapsed());
        }
    }
}

/// Measures what it is laid around: a client's connector.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimingLayer;

/// A connector that is measured.
#[derive(Debug, Clone)]
pub(super) struct Timed<S>(S);

impl<S> Layer<S> for TimingLayer {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed(inner)
    }
}

type Connecting<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Connecting<S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let notes = NOTES.try_with(Arc::clone).ok();
        let started = Instant::now();
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connected = connecting.await;
            if let (Ok(_), Some(notes)) = (&connected, notes) {
                let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                let whole = started.elapsed();
                notes.connect = Some(whole.saturating_sub(notes.lookup.unwrap_or_default()));
            }
            connected
        })
    }
}
