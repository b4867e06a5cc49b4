//! The sockets: HTTP/1.1 with limits on what a connection may cost.
//!
//! Requests that break the protocol itself (a line that is no request line, more header lines than
//! allowed, headers that take too long) are answered by the HTTP library, without a document.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use service::{CancellationToken, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::config::LimitArgs;
use crate::metrics::ApiMetrics;

/// Room for one request's line and headers: 64 headers of a kilobyte. The HTTP library reads up to as
/// much again before it looks.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Pause after the operating system refused to hand over a connection: it is out of descriptors, and
/// trying again at once would only burn the processor.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) limits: LimitArgs,
    pub(crate) metrics: ApiMetrics,
    pub(crate) tasks: Tasks,
    /// When it is cancelled nothing more is accepted, and connections close after their request.
    pub(crate) stop: CancellationToken,
}

impl Server {
    /// Accepts connections until the stop, then waits for those that are open.
    pub(crate) async fn run(self, listener: TcpListener) {
        let most = usize::try_from(self.limits.connections).unwrap_or(usize::MAX);
        let places = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                accepted = accept(&listener, &places) => accepted,
            };
            let Some((stream, place)) = accepted else {
                break;
            };
            let server = self.clone();
            self.tasks.spawn("connection", async move {
                server.serve(stream).await;
                drop(place);
            });
        }
        drop(listener);
        // Every connection holds a place, so having all of them means that none is open.
        let all = u32::try_from(most).unwrap_or(u32::MAX);
        let _ = places.acquire_many(all).await;
    }

    async fn serve(self, stream: TcpStream) {
        // Answers are small and written whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        self.metrics.connections.inc();
        let router = self.router.clone();
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let mut router = router.clone();
            async move {
                let request: Request = request.map(Body::new);
                Ok::<_, Infallible>(call(&mut router, request).await)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_time())
            .max_headers(usize::from(self.limits.headers))
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        self.metrics.connections.dec();
        if let Err(error) = ended {
            // Clients go away in the middle all day; it says nothing about us.
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

async fn call(router: &mut Router, request: Request) -> axum::response::Response {
    match tower::Service::call(router, request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
