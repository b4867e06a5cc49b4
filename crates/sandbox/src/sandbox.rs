//! A running sandbox.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use service::{ShutdownHandle, ShutdownReason, Tasks};
use tokio::net::TcpListener;

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::fault::FaultPlan;
use crate::ledger::Ledger;
use crate::provider::Provider;
use crate::world::World;
use crate::{control, server};

/// How long [`Sandbox::stop`] lets open requests finish.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// A running sandbox. Dropping it cuts every connection; [`Sandbox::stop`] lets requests finish.
pub struct Sandbox {
    addr: SocketAddr,
    world: Arc<World>,
    shutdown: ShutdownHandle,
    tasks: Tasks,
}

impl Sandbox {
    /// Listens and serves. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be had or the system gives no threads.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        let listen = config.listen;
        let fault = |source| SandboxError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(fault)?;
        let addr = listener.local_addr().map_err(fault)?;
        let shutdown = ShutdownHandle::new();
        let tasks = Tasks::new(shutdown.clone());
        let world = Arc::new(World::new(config, tasks.clone(), shutdown.soft())?);
        let router = control::router(Arc::clone(&world));
        let accepting = server::accept(listener, router, tasks.clone(), shutdown.soft());
        tasks.spawn("accept", accepting);
        Ok(Self {
            addr,
            world,
            shutdown,
            tasks,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://ADDR`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What a client of `provider` takes as its base URL, without a slash at the end.
    pub fn base_url(&self, provider: Provider) -> String {
        let path = match provider {
            Provider::OpenAi => "openai/v1",
            Provider::Stability => "stability",
            Provider::Replicate => "replicate/v1",
        };
        format!("http://{}/{path}", self.addr)
    }

    /// What was accepted, billed and delivered.
    pub fn ledger(&self) -> &Ledger {
        &self.world.ledger
    }

    /// The faults; they may be changed at any time.
    pub fn faults(&self) -> &FaultPlan {
        &self.world.faults
    }

    /// The secret that outgoing webhooks are signed with, as `whsec_…`.
    pub fn webhook_secret(&self) -> &str {
        &self.world.webhook_secret
    }

    /// Takes no new connection, lets open requests finish for up to two seconds, and ends.
    pub async fn stop(self) {
        self.shutdown
            .drain(ShutdownReason::Requested("the sandbox was stopped"));
        let joined = tokio::time::timeout(STOP_GRACE, self.tasks.join_all()).await;
        if joined.is_err() {
            self.shutdown
                .stop_now(ShutdownReason::Requested("the grace period is over"));
            // Whatever was cut off belonged to clients that did not finish.
            let _ = self.tasks.join_all().await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shutdown
            .stop_now(ShutdownReason::Requested("the sandbox was dropped"));
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
