//! Endpoints that lead to receivers of this machine, facts to tell them of, and dispatchers.

use std::time::Duration;

use domain::address::AllowList;
use domain::webhook_endpoint::{PayloadFormat, WebhookHeaders};
use domain::webhook_signature::{SignedHeaders, WebhookSecret, verify};
use domain::{EventKind, Lane};
use providers::guard::SystemLookup;
use scheduler::webhooks::{Dispatcher, DispatcherParts, Sender, WebhookMetrics};
use service::{Metrics, ShutdownHandle, ShutdownReason, Tasks};
use store::SealingKeys;
use store::cancel::{CancelOutcome, cancel};
use store::webhooks::endpoints::{NewEndpoint, Settings, create};
use store::webhooks::secrets::{NewSecret, SecretKind};
use testkit::{Received, WebhookReceiver, wait};
use uuid::Uuid;

use crate::world::{PATIENCE, World};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub fn sealing() -> SealingKeys {
    format!("k1:{}=", "A".repeat(43)).parse().unwrap()
}

/// An endpoint's settings, subscribed to failed generations.
pub fn settings(url: &str) -> Settings {
    Settings {
        name: "Orders".to_owned(),
        url: url.to_owned(),
        events: vec![EventKind::GenerationFailed],
        format: PayloadFormat::Standard,
        headers: WebhookHeaders::default(),
        max_in_flight: 4,
        rate_per_s: None,
        ordered: false,
        timeout_ms: 1_000,
        is_active: true,
    }
}

/// Makes an endpoint of a brand; returns its id.
pub async fn endpoint(world: &World, brand: &str, settings: Settings) -> String {
    let new = NewEndpoint {
        id: format!("wh_{}", Uuid::now_v7().simple()),
        brand: brand.into(),
        settings,
        secrets: vec![NewSecret {
            id: Uuid::new_v4(),
            kind: SecretKind::Hmac,
            secret: SECRET.into(),
        }],
    };
    create(&world.db, world.now(), &sealing(), &new)
        .await
        .unwrap();
    new.id
}

/// So many facts of a brand, each told by `generation.failed`: jobs that are cancelled while they wait.
pub async fn facts(world: &World, brand: &str, count: usize) {
    let requests: Vec<_> = (0..count)
        .map(|_| world.request(brand, Lane::Free))
        .collect();
    world.accept(&requests).await;
    let brand = brand.into();
    for request in &requests {
        let ended = cancel(&world.db, world.now(), &brand, &request.public_id);
        assert_eq!(ended.await.unwrap(), CancelOutcome::Canceled);
    }
}

/// A dispatcher of a process of its own.
pub struct Running {
    shutdown: ShutdownHandle,
    tasks: Tasks,
    pub metrics: WebhookMetrics,
}

pub fn parts(world: &World, allowed: &str, tasks: &Tasks) -> DispatcherParts {
    let networks = allowed.split(',').filter(|text| !text.is_empty());
    let allowed = AllowList::new(networks.map(|text| text.parse().unwrap()).collect());
    DispatcherParts {
        db: world.db.clone(),
        clock: world.shared_clock(),
        keys: Some(sealing()),
        sender: Sender::new(&allowed, &SystemLookup::shared()).unwrap(),
        tasks: tasks.clone(),
        metrics: WebhookMetrics::register(&Metrics::new()).unwrap(),
        slots: 64,
        poll: Duration::from_millis(20),
    }
}

impl Running {
    /// One that may send to this machine.
    pub fn start(world: &World) -> Self {
        Self::with(world, |_| {})
    }

    pub fn with(world: &World, change: impl FnOnce(&mut DispatcherParts)) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let shutdown = ShutdownHandle::new();
        let tasks = Tasks::new(shutdown.clone());
        let mut parts = parts(world, "127.0.0.0/8", &tasks);
        change(&mut parts);
        let metrics = parts.metrics.clone();
        let dispatcher = Dispatcher::new(parts);
        let stop = shutdown.soft();
        tasks.spawn_essential("webhook sending", async move {
            Box::pin(dispatcher.run(stop)).await;
        });
        Self {
            shutdown,
            tasks,
            metrics,
        }
    }

    /// Stops in order.
    pub async fn stop(self) {
        self.shutdown.drain(ShutdownReason::Requested("test"));
        let joined = tokio::time::timeout(PATIENCE, self.tasks.join_all());
        joined.await.expect("the dispatcher ends").unwrap();
    }

    /// Ends it between two awaits, as a crash would: nothing is recorded or given up.
    pub async fn crash(self) {
        self.shutdown.stop_now(ShutdownReason::Requested("test"));
        let _ = self.tasks.join_all().await;
    }
}

/// Waits until so many requests have come.
pub async fn until_received(receiver: &WebhookReceiver, count: u64) {
    wait::until(&format!("{count} requests"), PATIENCE, async || {
        receiver.requests() >= count
    })
    .await
    .unwrap_or_else(|error| panic!("{error}; {} came", receiver.requests()));
}

/// Waits until a count of deliveries is what it should be.
pub async fn until_deliveries(world: &World, condition: &str, count: i64) {
    let query = format!("SELECT count(*) FROM atelier.webhook_delivery WHERE {condition}");
    let what = format!("{count} deliveries with {condition}");
    let waited = wait::until(&what, PATIENCE, async || {
        world.number(&query).await == count
    });
    if let Err(error) = waited.await {
        panic!("{error}; there are {}", world.number(&query).await);
    }
}

/// Whether a message verifies under the endpoint's secret.
pub fn is_signed(world: &World, received: &Received) -> bool {
    let secrets = [WebhookSecret::parse(SECRET).unwrap()];
    let headers = SignedHeaders {
        id: received.header("webhook-id"),
        timestamp: received.header("webhook-timestamp"),
        signature: received.header("webhook-signature"),
    };
    verify(&secrets, headers, &received.body, world.now()).is_ok()
}
