//! The one stage that costs money: from an order to a paid answer in the object store.
//!
//! The ledger is read first. What an earlier owner left open is taken from the object store, polled, or
//! reconciled; only what is proved not to have been accepted is sent anew. Whom to ask is decided in
//! [`plan`], before every call anew; how one call goes from there, and what is written into the ledger at
//! each step, stands in [`call`].

use std::time::Duration;

use bytes::Bytes;
use domain::{AttemptId, BuiltPrompt, Micros};
use providers::{ErrorKind, ImageRequest, Next};
use service::telemetry::error_chain;
use store::ledger::{self, AttemptEvent, AttemptUpdate, NewAttempt, OpenState};
use store::objects::raw_key;

use self::call::{Call, End, Step};
use self::plan::{Pick, Plan};
use crate::job::Job;
use crate::prompt::Order;
use crate::stop::Stop;
use crate::worker::Worker;
use crate::{ids, verdict};

mod call;
mod plan;

/// A paid answer.
pub(crate) struct Paid {
    pub(crate) attempt: AttemptId,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) provider_ref: Option<String>,
    pub(crate) bytes: Bytes,
    pub(crate) cost: Micros,
    pub(crate) tokens: Option<i32>,
    /// What the adapter and the provider changed or left out.
    pub(crate) notes: Vec<String>,
}

/// A paid answer and the prompt it was made from.
pub(crate) struct Obtained {
    pub(crate) paid: Paid,
    pub(crate) prompt: BuiltPrompt,
}

/// Brings the answer, paying at most once.
pub(crate) async fn obtain(
    worker: &Worker,
    job: &mut Job,
    order: &Order,
) -> Result<Obtained, Stop> {
    if let Some(open) = job.claim.open_attempt.clone()
        && let Some(paid) = resume(worker, job, &open).await?
    {
        let provider = worker.providers.get(&open.provider).ok();
        let model = provider.and_then(|provider| provider.model(&open.model));
        return Ok(Obtained {
            prompt: order.fitted(model.as_ref())?,
            paid,
        });
    }
    let mut plan = Plan::new(worker, job, order).await?;
    let obtained = fresh(worker, job, order, &mut plan).await;
    let considered = plan.record();
    if obtained.is_err() {
        job.considered = considered;
    }
    obtained
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
    if open.provider_ref.is_none()
        && let Some(paid) = stored_before(worker, job, open).await?
    {
        return Ok(Some(paid));
    }
    let provider = worker.providers.get(&open.provider).map_err(|error| {
        tracing::error!(%error, "the provider of an open attempt is gone");
        Stop::Held(format!("provider_gone: {}", open.provider))
    })?;
    let key = worker.keyring.find(&job.claim.brand_id, &open.key_id).await;
    let key = key.map_err(|error| {
        tracing::warn!(error = error_chain(&error), "keys cannot be read");
        Stop::passing("database_unavailable")
    })?;
    let credential = key.ok_or_else(|| {
        tracing::error!(key = open.key_id, "the key of an open attempt is gone");
        Stop::Held("provider_key_gone".to_owned())
    })?;
    let call = Call::new(worker, job, provider, credential, open.id, &open.model)
        .left_by_an_earlier_owner(open);
    // Whatever else was noted of it: who has its reference can ask.
    let first = match &open.provider_ref {
        Some(provider_ref) => Step::Poll {
            provider_ref: provider_ref.clone(),
            after: Duration::ZERO,
        },
        None => Step::Reconcile {
            kind: ErrorKind::Network,
        },
    };
    match call.walk(first).await? {
        End::Paid(paid) => Ok(Some(paid)),
        End::NotAccepted => Ok(None),
        // The call is over without a picture; whether another is made is decided like after one of ours.
        End::Closed(closed) => {
            let stop = verdict::of_closed(worker, job, closed.kind, closed.next);
            if matches!(stop, Stop::Retry { .. }) {
                worker.count_spent_in_vain(&open.provider, closed.cost);
            }
            Err(stop)
        }
    }
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
        notes: Vec::new(),
    })
}

/// An answer that an earlier owner stored and died before it could write that down. What it cost stood in
/// the answer's head, so the whole reserve counts.
async fn stored_before(
    worker: &Worker,
    job: &Job,
    open: &ledger::OpenAttempt,
) -> Result<Option<Paid>, Stop> {
    let lease = job.claim.lease;
    let key = raw_key(lease.job, open.id);
    let found = worker.objects.get(&key).await.map_err(|error| {
        tracing::warn!(
            error = error_chain(&error),
            "the object store cannot be read"
        );
        Stop::passing("object_store_unavailable")
    })?;
    let Some(bytes) = found else { return Ok(None) };
    tracing::info!(attempt = %open.id, "its answer was stored and not written down");
    let event = AttemptEvent::Fetched {
        raw_key: key,
        provider_ref: None,
        cost: open.reserved,
        tokens: None,
    };
    let update = AttemptUpdate {
        id: open.id,
        lease,
        event,
    };
    worker.ledger.record(update).await?;
    Ok(Some(Paid {
        attempt: open.id,
        provider: open.provider.clone(),
        model: open.model.clone(),
        provider_ref: None,
        bytes,
        cost: open.reserved,
        tokens: None,
        notes: Vec::new(),
    }))
}

/// Asks one candidate after the other until one brings a picture or none is left. Each attempt is closed
/// in the ledger before the next is opened.
async fn fresh(
    worker: &Worker,
    job: &Job,
    order: &Order,
    plan: &mut Plan<'_>,
) -> Result<Obtained, Stop> {
    for _ in 0..worker.settings.max_calls {
        job.unless_stopped(worker, std::future::ready(Ok(())))
            .await?;
        let pick = plan.choose().await?;
        let mut prompt = order.fitted(pick.row.as_ref())?;
        prompt.notes.extend(pick.note.clone());
        match attempt(worker, job, order, plan, &pick, &prompt).await? {
            Some(End::Paid(paid)) => {
                return Ok(Obtained { paid, prompt });
            }
            Some(End::NotAccepted) => {
                return Err(verdict::retry(worker, job, ErrorKind::Network, None));
            }
            Some(End::Closed(closed)) => {
                plan.learn(&pick, &closed);
                if let Some(stop) = verdict::final_word(closed.kind, closed.next) {
                    return Err(stop);
                }
                if job.is_late() {
                    return Err(Stop::Expired);
                }
                worker.count_spent_in_vain(pick.provider.name(), closed.cost);
            }
            None => {}
        }
    }
    Err(plan.no_more_calls())
}

/// One attempt at one candidate. None when it was not made, and another may be.
async fn attempt(
    worker: &Worker,
    job: &Job,
    order: &Order,
    plan: &mut Plan<'_>,
    pick: &Pick,
    prompt: &BuiltPrompt,
) -> Result<Option<End>, Stop> {
    let attempt = ids::attempt(worker.clock.as_ref());
    let (width, height) = order.size_px;
    let size_px = match &pick.row {
        Some(model) => model.sizes.nearest(width, height),
        None => (width, height),
    };
    let callbacks = worker.settings.callbacks.as_ref();
    let request = ImageRequest {
        callback_url: callbacks
            .and_then(|callbacks| callbacks.address(pick.provider.as_ref(), attempt)),
        negative_prompt: prompt.negative_prompt.clone(),
        ..ImageRequest::generate(attempt, &pick.model, &prompt.prompt, size_px)
    };
    let request = order.fill(request, pick.row.as_ref());
    let prepared = match pick.provider.prepare(&request) {
        Ok(prepared) => prepared,
        Err(error) => {
            tracing::warn!(error = error_chain(&error), "the request cannot be made");
            // Another may be able to: nothing was sent.
            plan.unfit(pick, error.kind());
            return match plan.is_last() {
                true => Err(verdict::of_closed(worker, job, error.kind(), Next::Stop)),
                false => Ok(None),
            };
        }
    };
    let intent = NewAttempt {
        id: attempt,
        lease: job.claim.lease,
        brand_id: job.claim.brand_id.clone(),
        provider: pick.provider.name().to_owned(),
        model: pick.model.clone(),
        key_id: pick.credential.id().to_owned(),
        reserve: prepared.price,
        route: plan.record(),
    };
    match worker.ledger.open(intent).await? {
        ledger::Opened::Stands => {}
        ledger::Opened::Refused => return Err(Stop::Lost),
        ledger::Opened::Reserved => return Err(verdict::budget_reserved(worker, job)),
        ledger::Opened::Exhausted => {
            plan.over_budget(pick);
            return Ok(None);
        }
    }
    let call = Call::new(
        worker,
        job,
        &pick.provider,
        pick.credential.clone(),
        attempt,
        &pick.model,
    )
    .with_reserve(prepared.price)
    .with_permit(pick.take_permit());
    let end = call.walk(Step::Submit(Box::new(prepared))).await;
    end.map(Some)
}
