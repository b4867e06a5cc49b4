//! From stream entries to jobs in hand.
//!
//! One task owns the consumer, asks for at most as many entries as there are free slots, and claims
//! them in one batch. Entries are settled as soon as the claim has a definite answer, whatever it is:
//! from then on PostgreSQL holds the lease. A claim without an answer is repeated; jobs that it claimed
//! all the same are not claimed again, and are handed back as strays.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::{FailureCode, GenerationId, ProductId};
use queue::{Consumer, Delivery, Dispatch, Waker};
use service::CancellationToken;
use service::telemetry::error_chain;
use store::StoreError;
use store::claims::{self, Claimed};
use store::products::{self, CatalogEntry};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::Instrument;

use crate::held::Hold;
use crate::job::Job;
use crate::pipeline;
use crate::stop::Stop;
use crate::worker::Worker;

/// A claim that takes longer counts as one without an answer. Half of the age at which a job counts
/// as a stray.
const CLAIM_LIMIT: Duration = Duration::from_secs(5);
/// The pause after a claim without an answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Claims until the process drains, then waits until every job has left. Not to be cancelled.
pub(crate) async fn run(worker: Arc<Worker>, mut consumer: Consumer, idle: CancellationToken) {
    while let Some(free) = free_slots(&worker).await {
        let entries = consumer.next(free).await;
        if entries.is_empty() {
            continue;
        }
        claim_or_give_back(&worker, entries).await;
    }
    give_back(&worker, consumer.take_surplus()).await;
    // Every slot is free again: the last job has left. The semaphore is never closed.
    let _all = worker.slots.acquire_many(worker.settings.slots).await;
    worker.ledger.close();
    worker.settler.close();
    idle.cancel();
}

/// Ends the consumer's wait when the process drains.
pub(crate) async fn wake_on_drain(worker: Arc<Worker>, waker: Waker) {
    worker.shutdown.soft().cancelled().await;
    waker.wake().await;
}

/// The number of free slots, at least one; `None` once the process drains. Only this task takes
/// slots, so that many stay free.
async fn free_slots(worker: &Worker) -> Option<usize> {
    let soft = worker.shutdown.soft();
    tokio::select! {
        biased;
        () = soft.cancelled() => None,
        permit = worker.slots.acquire() => {
            drop(permit.ok()?);
            Some(worker.slots.available_permits())
        }
    }
}

/// Claims until there is a definite answer. No further entries are read meanwhile: they would only
/// wait here instead of before a worker whose database answers.
async fn claim_or_give_back(worker: &Arc<Worker>, entries: Vec<Delivery>) {
    let soft = worker.shutdown.soft();
    while !soft.is_cancelled() {
        let Err(error) = claim(worker, &entries).await else {
            return;
        };
        worker.metrics.claim_errors_total.inc();
        tracing::warn!(error, entries = entries.len(), "a claim has no answer");
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = soft.cancelled() => {}
        }
    }
    give_back(worker, entries).await;
}

async fn claim(worker: &Arc<Worker>, entries: &[Delivery]) -> Result<(), String> {
    let ids: Vec<GenerationId> = entries.iter().map(|entry| entry.id).collect();
    let claiming = claims::claim(&worker.db, worker.clock.now(), worker.session, &ids);
    let claimed = match timeout(CLAIM_LIMIT, claiming).await {
        Ok(answer) => answer.map_err(|error| error_chain(&error))?,
        Err(_) => return Err("timed out".to_owned()),
    };
    worker
        .metrics
        .claims_missed_total
        .inc_by((ids.len() - claimed.len().min(ids.len())) as u64);
    // In hand before anything else is awaited: what is not in hand counts as a stray.
    let taken: Vec<Taken> = claimed
        .into_iter()
        .filter_map(|claim| take(worker, claim))
        .collect();
    let settled: Vec<_> = entries
        .iter()
        .map(|e| (e.lane, e.entry_id.clone()))
        .collect();
    if !taken.is_empty() {
        worker
            .tasks
            .spawn("job-batch", begin(Arc::clone(worker), taken));
    }
    if let Err(error) = worker.queue.settle_entries(&settled).await {
        tracing::debug!(
            error = error_chain(&error),
            "entries are left to be reclaimed"
        );
    }
    Ok(())
}

/// A claimed job with its slot.
struct Taken {
    claim: Claimed,
    hold: Hold,
    slot: OwnedSemaphorePermit,
}

fn take(worker: &Worker, claim: Claimed) -> Option<Taken> {
    // There was a slot for every entry that was asked for; without one the job is left as a stray.
    let slot = Arc::clone(&worker.slots).try_acquire_owned().ok()?;
    Some(Taken {
        hold: worker.held.take(claim.lease),
        claim,
        slot,
    })
}

/// Loads the products of a batch once, then sets every job off on its own.
async fn begin(worker: Arc<Worker>, batch: Vec<Taken>) {
    let ids: BTreeSet<&ProductId> = batch.iter().map(|taken| &taken.claim.product_id).collect();
    let ids: Vec<ProductId> = ids.into_iter().cloned().collect();
    let catalog = load(&worker, &ids).await;
    let now = worker.clock.now();
    for Taken { claim, hold, slot } in batch {
        let span = pipeline::span(&claim);
        let product = match &catalog {
            Ok(entries) => entries
                .get(&claim.product_id)
                .cloned()
                .ok_or(FAULTY_PRODUCT),
            Err(stop) => Err(stop.clone()),
        };
        let job = Job::new(claim, Arc::new(hold), now);
        let work = pipeline::carry_out(Arc::clone(&worker), job, product, slot);
        worker.tasks.spawn("job", work.instrument(span));
    }
}

/// What a job comes to whose product is gone or cannot be read.
const FAULTY_PRODUCT: Stop = Stop::Failed(FailureCode::PromptFailed);

type Catalog = HashMap<ProductId, Arc<CatalogEntry>>;

/// Loads products together; where a row is no product, each alone, so that it harms only its own jobs.
async fn load(worker: &Worker, ids: &[ProductId]) -> Result<Catalog, Stop> {
    let away = |error: &StoreError| {
        tracing::warn!(error = error_chain(error), "products cannot be loaded");
        Stop::passing("database_unavailable")
    };
    let entries = match products::load(&worker.db, ids).await {
        Ok(entries) => entries,
        Err(error) if error.is_transient() => return Err(away(&error)),
        Err(_) => {
            let mut entries = Vec::new();
            for id in ids {
                match products::load(&worker.db, std::slice::from_ref(id)).await {
                    Ok(loaded) => entries.extend(loaded),
                    Err(error) if error.is_transient() => return Err(away(&error)),
                    Err(error) => {
                        tracing::error!(error = error_chain(&error), "a product cannot be read");
                    }
                }
            }
            entries
        }
    };
    Ok(entries
        .into_iter()
        .map(|entry| (entry.product.id.clone(), Arc::new(entry)))
        .collect())
}

/// Sends entries that will not be claimed here to somebody else at once. Where that fails, the
/// dispatcher's sweep does it some seconds later.
async fn give_back(worker: &Worker, entries: Vec<Delivery>) {
    if entries.is_empty() {
        return;
    }
    let settled: Vec<_> = entries
        .iter()
        .map(|e| (e.lane, e.entry_id.clone()))
        .collect();
    let again: Vec<Dispatch> = entries
        .into_iter()
        .map(|entry| Dispatch {
            lane: entry.lane,
            id: entry.id,
            trace: entry.trace,
        })
        .collect();
    if let Err(error) = worker.queue.add(&again).await {
        tracing::debug!(
            error = error_chain(&error),
            "entries are left to the dispatcher"
        );
    } else if let Err(error) = worker.queue.settle_entries(&settled).await {
        tracing::debug!(
            error = error_chain(&error),
            "entries are left to be reclaimed"
        );
    }
}
