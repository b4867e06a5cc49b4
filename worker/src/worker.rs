//! What all jobs of a process share.

use std::sync::Arc;
use std::time::Duration;

use domain::{AttemptId, CallbackSecret, Clock, Micros, RetryPolicy, SessionId};
use imaging::{Fonts, Pool};
use providers::{Fetcher, Moderation, Provider, Providers};
use queue::{Health, Limits, Queue};
use service::{ShutdownHandle, Tasks};
use store::budgets::BudgetAlert;
use store::ledger::LostBy;
use store::{Database, Objects};
use tokio::sync::Semaphore;
use url::Url;

use crate::aftercare;
use crate::bases::Bases;
use crate::brand_fonts::BrandFonts;
use crate::held::Held;
use crate::keyring::Keyring;
use crate::ledger::Ledger;
use crate::metrics::WorkerMetrics;
use crate::settle::Settler;

/// What all jobs of a process share.
pub(crate) struct Worker {
    pub(crate) session: SessionId,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: ShutdownHandle,
    pub(crate) tasks: Tasks,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) db: Database,
    pub(crate) objects: Objects,
    pub(crate) queue: Queue,
    pub(crate) providers: Providers,
    pub(crate) keyring: Keyring,
    pub(crate) moderation: Moderation,
    pub(crate) health: Health,
    pub(crate) limits: Limits,
    /// Jobs that wait in their slot for a provider's limit.
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) fetcher: Fetcher,
    pub(crate) pool: Pool,
    pub(crate) fonts: Arc<Fonts>,
    pub(crate) bases: Arc<Bases>,
    pub(crate) brand_fonts: BrandFonts,
    pub(crate) ledger: Ledger,
    pub(crate) settler: Settler,
    pub(crate) held: Held,
    pub(crate) slots: Arc<Semaphore>,
}

/// What the stages need of the settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) slots: u32,
    pub(crate) public_url: Url,
    /// Where providers may announce that calls ended.
    pub(crate) callbacks: Option<Callbacks>,
    pub(crate) provider_timeout: Duration,
    pub(crate) moderation_timeout: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) default_provider: String,
    pub(crate) fallback: Vec<String>,
    /// Calls to providers in one run of a job.
    pub(crate) max_calls: u32,
    /// How long a job waits in its slot for a limit before the next candidate is asked.
    pub(crate) patience: Duration,
    pub(crate) aftercare: aftercare::Settings,
}

/// The addresses at which providers may announce that calls ended.
#[derive(Debug, Clone)]
pub(crate) struct Callbacks {
    pub(crate) secret: CallbackSecret,
    /// The outside address of api-lite, without a slash at its end.
    pub(crate) base: String,
}

impl Callbacks {
    /// The address for an attempt, if the provider would use it.
    pub(crate) fn address(&self, provider: &dyn Provider, attempt: AttemptId) -> Option<Url> {
        let address = self.secret.address(&self.base, provider.name(), attempt);
        let address = address.parse().ok()?;
        provider.announces_at(&address).then_some(address)
    }
}

impl Worker {
    /// Counts money that brought no picture while its job goes on.
    pub(crate) fn count_spent_in_vain(&self, provider: &str, cost: Micros) {
        let spent = u64::try_from(cost.0).unwrap_or(0);
        let counter = &self.metrics.duplicate_spend_micros_total;
        counter.with_label_values(&[provider]).inc_by(spent);
    }

    /// Counts an attempt that was given up although it may have been paid.
    pub(crate) fn count_lost(&self, provider: &str, by: LostBy) {
        let counter = &self.metrics.attempts_lost_total;
        counter.with_label_values(&[provider, by.as_str()]).inc();
    }

    /// Tells of budgets that came near their end or reached it.
    pub(crate) fn announce(&self, alerts: &[BudgetAlert]) {
        crate::ledger::announce(&self.metrics, alerts);
    }
}
