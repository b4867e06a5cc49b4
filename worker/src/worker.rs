//! What all jobs of a process share.

use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, RetryPolicy, SessionId};
use imaging::{Fonts, Pool};
use providers::{Fetcher, Providers};
use queue::Queue;
use service::{ShutdownHandle, Tasks};
use store::{Database, Objects};
use tokio::sync::Semaphore;
use url::Url;

use crate::bases::Bases;
use crate::brand_fonts::BrandFonts;
use crate::held::Held;
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
    pub(crate) provider_timeout: Duration,
    pub(crate) retry: RetryPolicy,
}
