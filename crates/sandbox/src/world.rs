//! Everything the endpoints share.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use imaging::{Cost, Pool, PoolConfig};
use service::{CancellationToken, SystemClock, Tasks};
use uuid::Uuid;

use crate::config::{SandboxConfig, Timings};
use crate::draw::{self, Drawing};
use crate::error::SandboxError;
use crate::fault::FaultPlan;
use crate::ledger::Ledger;
use crate::{openai, replicate, stability};

/// Drawings that may wait for a thread, per thread.
const QUEUED_DRAWINGS: usize = 16;

/// Everything the endpoints share.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) faults: FaultPlan,
    pub(crate) clock: SystemClock,
    pub(crate) timings: Timings,
    pub(crate) tasks: Tasks,
    /// Cancelled when the sandbox stops.
    pub(crate) stop: CancellationToken,
    pub(crate) webhook_secret: String,
    pub(crate) http: Client<HttpConnector, Full<Bytes>>,
    pub(crate) responses: Mutex<openai::Responses>,
    pub(crate) results: Mutex<stability::Results>,
    pub(crate) predictions: Mutex<replicate::Predictions>,
    pool: Pool,
}

impl World {
    pub(crate) fn new(
        config: SandboxConfig,
        tasks: Tasks,
        stop: CancellationToken,
    ) -> Result<Self, SandboxError> {
        let faults = FaultPlan::default();
        for fault in config.faults {
            faults.push(fault)?;
        }
        let defaults = PoolConfig::default();
        let most = defaults.threads.get() * QUEUED_DRAWINGS;
        let pool = Pool::start(PoolConfig {
            max_jobs: NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN),
            ..defaults
        })
        .map_err(SandboxError::Threads)?;
        let key = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        Ok(Self {
            ledger: Ledger::default(),
            faults,
            clock: SystemClock,
            timings: config.timings,
            tasks,
            stop,
            webhook_secret: format!("whsec_{}", STANDARD.encode(key)),
            http: Client::builder(TokioExecutor::new()).build_http(),
            responses: Mutex::default(),
            results: Mutex::default(),
            predictions: Mutex::default(),
            pool,
        })
    }

    /// Draws off the async threads.
    pub(crate) async fn draw(&self, drawing: Drawing) -> Result<Bytes, String> {
        let pixels = u64::from(drawing.width) * u64::from(drawing.height);
        let drawn = self
            .pool
            .run(Cost::of_pixels(pixels * 2), move |_| draw::draw(&drawing))
            .await;
        drawn.map_err(|error| error.to_string())?
    }

    /// Decodes a picture off the async threads; the error is a sentence.
    pub(crate) async fn decode(&self, bytes: Bytes) -> Result<imaging::Picture, String> {
        let limits = imaging::DecodeLimits {
            max_bytes: 50 << 20,
            ..imaging::DecodeLimits::default()
        };
        let header = imaging::probe(&bytes, &limits).map_err(|error| error.to_string())?;
        let decoded = self
            .pool
            .run(Cost::of_decoding(&header), move |_| {
                imaging::decode(&bytes, &limits)
            })
            .await;
        decoded
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    /// Forgets requests, polled work and faults.
    pub(crate) fn reset(&self) {
        self.ledger.clear();
        self.faults.clear();
        *lock(&self.responses) = openai::Responses::default();
        *lock(&self.results) = stability::Results::default();
        *lock(&self.predictions) = replicate::Predictions::default();
    }
}

/// The books stay consistent at every instant, so a panic elsewhere does not make them unusable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
