//! From a validated request to a durable generation.
//!
//! 1. [`prepare`] looks up what the request names and collects its last faults.
//! 2. [`Intake::submit`] joins the request to a batch: one transaction for all that queued meanwhile.
//!    The batch is committed even if every client of it goes away. A brand's requests always queue
//!    at the same slot: a transaction holds its brands' rows until it is durable, so two transactions
//!    with a brand in common would only wait for each other.
//! 3. After the commit, and never before, the accepted jobs go to their streams in a batch of their
//!    own. Redis may be slow or away: the answer does not wait for it.

mod prepare;
mod streams;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{BrandId, Clock};
use service::{BatchConfig, BatchError, BatchMetrics, Batcher, BoxError, Tasks};
use store::intake::{Accepted, Decision, NewGeneration, Refusal};
use store::{Database, StoreError};

use crate::problem::{Code, Problem};
use crate::refusal::of_quota;

pub(crate) use prepare::{Asker, prepare};
pub(crate) use streams::{Streams, StreamsParts};

/// A request's fate, and when it was decided.
type Outcome = (Result<Decision, StoreError>, DateTime<Utc>);

/// The door to the batches. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Intake {
    /// One queue for each batch slot; never empty.
    queues: Arc<[Batcher<NewGeneration, Outcome>]>,
}

struct Shared {
    database: Database,
    clock: Arc<dyn Clock>,
    streams: Streams,
}

impl Intake {
    /// Starts the batch slots.
    ///
    /// # Errors
    /// When a bound of the batches cannot be used.
    pub(crate) fn start(
        config: BatchConfig,
        metrics: BatchMetrics,
        tasks: &Tasks,
        database: Database,
        clock: Arc<dyn Clock>,
        streams: Streams,
    ) -> Result<Self, BoxError> {
        let shared = Arc::new(Shared {
            database,
            clock,
            streams,
        });
        let one = BatchConfig { slots: 1, ..config };
        let queues: Result<Vec<_>, _> = (0..config.slots.max(1))
            .map(|_| {
                let shared = shared.clone();
                let handler = move |batch| Box::pin(accept(shared.clone(), batch));
                Batcher::spawn("intake", one, Some(metrics.clone()), tasks, handler)
            })
            .collect();
        Ok(Self {
            queues: queues?.into(),
        })
    }

    /// Has a request accepted or refused. Returns how it was accepted and when. Dropping the future
    /// gives up the answer, not the request.
    pub(crate) async fn submit(
        &self,
        request: NewGeneration,
    ) -> Result<(Accepted, DateTime<Utc>), Problem> {
        let queue = &self.queues[slot_of(&request.brand_id, self.queues.len())];
        let outcome = queue.try_submit(request).await;
        let (decision, at) = outcome.map_err(|error| match error {
            BatchError::Full => Problem::from(Code::Overloaded),
            BatchError::Closed => Problem::from(Code::ShuttingDown),
            BatchError::Failed => Problem::from(Code::Internal),
        })?;
        match decision? {
            Ok(accepted) => Ok((accepted, at)),
            Err(refusal) => Err(refused(refusal, at)),
        }
    }

    /// Takes no more requests; those that are in are still accepted.
    pub(crate) fn close(&self) {
        self.queues.iter().for_each(Batcher::close);
    }
}

/// The slot at which a brand's requests queue.
fn slot_of(brand: &BrandId, slots: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    brand.hash(&mut hasher);
    usize::try_from(hasher.finish() % slots as u64).unwrap_or(0)
}

/// One batch. Runs to its end whoever still listens.
async fn accept(shared: Arc<Shared>, mut batch: Vec<NewGeneration>) -> Vec<Outcome> {
    let now = shared.clock.now();
    let ways = shared.streams.admit(&mut batch, now);
    let decisions = store::intake::accept(&shared.database, now, &batch).await;
    shared.streams.dispatch(&batch, &decisions, &ways);
    decisions
        .into_iter()
        .map(|decision| (decision, now))
        .collect()
}

fn refused(refusal: Refusal, at: DateTime<Utc>) -> Problem {
    match refusal {
        Refusal::Quota(refused) => of_quota(&refused, at),
        Refusal::KeyReused => Code::IdempotencyKeyReused.into(),
        Refusal::BrandClosed(why) => Problem::from(Code::BrandClosed).detail(why),
    }
}
