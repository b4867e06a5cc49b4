//! What every handler shares.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::address::AllowList;
use domain::webhook_signature::WebhookSecret;
use domain::{CallbackSecret, Clock, DenyList, LinkSecrets};
use secrecy::SecretString;
use store::{Database, Objects, SealingKeys};
use tokio::sync::Semaphore;

use crate::auth::{Dashboard, KeyRing};
use crate::catalog::Catalog;
use crate::config::LimitArgs;
use crate::entropy::Entropy;
use crate::estimate::Estimates;
use crate::intake::Intake;
use crate::meter::Meter;
use crate::metrics::ApiMetrics;
use crate::problem::{Code, Problem};
use service::CancellationToken;

/// The parts of one server. Cloning is cheap and gives the same server.
#[derive(Clone)]
pub(crate) struct App(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) database: Database,
    pub(crate) objects: Objects,
    pub(crate) queue: queue::Queue,
    pub(crate) keys: KeyRing,
    pub(crate) dashboard: Dashboard,
    pub(crate) catalog: Catalog,
    pub(crate) intake: Intake,
    /// Counts the calls of each brand.
    pub(crate) meter: Meter,
    pub(crate) estimates: Estimates,
    pub(crate) metrics: ApiMetrics,
    pub(crate) limits: LimitArgs,
    pub(crate) callbacks: Callbacks,
    pub(crate) webhooks: Webhooks,
    /// What signs addresses of files; without it they need a key.
    pub(crate) links: Option<LinkSecrets>,
    /// What Stripe signs its events with; without one none is believed.
    pub(crate) stripe_secrets: Vec<SecretString>,
    /// Words that no brand of this installation takes.
    pub(crate) deny_list: DenyList,
    pub(crate) waiters: Semaphore,
    /// Cancelled when the process drains: whoever waits for a generation is answered at once.
    pub(crate) draining: CancellationToken,
    /// Base of every address that is handed out, without a trailing slash.
    pub(crate) public_url: String,
}

/// What announcements of providers are checked with.
#[derive(Debug)]
pub(crate) struct Callbacks {
    /// Of the addresses; without one none is ours.
    pub(crate) address: Option<CallbackSecret>,
    /// Of Replicate's signatures; without one none is right.
    pub(crate) replicate: Vec<WebhookSecret>,
}

/// What endpoints of brands are made with.
#[derive(Debug)]
pub(crate) struct Webhooks {
    /// Networks that they may lie in although they are not public.
    pub(crate) allowed: AllowList,
    /// What seals their secrets; without it none can be made.
    keys: Option<SealingKeys>,
}

impl Webhooks {
    pub(crate) fn new(allowed: AllowList, keys: Option<SealingKeys>) -> Self {
        Self { allowed, keys }
    }

    /// The keys, where a secret is to be made.
    pub(crate) fn keys(&self) -> Result<&SealingKeys, Problem> {
        self.keys.as_ref().ok_or_else(|| {
            Problem::from(Code::SecretsUnavailable).detail(
                "api-lite runs without ATELIER_SEALING_KEYS (ID:KEY, KEY being 32 bytes in base64), and \
                 secrets are kept sealed only",
            )
        })
    }

    /// The keys, if there are any.
    pub(crate) fn known_keys(&self) -> Option<&SealingKeys> {
        self.keys.as_ref()
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}
