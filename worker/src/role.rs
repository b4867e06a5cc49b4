//! Setting the process up: from settings to running tasks.

use std::sync::Arc;
use std::time::Duration;

use imaging::{Pool, PoolConfig};
use providers::{Fetcher, Moderation, Providers};
use queue::{ConsumerOptions, Health, Limits, Queue};
use service::{BoxError, CancellationToken, Context, Ready, Role};
use store::sessions::{self, NewSession};
use store::{Database, Objects, StoreMetrics};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::bases::Bases;
use crate::brand_fonts::BrandFonts;
use crate::config::WorkerArgs;
use crate::fonts::load_fonts;
use crate::held::Held;
use crate::keyring::Keyring;
use crate::ledger::Ledger;
use crate::metrics::WorkerMetrics;
use crate::session::{LeaseKeeper, keep_lease};
use crate::settle::Settler;
use crate::worker::{Settings, Worker};
use crate::{aftercare, claim, ids, watch};

/// Who this process is.
pub const ROLE: Role = Role {
    name: "worker",
    version: env!("CARGO_PKG_VERSION"),
};

/// Starts the worker with the providers that the settings describe; see [`start_with`].
///
/// # Errors
/// As [`start_with`].
pub async fn start(context: Context, args: WorkerArgs) -> Result<Ready, BoxError> {
    let providers = Providers::from_config(&args.providers)?;
    start_with(context, args, providers).await
}

/// Starts the worker: opens its session, spawns its tasks on the context and returns. From then on it
/// claims until the context's shutdown begins, and ends its session when the last job has left.
///
/// # Errors
/// A setting that cannot be used, or a PostgreSQL that cannot be reached: a worker without a session
/// can claim nothing.
pub async fn start_with(
    context: Context,
    args: WorkerArgs,
    providers: Providers,
) -> Result<Ready, BoxError> {
    args.check()?;
    let store_metrics = StoreMetrics::register(context.metrics().registry())?;
    let db = Database::open(&args.database, "atelier worker", store_metrics.clone())?;
    let worker = Arc::new(worker(&context, &args, providers, &db)?);
    let alive_at = Instant::now();
    let session = NewSession {
        id: worker.session,
        host: host(),
        pid: std::process::id(),
        slots: worker.settings.slots,
    };
    sessions::start(&db, worker.clock.now(), &session).await?;
    let idle = CancellationToken::new();
    let keeper = LeaseKeeper {
        session: worker.session,
        database: args.database.clone(),
        store_metrics,
        clock: context.clock(),
        shutdown: context.shutdown().clone(),
        held: worker.held.clone(),
        alive_at,
        idle: idle.clone(),
    };
    keep_lease(context.tasks(), keeper)?;
    spawn(&context, &worker, &idle);
    readiness(&context, &worker);
    tracing::info!(session = %worker.session, slots = worker.settings.slots, "claiming");
    Ok(Ready::new().with("session", worker.session.to_string()))
}

fn worker(
    context: &Context,
    args: &WorkerArgs,
    providers: Providers,
    db: &Database,
) -> Result<Worker, BoxError> {
    let metrics = WorkerMetrics::register(context.metrics())?;
    let slots = u32::from(args.slots);
    metrics.slots.set(i64::from(slots));
    let default = PoolConfig::default();
    let pool = match args.imaging_threads {
        Some(threads) => PoolConfig { threads, ..default },
        None => default,
    };
    let clock = context.clock();
    let queue = Queue::new(&args.queue, context.metrics().registry())?;
    Ok(Worker {
        session: ids::session(clock.as_ref()),
        settings: Settings {
            slots,
            public_url: args.public_url.clone(),
            callbacks: args.callbacks()?,
            provider_timeout: args.provider_timeout(),
            moderation_timeout: Duration::from_millis(args.moderation_timeout_ms),
            retry: args.retry(),
            default_provider: args.routing.default_provider.clone(),
            fallback: args.routing.provider_fallback.clone(),
            max_calls: args.routing.provider_max_calls,
            patience: Duration::from_millis(args.routing.provider_patience_ms),
            aftercare: args.aftercare(),
        },
        clock,
        shutdown: context.shutdown().clone(),
        tasks: context.tasks().clone(),
        db: db.clone(),
        objects: Objects::open(&args.objects)?,
        health: Health::new(&queue, args.routing.breaker()),
        limits: Limits::new(&queue),
        waiting: Arc::new(Semaphore::new(usize::from(args.slots / 2).max(1))),
        keyring: Keyring::new(db, &providers, args.routing.sealing.sealing_keys.clone()),
        moderation: Moderation::new(&args.providers.openai)?,
        queue,
        providers,
        fetcher: Fetcher::new(&args.fetch)?,
        pool: Pool::start(pool)?,
        fonts: Arc::new(load_fonts(args.font_pack_dir.as_deref())?),
        bases: Arc::new(Bases::default()),
        brand_fonts: BrandFonts::default(),
        ledger: Ledger::start(context, db, &metrics)?,
        settler: Settler::start(context, db, &metrics)?,
        held: Held::default(),
        slots: Arc::new(Semaphore::new(usize::from(args.slots))),
        metrics,
    })
}

fn spawn(context: &Context, worker: &Arc<Worker>, idle: &CancellationToken) {
    let tasks = context.tasks();
    let consumer = worker.queue.consumer(&ConsumerOptions::new(worker.session));
    let waker = consumer.waker();
    tasks.spawn(
        "drain-wake",
        claim::wake_on_drain(Arc::clone(worker), waker),
    );
    tasks.spawn(
        "cancel-hints",
        watch::cancel_hints(Arc::clone(worker), idle.clone()),
    );
    tasks.spawn(
        "announcements",
        watch::announcements(Arc::clone(worker), idle.clone()),
    );
    tasks.spawn(
        "cancel-wishes",
        watch::cancel_wishes(Arc::clone(worker), idle.clone()),
    );
    tasks.spawn(
        "provider-health",
        watch::provider_health(Arc::clone(worker), idle.clone()),
    );
    tasks.spawn(
        "spent-cents",
        watch::spent_cents(Arc::clone(worker), idle.clone()),
    );
    tasks.spawn(
        "aftercare",
        aftercare::run(Arc::clone(worker), idle.clone()),
    );
    tasks.spawn("strays", watch::strays(Arc::clone(worker), idle.clone()));
    tasks.spawn_essential(
        "claim",
        claim::run(Arc::clone(worker), consumer, idle.clone()),
    );
}

/// Ready while PostgreSQL, Redis and the object store answer: without any of them a worker finishes
/// what it has but takes nothing new.
fn readiness(context: &Context, worker: &Arc<Worker>) {
    let db = worker.db.clone();
    context.admin().check_readiness("postgresql", move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| error.to_string()) }
    });
    let queue = worker.queue.clone();
    context.admin().check_readiness("redis", move || {
        let queue = queue.clone();
        async move {
            let answered = queue.lengths().await;
            answered.map(drop).map_err(|error| error.to_string())
        }
    });
    let objects = worker.objects.clone();
    context.admin().check_readiness("object_store", move || {
        let objects = objects.clone();
        async move { objects.ping().await.map_err(|error| error.to_string()) }
    });
}

/// The machine's name, as far as it is told: for operators only.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
