//! One job, from claim to settlement.
//!
//! The stages before the provider's are free and may be given up at any moment; what can be found
//! wrong is found there. From the ledger's entry on, the work is paid for and goes on to its end
//! unless the customer or the deadline ends it.

use std::sync::Arc;

use domain::{BrandId, FailureCode};
use service::{TaskFailure, TraceContext};
use store::Lease;
use store::claims::Claimed;
use store::products::CatalogEntry;
use store::settle::{Outcome, Settled, Settlement};
use tokio::sync::OwnedSemaphorePermit;

use crate::job::{Job, Stage};
use crate::spend::Obtained;
use crate::stop::{HANDED_BACK, Stop};
use crate::worker::Worker;
use crate::{inputs, moderation, output, prompt, report, spend};

/// The name of the duty that puts waiting jobs before the workers.
const DISPATCH_DUTY: &str = "dispatch";

/// The span of everything that is logged about a job.
pub(crate) fn span(claim: &Claimed) -> tracing::Span {
    let trace = claim
        .trace_parent
        .parse()
        .unwrap_or_else(|_| TraceContext::generate(random()));
    let parent = trace.span("job");
    tracing::info_span!(parent: &parent, "job", job = %claim.lease.job)
}

fn random() -> [u8; 24] {
    let (trace, span): ([u8; 16], [u8; 8]) = (rand::random(), rand::random());
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&trace);
    bytes[16..].copy_from_slice(&span);
    bytes
}

/// Works on a job and settles it. Keeps its slot, and its place among the jobs in hand, until the
/// settlement is answered. A panic in the work fails that job and no other.
pub(crate) async fn carry_out(
    worker: Arc<Worker>,
    job: Job,
    product: Result<Arc<CatalogEntry>, Stop>,
    slot: OwnedSemaphorePermit,
) {
    worker.metrics.slots_used.inc();
    let hold = Arc::clone(&job.hold);
    let (lease, brand_id) = (job.claim.lease, job.claim.brand_id.clone());
    let subject = job.subject();
    let work = work(Arc::clone(&worker), job, product);
    let ended = match worker.tasks.run_to_end("pipeline", work).await {
        Ok(outcome) => Some(outcome),
        Err(TaskFailure::Panicked) => {
            let stop = Stop::Failed(FailureCode::Internal);
            Some((
                stop.label(),
                stop.into_outcome(&subject, worker.clock.now()),
            ))
        }
        // A hard stop: the lease thread hands the job back once nothing here holds it.
        Err(TaskFailure::CutOff) => None,
    };
    match ended {
        Some((label, Some(outcome))) => settle(&worker, lease, brand_id, label, outcome).await,
        Some((label, None)) => count(&worker, label),
        None => {}
    }
    drop(hold);
    drop(slot);
    worker.metrics.slots_used.dec();
}

async fn work(
    worker: Arc<Worker>,
    mut job: Job,
    product: Result<Arc<CatalogEntry>, Stop>,
) -> (&'static str, Option<Outcome>) {
    let made = match product {
        Ok(entry) => make(&worker, &mut job, &entry).await,
        Err(stop) => Err(stop),
    };
    match made {
        Ok(outcome) => ("done", Some(outcome)),
        Err(stop) => {
            tracing::info!(stop = ?stop, "the job ends without pictures");
            (
                stop.label(),
                stop.into_outcome(&job.subject(), worker.clock.now()),
            )
        }
    }
}

/// The stages.
async fn make(worker: &Worker, job: &mut Job, entry: &Arc<CatalogEntry>) -> Result<Outcome, Stop> {
    let product = &entry.product;
    job.unknown_outcome = entry.policy.unknown_outcome;
    let mut customizations = inputs::customizations(worker, job, entry).await?;
    let stage = Stage::begin(&worker.metrics, "prompt");
    let building = prompt::build(worker, &job.claim, entry, &customizations);
    let order = job.unless_stopped(worker, building).await;
    let mut order = stage.end(job, order)?;
    job.final_prompt = Some(order.prompt.prompt.clone());
    let stage = Stage::begin(&worker.metrics, "fetch_inputs");
    let loading = inputs::load(worker, product, &customizations);
    let inputs = job.unless_stopped(worker, loading).await;
    let mut inputs = stage.end(job, inputs)?;
    moderation::pass(worker, job, entry, &customizations, &inputs).await?;
    order
        .take_input(worker, &mut inputs, &mut customizations)
        .await?;
    let stage = Stage::begin(&worker.metrics, "provider");
    let obtained = spend::obtain(worker, job, &order).await;
    let Obtained { paid, prompt } = stage.end(job, obtained)?;
    if job.hold.cancel.is_cancelled() {
        return Err(Stop::Canceled);
    }
    let cancel = job.hold.cancel.clone();
    // Dropping what is being made ends it between two stages.
    let made = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(Stop::Canceled),
        made = output::make(worker, job, entry, &customizations, inputs, &paid) => made?,
    };
    let stage = Stage::begin(&worker.metrics, "store");
    let stored = output::store(worker, job, &made.files).await;
    let stored = stage.end(job, stored)?;
    Ok(report::done(worker, job, &prompt, paid, made, stored))
}

/// Settles; what the database refuses to settle as it is waits for a person.
async fn settle(
    worker: &Worker,
    lease: Lease,
    brand_id: BrandId,
    label: &'static str,
    outcome: Outcome,
) {
    let settlement = Settlement {
        lease,
        brand_id: brand_id.clone(),
        outcome,
    };
    match worker.settler.settle(settlement).await {
        Ok(Settled::Applied) => {
            tracing::info!(outcome = label, "settled");
            count(worker, label);
            if label == HANDED_BACK {
                // A hint to send it to somebody else now; lost, the dispatcher finds it by itself.
                let _ = worker.queue.nudge(DISPATCH_DUTY).await;
            }
        }
        Ok(Settled::Lost) => {
            tracing::warn!("the job was somebody else's when it was to be settled");
            count(worker, "lost");
        }
        Err(_refused) => {
            let outcome = Outcome::Held {
                reason: "settlement_refused".to_owned(),
            };
            let settlement = Settlement {
                lease,
                brand_id,
                outcome,
            };
            let held = worker.settler.settle(settlement).await;
            count(worker, if held.is_ok() { "held" } else { "lost" });
        }
    }
}

fn count(worker: &Worker, outcome: &'static str) {
    worker
        .metrics
        .jobs_total
        .with_label_values(&[outcome])
        .inc();
}
