//! Putting the parts of one server together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use domain::webhook_signature::{WebhookSecret, WebhookSecretError};
use domain::{CallbackSecret, CallbackSecretError};
use domain::{DenyList, DenyListError, LinkSecretError, LinkSecrets};
use queue::Queue;
use secrecy::{ExposeSecret, SecretString};
use service::{BatchMetrics, BoxError, Context, Ready, Role};
use store::{Database, Objects, StoreMetrics};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use url::Url;

use crate::app::{App, Callbacks, Parts, Webhooks};
use crate::auth::{Dashboard, KeyRing};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::entropy::{Entropy, SystemEntropy, random};
use crate::estimate::Estimates;
use crate::intake::{Intake, Streams, StreamsParts};
use crate::meter::Meter;
use crate::metrics::ApiMetrics;
use crate::routes;
use crate::server::Server;

/// Who this process is.
pub const ROLE: Role = Role {
    name: "api-lite",
    version: env!("CARGO_PKG_VERSION"),
};

/// Where the admin port listens unless told otherwise.
pub const DEFAULT_ADMIN_LISTEN: &str = "127.0.0.1:9080+";

/// Shortest secret for dashboard tokens: HS256 asks for a key as long as its hash.
const MIN_SECRET_BYTES: usize = 32;

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The address it really listens on.
    pub address: SocketAddr,
    /// Base of every address that it hands out.
    pub url: String,
}

impl Running {
    /// What the process announces.
    pub fn ready(&self) -> Ready {
        Ready::new().with("url", &self.url)
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("the API cannot listen on {address}")]
    Bind {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("--public-url: expected http:// or https:// without query, found {0:?}")]
    PublicUrl(String),
    #[error("--deny-list-file: {} cannot be read", path.display())]
    DenyListFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("--deny-list-file: {}: {source}", path.display())]
    DenyList {
        path: PathBuf,
        source: DenyListError,
    },
    #[error("--dashboard-jwt-secret: at least {MIN_SECRET_BYTES} bytes are required")]
    ShortSecret,
    #[error("--callback-secret: {0}")]
    CallbackSecret(CallbackSecretError),
    #[error("--replicate-webhook-secret: {0}")]
    WebhookSecret(WebhookSecretError),
    #[error("--link-secret: {0}")]
    LinkSecret(LinkSecretError),
    #[error("--stripe-webhook-secret: it is empty, and anybody could sign with that")]
    EmptyStripeSecret,
}

/// Starts a server on the context's tasks and returns once it answers. It drains with the context's
/// shutdown: accepts no more, finishes its requests and batches, then its tasks end.
///
/// # Errors
/// A setting that cannot be used, or an address that is taken. Neither PostgreSQL nor Redis need be
/// there yet; readiness tells.
pub async fn start(context: &Context, config: &Config) -> Result<Running, BoxError> {
    start_with(context, config, Arc::new(SystemEntropy)).await
}

/// As [`start`], with a random source of the caller's.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    context: &Context,
    config: &Config,
    entropy: Arc<dyn Entropy>,
) -> Result<Running, BoxError> {
    check_secret(config)?;
    let bind = |source| StartError::Bind {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let public_url = public_url(config, address)?;
    let app = build(context, config, entropy, public_url.clone())?;
    check_readiness(context, &app);
    let metering = app
        .meter
        .clone()
        .run(config.meter_interval(), context.shutdown().soft());
    context.tasks().spawn("meter", metering);
    let server = Server {
        router: routes::router(app.clone()),
        limits: config.limits.clone(),
        metrics: app.metrics.clone(),
        tasks: context.tasks().clone(),
        stop: context.shutdown().soft(),
    };
    context.tasks().spawn_essential("server", async move {
        server.run(listener).await;
        // No request is left that could submit anything, or be counted.
        app.intake.close();
        app.meter.finish().await;
    });
    Ok(Running {
        address,
        url: public_url,
    })
}

fn build(
    context: &Context,
    config: &Config,
    entropy: Arc<dyn Entropy>,
    public_url: String,
) -> Result<App, BoxError> {
    let registry = context.metrics().registry();
    let metrics = ApiMetrics::register(context.metrics())?;
    let database = Database::open(
        &config.database,
        ROLE.name,
        StoreMetrics::register(registry)?,
    )?;
    let queue = Queue::new(&config.queue, registry)?;
    let (tasks, soft) = (context.tasks(), context.shutdown().soft());
    let parts = StreamsParts {
        queue: queue.clone(),
        clock: context.clock(),
        metrics: metrics.clone(),
        tasks: tasks.clone(),
    };
    let streams = Streams::start(parts, soft.clone())?;
    let process = uuid::Builder::from_random_bytes(random(entropy.as_ref())).into_uuid();
    let meter = Meter::new(database.clone(), context.clock(), metrics.clone(), process);
    let intake = Intake::start(
        config.batch.config(),
        BatchMetrics::register(context.metrics(), "intake")?,
        tasks,
        database.clone(),
        context.clock(),
        streams,
    )?;
    Ok(App(Arc::new(Parts {
        clock: context.clock(),
        entropy,
        objects: Objects::open(&config.objects)?,
        queue,
        keys: KeyRing::new(database.clone()),
        dashboard: Dashboard::new(config.dashboard_jwt_secret.as_ref()),
        catalog: Catalog::new(database.clone()),
        database,
        intake,
        meter,
        estimates: Estimates::default(),
        metrics,
        limits: config.limits.clone(),
        callbacks: callbacks(config)?,
        webhooks: Webhooks::new(
            config.webhooks.allowed(),
            config.sealing.sealing_keys.clone(),
        ),
        links: links(config)?,
        stripe_secrets: stripe_secrets(config)?,
        deny_list: deny_list(config)?,
        waiters: Semaphore::new(usize::try_from(config.limits.waiters).unwrap_or(0)),
        draining: soft,
        public_url,
    })))
}

/// Redis is no part of readiness: without it requests are accepted all the same.
fn check_readiness(context: &Context, app: &App) {
    let database = app.database.clone();
    context.admin().check_readiness("database", move || {
        let database = database.clone();
        async move { database.ping().await.map_err(|error| error.to_string()) }
    });
    let objects = app.objects.clone();
    context.admin().check_readiness("objects", move || {
        let objects = objects.clone();
        async move { objects.ping().await.map_err(|error| error.to_string()) }
    });
}

/// The secrets for announcements of providers.
fn callbacks(config: &Config) -> Result<Callbacks, StartError> {
    let address = config.callback_secret.as_ref();
    let address = address.map(|secret| CallbackSecret::new(secret.expose_secret()));
    let replicate = config.replicate_webhook_secret.iter();
    let replicate = replicate.map(|secret| WebhookSecret::parse(secret.expose_secret()));
    Ok(Callbacks {
        address: address.transpose().map_err(StartError::CallbackSecret)?,
        replicate: replicate
            .collect::<Result<_, _>>()
            .map_err(StartError::WebhookSecret)?,
    })
}

fn links(config: &Config) -> Result<Option<LinkSecrets>, StartError> {
    if config.link_secret.is_empty() {
        return Ok(None);
    }
    let texts = config.link_secret.iter().map(ExposeSecret::expose_secret);
    let secrets = LinkSecrets::new(texts);
    secrets.map(Some).map_err(StartError::LinkSecret)
}

fn stripe_secrets(config: &Config) -> Result<Vec<SecretString>, StartError> {
    let secrets = &config.stripe_webhook_secret;
    let mut texts = secrets.iter().map(ExposeSecret::expose_secret);
    match texts.any(|text: &str| text.trim().is_empty()) {
        true => Err(StartError::EmptyStripeSecret),
        false => Ok(secrets.clone()),
    }
}

/// The operator's own list; nothing without one.
fn deny_list(config: &Config) -> Result<DenyList, StartError> {
    let Some(path) = &config.deny_list_file else {
        return Ok(DenyList::default());
    };
    let text = std::fs::read_to_string(path).map_err(|source| StartError::DenyListFile {
        path: path.clone(),
        source,
    })?;
    DenyList::parse(&text).map_err(|source| StartError::DenyList {
        path: path.clone(),
        source,
    })
}

fn check_secret(config: &Config) -> Result<(), StartError> {
    let secret = config.dashboard_jwt_secret.as_ref();
    if secret.is_some_and(|secret| secret.expose_secret().len() < MIN_SECRET_BYTES) {
        return Err(StartError::ShortSecret);
    }
    Ok(())
}

/// The base of addresses, without a trailing slash.
fn public_url(config: &Config, address: SocketAddr) -> Result<String, StartError> {
    let Some(text) = &config.public_url else {
        return Ok(format!("http://{address}"));
    };
    let usable = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    match usable {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err(StartError::PublicUrl(text.clone())),
    }
}
