//! Accepting connections, and ending them as a fault demands.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use service::{CancellationToken, Tasks};
use tokio::net::{TcpListener, TcpStream};

use crate::socket::{Connection, Socket};

/// Pause after the system refused to hand over a connection, as when it is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `stop`. Connections finish their request and close then.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    tasks: Tasks,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, router.clone(), stop.clone());
                tasks.spawn("connection", serving);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Answers are written whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let connection = Connection::default();
    let resets = connection.resets();
    let socket = Socket::new(stream, connection.clone());
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        let connection = connection.clone();
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(connection);
            match tower::Service::call(&mut router, request).await {
                Ok(response) => Ok::<_, Infallible>(response),
                Err(never) => match never {},
            }
        }
    });
    let mut http = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), answer);
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            () = resets.cancelled() => {
                http.into_parts().io.into_inner().reset();
                return;
            }
            ended = &mut http => {
                if let Err(error) = ended {
                    // Clients go away in the middle, and faults cut answers short.
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = stop.cancelled(), if !draining => {
                draining = true;
                std::pin::Pin::new(&mut http).graceful_shutdown();
            }
        }
    }
}
