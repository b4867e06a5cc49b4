//! The one stage that costs money: from an order to a paid answer in the object store.
//!
//! The ledger is read first. What an earlier owner left open is taken from the object store, polled, or
//! reconciled; only what is proved not to have been accepted is sent anew. How one call goes from
//! there, and what is written into the ledger at each step, stands in [`call`].

use std::time::Duration;

use bytes::Bytes;
use domain::{AttemptId, Micros};
use providers::{ErrorKind, ImageRequest};
use service::telemetry::error_chain;
use store::ledger::{self, NewAttempt, OpenState};

use self::call::{Call, Step};
use crate::job::Job;
use crate::prompt::Order;
use crate::stop::Stop;
use crate::worker::Worker;
use crate::{ids, verdict};

mod call;

/// A paid answer.
pub(crate) struct Paid {
    pub(crate) attempt: AttemptId,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) provider_ref: Option<String>,
    pub(crate) bytes: Bytes,
    pub(crate) cost: Micros,
    pub(crate) tokens: Option<i32>,
}

/// Brings the answer, paying at most once.
pub(crate) async fn obtain(worker: &Worker, job: &Job, order: &Order) -> Result<Paid, Stop> {
    match &job.claim.open_attempt {
        Some(open) => match resume(worker, job, open).await? {
            Some(paid) => Ok(paid),
            None => fresh(worker, job, order).await,
        },
        None => fresh(worker, job, order).await,
    }
}

/// Goes on with what an earlier owner left open. `None` when it is proved that nothing was accepted.
async fn resume(
    worker: &Worker,
    job: &Job,
    open: &ledger::OpenAttempt,
) -> Result<Option<Paid>, Stop> {
    tracing::info!(attempt = %open.id, state = ?open.state, "going on with an open attempt");
    if open.state == OpenState::Fetched {
        return fetched_before(worker, open).await.map(Some);
    }
    let provider = worker.providers.get(&open.provider).map_err(|error| {
        tracing::error!(%error, "the provider of an open attempt is gone");
        Stop::Held(format!("provider_gone: {}", open.provider))
    })?;
    // The ledger does not say when it was sent; not before the job was accepted.
    let call = Call::new(worker, job, provider, open.id, &open.model)
        .left_by_an_earlier_owner(job.claim.created_at);
    let first = match (open.state, &open.provider_ref) {
        (OpenState::Accepted, Some(provider_ref)) => Step::Poll {
            provider_ref: provider_ref.clone(),
            after: Duration::ZERO,
        },
        _ => Step::Reconcile {
            kind: ErrorKind::Network,
        },
    };
    call.walk(first).await
}

/// The answer of an earlier owner: nothing is paid again.
async fn fetched_before(worker: &Worker, open: &ledger::OpenAttempt) -> Result<Paid, Stop> {
    let key = open.raw_key.clone().unwrap_or_default();
    let found = worker.objects.get(&key).await.map_err(|error| {
        tracing::warn!(error = error_chain(&error), "a paid answer cannot be read");
        Stop::passing("object_store_unavailable")
    })?;
    let bytes = found.ok_or_else(|| {
        tracing::error!(key, "a paid answer is gone from the object store");
        Stop::Held("raw_answer_missing".to_owned())
    })?;
    Ok(Paid {
        attempt: open.id,
        provider: open.provider.clone(),
        model: open.model.clone(),
        provider_ref: open.provider_ref.clone(),
        bytes,
        cost: open.cost,
        tokens: open.tokens,
    })
}

/// Opens a new attempt and sends it.
async fn fresh(worker: &Worker, job: &Job, order: &Order) -> Result<Paid, Stop> {
    job.unless_stopped(worker, std::future::ready(Ok(())))
        .await?;
    let provider = &order.provider;
    let attempt = ids::attempt(worker.clock.as_ref());
    let size_px = (order.width_px, order.height_px);
    let request = ImageRequest {
        negative_prompt: order.prompt.negative_prompt.clone(),
        quality: order.quality.clone(),
        style: order.style.clone(),
        ..ImageRequest::generate(attempt, &order.model, &order.prompt.prompt, size_px)
    };
    let prepared = provider.prepare(&request).map_err(|error| {
        tracing::warn!(error = error_chain(&error), "the request cannot be made");
        verdict::of_closed(worker, job, &error)
    })?;
    let intent = NewAttempt {
        id: attempt,
        lease: job.claim.lease,
        provider: provider.name().to_owned(),
        model: order.model.clone(),
    };
    worker.ledger.open(intent).await?;
    let call = Call::new(worker, job, provider, attempt, &order.model);
    let paid = call.walk(Step::Submit(Box::new(prepared))).await?;
    paid.ok_or_else(|| verdict::retry(worker, job, ErrorKind::Network, None))
}
