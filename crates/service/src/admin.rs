//! The admin port: metrics, liveness, readiness, and what a role adds.
//!
//! It answers from before the role has started until after its last task has ended, so that a slow
//! start and a long drain can be watched. It has no authentication and is meant for the inside of a
//! cluster; by default it listens on the loopback address only.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{fmt, io};

use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve};
use futures::future::{BoxFuture, join_all};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::listen::AdminListen;
use crate::metrics::Metrics;
use crate::shutdown::ShutdownHandle;

/// A readiness check slower than this has failed: Kubernetes gives the whole probe one second by
/// default, so the answer must not wait for a dead dependency.
const CHECK_DEADLINE: Duration = Duration::from_millis(900);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

struct Shared {
    address: SocketAddr,
    metrics: Metrics,
    shutdown: ShutdownHandle,
    started: AtomicBool,
    checks: RwLock<Vec<(&'static str, Check)>>,
    extra: RwLock<Router>,
}

/// The admin port of a role. Cloning is cheap and gives the same port.
#[derive(Clone)]
pub struct Admin {
    shared: Arc<Shared>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl Admin {
    /// Takes the port. Nothing is answered before the returned listener goes to [`Admin::serve`].
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(crate) async fn bind(
        listen: AdminListen,
        metrics: Metrics,
        shutdown: ShutdownHandle,
    ) -> io::Result<(Self, TcpListener)> {
        let listener = listen.bind().await?;
        let shared = Shared {
            address: listener.local_addr()?,
            metrics,
            shutdown,
            started: AtomicBool::new(false),
            checks: RwLock::default(),
            extra: RwLock::default(),
        };
        Ok((
            Self {
                shared: Arc::new(shared),
            },
            listener,
        ))
    }

    /// Answers until `stop` is cancelled.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/metrics", get(render_metrics))
            .route("/livez", get(async || "alive\n"))
            .route("/readyz", get(readiness))
            .fallback(extra)
            .with_state(self);
        serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    }

    /// The address the port really has.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The port's address as a URL without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Adds a readiness check. It runs on every request to `/readyz`, next to the others, and has
    /// 900 ms; its error text is shown to whoever asks, so it must hold no secret.
    pub fn check_readiness<F, C>(&self, name: &'static str, check: C)
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check: Check = Arc::new(move || Box::pin(check()));
        let mut checks = self
            .shared
            .checks
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        checks.push((name, check));
    }

    /// Adds a role's own routes. Like [`Router::merge`], it panics when two routes overlap; it is
    /// called while the role starts.
    pub fn merge(&self, router: Router) {
        let mut extra = self
            .shared
            .extra
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *extra = std::mem::take(&mut *extra).merge(router);
    }

    /// From now on the checks decide whether the role is ready; before, it is not.
    pub fn mark_started(&self) {
        self.shared.started.store(true, Ordering::Release);
    }

    async fn run_checks(&self) -> Vec<(&'static str, Result<(), String>)> {
        let checks = self
            .shared
            .checks
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let run = checks.into_iter().map(async |(name, check)| {
            let outcome = tokio::time::timeout(CHECK_DEADLINE, check()).await;
            (
                name,
                outcome.unwrap_or_else(|_| Err("no answer in time".to_owned())),
            )
        });
        join_all(run).await
    }
}

async fn render_metrics(State(admin): State<Admin>) -> Response {
    match admin.shared.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::content_type())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `200` when everything is well, otherwise `503` with one line per problem. `?verbose` lists every
/// check in the form Kubernetes' own components use.
async fn readiness(
    State(admin): State<Admin>,
    Query(query): Query<Vec<(String, String)>>,
) -> (StatusCode, String) {
    let verbose = query.iter().any(|(name, _)| name == "verbose");
    let mut outcomes = vec![("startup", Ok(())), ("draining", Ok(()))];
    if !admin.shared.started.load(Ordering::Acquire) {
        outcomes[0].1 = Err("the role is still starting".to_owned());
    }
    if let Some(reason) = admin.shared.shutdown.reason() {
        outcomes[1].1 = Err(reason.to_string());
    }
    outcomes.extend(admin.run_checks().await);
    let failed = outcomes.iter().any(|(_, outcome)| outcome.is_err());
    let status = if failed {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let mut text = String::new();
    for (name, outcome) in outcomes {
        match outcome {
            Ok(()) if verbose => text.push_str(&format!("[+] {name} ok\n")),
            Ok(()) => {}
            Err(problem) => text.push_str(&format!("[-] {name} failed: {problem}\n")),
        }
    }
    if !failed {
        text.push_str("ready\n");
    }
    (status, text)
}

async fn extra(State(admin): State<Admin>, request: Request) -> Response {
    let router = admin
        .shared
        .extra
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
