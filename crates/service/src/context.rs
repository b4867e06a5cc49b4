//! What a role is given when it starts.

use std::io;
use std::sync::Arc;

use domain::Clock;
use prometheus::process_collector::ProcessCollector;

use crate::admin::Admin;
use crate::clock::SystemClock;
use crate::listen::AdminListen;
use crate::metrics::{IntGaugeVec, MetricError, MetricSpec, Metrics};
use crate::run::BoxError;
use crate::shutdown::ShutdownHandle;
use crate::tasks::Tasks;

/// Who a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// `api-lite`, `worker`, `scheduler` …
    pub name: &'static str,
    /// The version of the package, `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
}

/// Everything a role needs of its process. Cloning is cheap and gives the same process.
#[derive(Clone)]
pub struct Context {
    role: Role,
    metrics: Metrics,
    admin: Admin,
    shutdown: ShutdownHandle,
    tasks: Tasks,
    plumbing: Tasks,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("role", &self.role)
            .field("admin", &self.admin)
            .finish()
    }
}

impl Context {
    /// The context of a role: a fresh registry and an admin port that already answers. [`run`] makes
    /// it in a process; tests make their own. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the admin port cannot be bound.
    ///
    /// [`run`]: fn@crate::run
    pub async fn start(
        role: Role,
        admin_listen: AdminListen,
        shutdown: ShutdownHandle,
    ) -> Result<Self, BoxError> {
        let tasks = Tasks::new(shutdown.clone());
        let plumbing = Tasks::new(shutdown.clone());
        Ok(Self::with_tasks(role, admin_listen, shutdown, tasks, plumbing).await?)
    }

    /// A further role in the same process, with its own registry and admin port but the same tasks,
    /// clock and shutdown: for running all roles at once.
    ///
    /// # Errors
    /// When the admin port cannot be bound.
    pub async fn embed(&self, role: Role, admin_listen: AdminListen) -> Result<Self, BoxError> {
        let Self {
            shutdown,
            tasks,
            plumbing,
            clock,
            ..
        } = self.clone();
        let other = Self::with_tasks(role, admin_listen, shutdown, tasks, plumbing).await?;
        Ok(other.with_clock(clock))
    }

    async fn with_tasks(
        role: Role,
        admin_listen: AdminListen,
        shutdown: ShutdownHandle,
        tasks: Tasks,
        plumbing: Tasks,
    ) -> Result<Self, ContextError> {
        let metrics = Metrics::new();
        register_process_metrics(&metrics, role).map_err(ContextError::Metrics)?;
        let (admin, listener) = Admin::bind(admin_listen, metrics.clone(), shutdown.clone())
            .await
            .map_err(|source| ContextError::Bind {
                address: admin_listen,
                source,
            })?;
        plumbing.spawn("admin", admin.clone().serve(listener, shutdown.ended()));
        let clock = Arc::new(SystemClock);
        Ok(Self {
            role,
            metrics,
            admin,
            shutdown,
            tasks,
            plumbing,
            clock,
        })
    }

    /// The same context with another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The registry of this role.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The admin port of this role.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Both shutdown tokens.
    pub fn shutdown(&self) -> &ShutdownHandle {
        &self.shutdown
    }

    /// The supervised tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The wall clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The admin port and the signals: tasks that outlive the role's own.
    pub(crate) fn plumbing(&self) -> &Tasks {
        &self.plumbing
    }
}

#[derive(Debug, thiserror::Error)]
enum ContextError {
    #[error("the admin port cannot listen on {address}")]
    Bind {
        address: AdminListen,
        #[source]
        source: io::Error,
    },
    #[error("the metrics of the process cannot be registered")]
    Metrics(#[source] MetricError),
}

fn register_process_metrics(metrics: &Metrics, role: Role) -> Result<(), MetricError> {
    metrics.register_foreign(ProcessCollector::for_self())?;
    let info: IntGaugeVec = metrics.register(&MetricSpec {
        name: "atelier_build_info",
        help: "Always 1; the labels say what runs.",
        labels: &["role", "version"],
        buckets: &[],
    })?;
    info.with_label_values(&[role.name, role.version]).set(1);
    Ok(())
}
