//! A provider in this process: real pictures from the request, no key, no money.
//!
//! For demonstrations, tests and load runs, with a latency, a price and a plan of failures. The same
//! prompt and seed give the same bytes on every machine.
//!
//! It stands in for any model: every model name is taken, so that stored products run unchanged.
//! Its prices are accounted as if they were real. It has no network and so cannot show how a
//! connection breaks; the sandbox over real sockets is for that.

mod calls;
mod failures;
mod marble;
mod noise;
mod order;
mod palette;
mod png_writer;
mod pool;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use domain::{AttemptId, Micros};
use http::Method;
use tokio::time::{sleep, sleep_until, timeout_at};

pub use self::failures::{Failure, FailurePlan, PlanError};

use self::calls::Calls;
use self::order::Order;
use self::palette::Palette;
use self::png_writer::PngWriter;
use self::pool::Pool;
use crate::config::{ConfigError, SyntheticConfig};
use crate::credential::CallContext;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::models::{
    Charged, ControlSyntax, MaskConvention, Model, ModelRow, NegativePrompt, Price, PriceBasis,
    Recovery, Sizes,
};
use crate::provider::{Canceled, Finished, OpenAttempt, Provider, Reconciled, Submitted};
use crate::rate::RateHints;
use crate::request::{ImageRequest, OperationKind};
use crate::wire::Prepared;

const NAME: &str = "synthetic";
const MODEL: &str = "marble-1";
const MAX_SIDE_PX: u32 = 4_096;
/// 4096 by 4096, the largest square that the sides allow.
const MAX_PIXELS: u64 = 16_777_216;
/// As long as the longest of the large providers.
const MAX_PROMPT_CHARS: u32 = 32_000;
/// What a refusal for lack of room asks the caller to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The provider in this process. See the [module](self).
pub struct Synthetic {
    latency: Duration,
    price: Micros,
    failures: FailurePlan,
    pool: Pool,
    calls: Calls,
}

impl Synthetic {
    /// Starts the drawing threads; they end when the provider is dropped.
    ///
    /// # Errors
    /// [`ConfigError::Threads`] when the operating system refuses a thread.
    pub fn start(config: &SyntheticConfig) -> Result<Self, ConfigError> {
        let SyntheticConfig {
            synthetic_latency_ms,
            synthetic_price_micros,
            synthetic_failures,
            synthetic_threads,
        } = config;
        let threads = synthetic_threads
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            latency: Duration::from_millis(*synthetic_latency_ms),
            price: Micros(*synthetic_price_micros),
            failures: synthetic_failures.clone(),
            pool: Pool::start(threads).map_err(ConfigError::Threads)?,
            calls: Calls::default(),
        })
    }

    /// How often this attempt was submitted, refused and lost calls included. Of the last hundred
    /// thousand attempts.
    pub fn calls(&self, attempt: AttemptId) -> u32 {
        self.calls.of(attempt)
    }

    /// How many calls were submitted since the start.
    pub fn calls_total(&self) -> u64 {
        self.calls.total()
    }

    async fn answer(
        &self,
        attempt: AttemptId,
        order: Order,
        fate: Option<Failure>,
    ) -> Result<Submitted, ProviderError> {
        sleep(self.latency).await;
        if let Some(error) = fate.and_then(|failure| self.failed(failure)) {
            return Err(error);
        }
        let motif = order.motif();
        let palette = Palette::of(&order.prompt, motif);
        let (width_px, height_px) = (order.width_px, order.height_px);
        let drawing = move || draw(width_px, height_px, motif, &palette);
        let mut picture = self.pool.draw(drawing).await.map_err(|error| {
            // The picture never came to be, so nothing is charged.
            let next = Next::OtherProvider;
            ProviderError::not_sent(NAME, ErrorKind::Unavailable, next, "drawing failed")
                .because(error)
        })?;
        if fate == Some(Failure::Truncated) {
            picture.truncate(picture.len() / 2);
        }
        Ok(Submitted::Finished(Finished {
            bytes: Bytes::from(picture),
            content_type: "image/png".to_owned(),
            provider_ref: Some(format!("{NAME}-{attempt}")),
            cost: self.price,
            tokens: None,
            rate: RateHints::default(),
            notes: Vec::new(),
        }))
    }

    /// The error of a planned failure; `None` where the failure is in the picture.
    fn failed(&self, failure: Failure) -> Option<ProviderError> {
        let refused = |kind, next| Some(ProviderError::refused(NAME, kind, next, "planned"));
        let again = Next::SameAfter(RETRY_AFTER);
        match failure {
            Failure::RateLimited => refused(ErrorKind::RateLimited, again),
            Failure::ContentPolicy => refused(ErrorKind::ContentPolicy, Next::Stop),
            Failure::InvalidRequest => refused(ErrorKind::InvalidRequest, Next::Stop),
            Failure::Auth => refused(ErrorKind::Auth, Next::OtherKey),
            Failure::QuotaExhausted => refused(ErrorKind::QuotaExhausted, Next::OtherProvider),
            Failure::Unavailable => refused(ErrorKind::Unavailable, again),
            Failure::Timeout => Some(ProviderError::unknown(NAME, ErrorKind::Timeout, "planned")),
            Failure::Network => Some(ProviderError::unknown(NAME, ErrorKind::Network, "planned")),
            Failure::BadAnswer => {
                let kind = ErrorKind::BadAnswer;
                Some(ProviderError::charged(
                    NAME, kind, self.price, again, "planned",
                ))
            }
            Failure::Truncated => None,
        }
    }
}

/// Pure processor work: belongs on the pool.
fn draw(width_px: u32, height_px: u32, motif: u64, palette: &Palette) -> io::Result<Vec<u8>> {
    let mut png = PngWriter::new(width_px, height_px)?;
    marble::paint(width_px, height_px, motif, palette, |row| png.row(row))?;
    png.finish()
}

#[async_trait]
impl Provider for Synthetic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn default_model(&self) -> &str {
        MODEL
    }

    fn model(&self, model: &str) -> Option<Model> {
        Some(Model::of(ModelRow {
            name: model.to_owned(),
            operations: vec![OperationKind::Generate],
            sizes: Sizes::Free {
                multiple_of_px: 1,
                max_side_px: MAX_SIDE_PX,
                min_pixels: 1,
                max_pixels: MAX_PIXELS,
                max_ratio: MAX_SIDE_PX,
            },
            transparent: false,
            negative_prompt: NegativePrompt::Native,
            max_prompt_chars: MAX_PROMPT_CHARS,
            max_input_images: 0,
            qualities: Vec::new(),
            quality_words: BTreeMap::new(),
            control_syntax: ControlSyntax::None,
            recovery: Recovery::Always,
            refusal_charged: Charged::No,
            retires_at: None,
            replaced_by: None,
            mask: MaskConvention::default(),
            replicate: None,
            price: Price {
                basis: PriceBasis::PerImage {
                    nano: self.price.0.saturating_mul(1_000),
                },
                valid_from: NaiveDate::MIN,
            },
            source: "this program".to_owned(),
            as_of: NaiveDate::MIN,
        }))
    }

    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        let (width_px, height_px) = (request.width_px, request.height_px);
        let sides = 1..=MAX_SIDE_PX;
        if !sides.contains(&width_px) || !sides.contains(&height_px) {
            let detail = format!("{width_px}x{height_px} is not within 1 to {MAX_SIDE_PX} pixels");
            return Err(ProviderError::invalid(NAME, detail));
        }
        let body = Order::of(request).to_body().map_err(|error| {
            ProviderError::invalid(NAME, "the request is no JSON").because(error)
        })?;
        Ok(Prepared {
            attempt: request.attempt,
            model: request.model.clone(),
            price: self.price,
            method: Method::POST,
            path: "/v1/pictures".to_owned(),
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            body,
            uploads: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Draws and answers. A submit that is dropped, or overtaken by its deadline, ends there and
    /// costs nothing, unlike at a real provider.
    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        self.calls.count(prepared.attempt);
        let order = Order::from_body(&prepared.body)
            .map_err(|error| ProviderError::invalid(NAME, "the body is no order").because(error))?;
        let fate = self.failures.fate(&order.prompt, order.seed);
        if fate == Some(Failure::Timeout) {
            sleep_until(call.deadline).await;
        }
        let answer = self.answer(prepared.attempt, order, fate);
        timeout_at(call.deadline, answer).await.unwrap_or_else(|_| {
            let kind = ErrorKind::Timeout;
            Err(match fate {
                Some(Failure::Timeout) => ProviderError::unknown(NAME, kind, "planned"),
                _ => {
                    let next = Next::SameAfter(RETRY_AFTER);
                    ProviderError::not_sent(NAME, kind, next, "not drawn by the deadline")
                }
            })
        })
    }

    /// A submit is cancelled by dropping it; after its answer it is too late.
    async fn cancel(
        &self,
        _provider_ref: &str,
        _call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        Ok(Canceled::TooLate)
    }

    /// Always proof of [`Reconciled::NotAccepted`]: a call lives inside the future that submits it.
    /// Whoever asks what became of it no longer awaits that future, or is another process; so the
    /// call ended with it, no picture is kept anywhere, and nothing will ever be charged.
    async fn reconcile(
        &self,
        _open: &OpenAttempt,
        _call: CallContext<'_>,
    ) -> Result<Reconciled, ProviderError> {
        Ok(Reconciled::NotAccepted)
    }
}
