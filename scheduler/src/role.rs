//! Setting the process up: from settings to running duties.

use std::time::Duration;

use chrono::TimeDelta;
use providers::guard::SystemLookup;
use queue::Queue;
use service::{BoxError, Context, Ready, Role};
use store::{Database, ObjectArgs, Objects, StoreMetrics};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::admin::{self, AdminState};
use crate::config::SchedulerArgs;
use crate::driver::{Driver, Frame};
use crate::duties::{
    Audit, Billing, Dispatch, Documents, Expiry, Observe, Recovery, Retention, Streams, Stripe,
    WebhookRepairs, WebhookRetention, WebhookUpkeep,
};
use crate::duty::Duty;
use crate::metrics::SchedulerMetrics;
use crate::nudges::Nudges;
use crate::status::StatusBoard;
use crate::stripe::StripeClient;
use crate::webhooks::{Dispatcher, DispatcherParts, Sender, WebhookMetrics};

/// Who this process is.
pub const ROLE: Role = Role {
    name: "scheduler",
    version: env!("CARGO_PKG_VERSION"),
};

/// Where the admin port of a scheduler listens unless told otherwise.
pub const DEFAULT_ADMIN_LISTEN: &str = "127.0.0.1:9103+";

const DUTIES: [&str; 13] = [
    Dispatch::NAME,
    Recovery::NAME,
    Expiry::NAME,
    Retention::NAME,
    Streams::NAME,
    Observe::NAME,
    WebhookUpkeep::NAME,
    WebhookRepairs::NAME,
    WebhookRetention::NAME,
    Documents::NAME,
    Stripe::NAME,
    Billing::NAME,
    Audit::NAME,
];

/// Starts the duties and the sending of webhooks on the context's tasks and returns. They run until the
/// context's shutdown begins, finish what is in hand and give their leases up.
///
/// Neither PostgreSQL nor Redis needs to be there yet.
///
/// # Errors
/// A setting that cannot be used.
pub async fn start(context: &Context, args: &SchedulerArgs) -> Result<Ready, BoxError> {
    let registry = context.metrics().registry();
    let db = Database::open(
        &args.database,
        "atelier scheduler",
        StoreMetrics::register(registry)?,
    )?;
    let queue = Queue::new(&args.queue, registry)?;
    let frame = Frame {
        db: db.clone(),
        clock: context.clock(),
        holder: Uuid::new_v4(),
        nudges: Nudges::new(&DUTIES),
        status: StatusBoard::default(),
        metrics: SchedulerMetrics::register(context.metrics())?,
    };
    let spawner = Spawner::new(context, &frame, args);
    spawn_duties(&spawner, &db, &queue);
    spawn_papers(&spawner, &db)?;
    spawner.finish(&queue);
    send_webhooks(context, args, &db)?;
    readiness(context, &db, &queue);
    context.admin().merge(admin::routes(AdminState {
        db,
        clock: context.clock(),
        holder: frame.holder,
        status: frame.status.clone(),
        slots_per_worker: args.slots_per_worker,
    }));
    tracing::info!(holder = %frame.holder, "the duties run here or stand by");
    Ok(Ready::new())
}

fn spawn_duties(spawner: &Spawner<'_>, db: &Database, queue: &Queue) {
    let clock = || spawner.frame.clock.clone();
    let metrics = || spawner.frame.metrics.clone();
    let (db, queue) = (|| db.clone(), || queue.clone());
    spawner.spawn(Dispatch::new(db(), queue(), clock(), metrics()));
    spawner.spawn(Recovery::new(db(), queue(), clock(), metrics()));
    spawner.spawn(Expiry::new(db(), clock(), metrics()));
    spawner.spawn(Retention::new(db(), clock()));
    spawner.spawn(Streams::new(db(), queue()));
    spawner.spawn(Observe::new(db(), queue(), clock(), metrics()));
    let grace = TimeDelta::seconds(i64::from(spawner.args.billing_grace_s));
    spawner.spawn(Billing::new(db(), clock(), metrics(), grace));
    spawner.spawn(Audit::new(db(), clock(), metrics()));
    let keys = spawner.args.sealing.sealing_keys.clone();
    spawner.spawn(WebhookUpkeep::new(db(), clock(), keys));
    spawner.spawn(WebhookRepairs::new(db(), clock(), metrics()));
    spawner.spawn(WebhookRetention::new(db(), clock()));
}

/// Sends webhooks on every replica: their lanes are leased one by one.
fn send_webhooks(context: &Context, args: &SchedulerArgs, db: &Database) -> Result<(), BoxError> {
    let settings = &args.sending;
    let keys = args.sealing.sealing_keys.clone();
    if keys.is_none() {
        tracing::warn!(
            "no sealing keys: webhooks whose secrets are sealed are not sent by this process; \
             set ATELIER_SEALING_KEYS to those of api-lite"
        );
    }
    let dispatcher = Dispatcher::new(DispatcherParts {
        db: db.clone(),
        clock: context.clock(),
        keys,
        sender: Sender::new(&args.webhooks.allowed(), &SystemLookup::shared())?,
        tasks: context.tasks().clone(),
        metrics: WebhookMetrics::register(context.metrics())?,
        slots: settings.webhook_concurrency.into(),
        poll: Duration::from_millis(settings.webhook_poll_ms),
    });
    let stop = context.shutdown().soft();
    let sending = async move { Box::pin(dispatcher.run(stop)).await };
    context.tasks().spawn_essential("webhook sending", sending);
    Ok(())
}

/// What becomes of invoices outside of PostgreSQL, as far as the settings say where that is.
fn spawn_papers(spawner: &Spawner<'_>, db: &Database) -> Result<(), BoxError> {
    let Spawner { frame, args, .. } = spawner;
    let (clock, metrics) = (|| frame.clock.clone(), || frame.metrics.clone());
    let links = args.links.links();
    let links = links.map_err(|error| format!("--link-secret: {error}"))?;
    match args.object_store.clone() {
        Some(object_store) => {
            let objects = Objects::open(&ObjectArgs { object_store })?;
            let duty = Documents::new(db.clone(), objects, links, clock(), metrics())?;
            spawner.spawn(duty);
        }
        None => tracing::warn!("without ATELIER_OBJECT_STORE no files of invoices are made"),
    }
    if let Some(client) = StripeClient::new(&args.stripe)? {
        spawner.spawn(Stripe::new(db.clone(), client, clock(), metrics()));
    }
    Ok(())
}

/// Spawns duties, and knows when the last of them has ended.
struct Spawner<'a> {
    context: &'a Context,
    frame: &'a Frame,
    args: &'a SchedulerArgs,
    /// Every duty's task holds a clone; nothing is ever sent.
    working: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl<'a> Spawner<'a> {
    fn new(context: &'a Context, frame: &'a Frame, args: &'a SchedulerArgs) -> Self {
        let (working, ended) = mpsc::channel(1);
        Self {
            context,
            frame,
            args,
            working,
            ended,
        }
    }

    fn spawn<D: Duty>(&self, duty: D) {
        let name = duty.name();
        let driver = Driver::new(self.frame, duty, self.args.periods.of(name));
        let stop = self.context.shutdown().soft();
        let working = self.working.clone();
        self.context.tasks().spawn_essential(name, async move {
            driver.drive(stop).await;
            drop(working);
        });
    }

    /// Spawns what serves all duties: the ear for nudges, and the release of the leases, which comes
    /// after the last run, so that nobody takes over what is still being done.
    fn finish(self, queue: &Queue) {
        let tasks = self.context.tasks();
        let nudges = self.frame.nudges.clone();
        let stop = self.context.shutdown().soft();
        tasks.spawn_essential("nudges", nudges.listen(queue.subscribe_nudges(), stop));
        let Self {
            frame,
            working,
            mut ended,
            ..
        } = self;
        let frame = frame.clone();
        drop(working);
        tasks.spawn("release", async move {
            ended.recv().await;
            if let Err(error) = frame.release().await {
                tracing::warn!(%error, "the leases were not given up; they run out by themselves");
            }
        });
    }
}

fn readiness(context: &Context, db: &Database, queue: &Queue) {
    let db = db.clone();
    context.admin().check_readiness("postgres", move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| error.to_string()) }
    });
    let queue = queue.clone();
    context.admin().check_readiness("redis", move || {
        let queue = queue.clone();
        async move {
            queue
                .epoch()
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        }
    });
}
