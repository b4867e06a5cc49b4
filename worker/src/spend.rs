//! The one stage that costs money: from an order to a paid answer in the object store.
//!
//! The ledger is read first and written at every step. What an earlier owner left open is taken from
//! the object store, polled, or reconciled; only what is proved not to have been accepted is sent
//! anew. The walk is a small machine of [`Step`]s, so that a call which was submitted, found by
//! reconciliation or left by an earlier owner goes the same way from there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{AttemptId, FailureCode, Micros};
use providers::{
    Canceled, ErrorKind, Finished, ImageRequest, Next, OpenAttempt, Polled, Prepared, Provider,
    ProviderError, Reconciled, Submitted, seed_of,
};
use service::telemetry::error_chain;
use store::ledger::{self, AttemptEvent, AttemptUpdate, NewAttempt, OpenState};
use store::objects::raw_key;
use tokio::time::{Instant, sleep, timeout_at};

use crate::job::Job;
use crate::prompt::Order;
use crate::retry::persistently;
use crate::stop::Stop;
use crate::worker::Worker;
use crate::{ids, verdict};

/// A provider that does not keep to its deadline is given up this much later.
const GUARD: Duration = Duration::from_secs(5);
/// How long asking a provider what became of a call, or to stop it, may take.
const ASK_LIMIT: Duration = Duration::from_secs(15);

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
    let call = Call {
        worker,
        job,
        provider: Arc::clone(provider),
        attempt: open.id,
        model: open.model.clone(),
        opened_at: job.claim.created_at,
        deadline: deadline(worker, job),
        resumed: true,
    };
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
    let request = ImageRequest {
        attempt,
        model: order.model.clone(),
        prompt: order.prompt.prompt.clone(),
        negative_prompt: order.prompt.negative_prompt.clone(),
        width_px: order.width_px,
        height_px: order.height_px,
        quality: order.quality.clone(),
        style: order.style.clone(),
        seed: seed_of(attempt),
    };
    let prepared = provider.prepare(&request).map_err(|error| {
        tracing::warn!(error = error_chain(&error), "the request cannot be made");
        verdict::of_closed(worker, job, &error)
    })?;
    let opened_at = worker.clock.now();
    let intent = NewAttempt {
        id: attempt,
        lease: job.claim.lease,
        provider: provider.name().to_owned(),
        model: order.model.clone(),
    };
    worker.ledger.open(intent).await?;
    let call = Call {
        worker,
        job,
        provider: Arc::clone(provider),
        attempt,
        model: order.model.clone(),
        opened_at,
        deadline: deadline(worker, job),
        resumed: false,
    };
    let paid = call.walk(Step::Submit(Box::new(prepared))).await?;
    paid.ok_or_else(|| verdict::retry(worker, job, ErrorKind::Network, None))
}

/// One open attempt.
struct Call<'a> {
    worker: &'a Worker,
    job: &'a Job,
    provider: Arc<dyn Provider>,
    attempt: AttemptId,
    model: String,
    opened_at: DateTime<Utc>,
    /// Until when the provider may be waited for.
    deadline: Instant,
    /// Whether an earlier owner opened it.
    resumed: bool,
}

/// Where a call stands.
enum Step {
    /// It is in the ledger and may be sent.
    Submit(Box<Prepared>),
    /// The provider gave a reference for it.
    Accepted { provider_ref: String },
    /// It is asked for after this long.
    Poll {
        provider_ref: String,
        after: Duration,
    },
    /// Nobody knows what became of it.
    Reconcile { kind: ErrorKind },
    /// It is to end before its answer came.
    Abandon {
        stop: Stop,
        provider_ref: Option<String>,
    },
    /// The answer came.
    Finished(Finished),
}

/// What a step led to.
enum Walked {
    On(Step),
    /// Proof that nothing was accepted; the attempt is closed.
    NotAccepted,
    Paid(Paid),
}

impl Call<'_> {
    /// Walks to the end. `None` when it is proved that nothing was accepted.
    async fn walk(&self, first: Step) -> Result<Option<Paid>, Stop> {
        let mut step = first;
        loop {
            match self.take(step).await? {
                Walked::On(next) => step = next,
                Walked::NotAccepted if self.job.is_late() => return Err(Stop::Expired),
                Walked::NotAccepted => return Ok(None),
                Walked::Paid(paid) => return Ok(Some(paid)),
            }
        }
    }

    async fn take(&self, step: Step) -> Result<Walked, Stop> {
        match step {
            Step::Submit(prepared) => self.submit(*prepared).await,
            Step::Accepted { provider_ref } => {
                let event = AttemptEvent::Accepted {
                    provider_ref: provider_ref.clone(),
                };
                self.record(event).await?;
                Ok(Walked::On(Step::Poll {
                    provider_ref,
                    after: Duration::ZERO,
                }))
            }
            Step::Poll {
                provider_ref,
                after,
            } => self.poll(provider_ref, after).await,
            Step::Reconcile { kind } => self.reconcile(kind).await,
            Step::Abandon { stop, provider_ref } => self.abandon(stop, provider_ref).await,
            Step::Finished(finished) => self.fetched(finished).await.map(Walked::Paid),
        }
    }

    async fn submit(&self, prepared: Prepared) -> Result<Walked, Stop> {
        let submit = self.provider.submit(prepared, self.deadline);
        let submitting = timeout_at(self.deadline + GUARD, submit);
        let answer = tokio::select! {
            biased;
            answer = submitting => answer,
            () = self.job.hold.cancel.cancelled() => {
                return Ok(Walked::On(Step::Abandon { stop: Stop::Canceled, provider_ref: None }));
            }
        };
        match answer {
            Ok(Ok(Submitted::Finished(finished))) => Ok(Walked::On(Step::Finished(finished))),
            Ok(Ok(Submitted::Accepted { provider_ref })) => {
                Ok(Walked::On(Step::Accepted { provider_ref }))
            }
            Ok(Err(error)) => self.failed(&error, None).await,
            Err(_) => self.unknown(ErrorKind::Timeout).await,
        }
    }

    async fn poll(&self, provider_ref: String, after: Duration) -> Result<Walked, Stop> {
        let asking = async {
            sleep(after).await;
            self.provider.poll(&provider_ref, self.deadline).await
        };
        let stop = tokio::select! {
            biased;
            () = self.job.hold.cancel.cancelled() => Stop::Canceled,
            answer = timeout_at(self.deadline, asking) => match answer {
                Ok(Ok(Polled::Finished(finished))) => {
                    return Ok(Walked::On(Step::Finished(finished)));
                }
                Ok(Ok(Polled::Working { ask_again_after })) => {
                    let after = ask_again_after;
                    return Ok(Walked::On(Step::Poll { provider_ref, after }));
                }
                Ok(Err(error)) => return self.failed(&error, Some(provider_ref)).await,
                Err(_) if self.job.is_late() => Stop::Expired,
                Err(_) => verdict::retry(self.worker, self.job, ErrorKind::Timeout, None),
            },
        };
        Ok(Walked::On(Step::Abandon {
            stop,
            provider_ref: Some(provider_ref),
        }))
    }

    /// An answer that is no picture: closes the attempt, or keeps it open where its outcome is unknown.
    async fn failed(
        &self,
        error: &ProviderError,
        provider_ref: Option<String>,
    ) -> Result<Walked, Stop> {
        tracing::warn!(error = error_chain(error), attempt = %self.attempt, "the provider failed");
        match (error.next(), provider_ref) {
            (Next::PollAfter(after), Some(provider_ref)) => Ok(Walked::On(Step::Poll {
                provider_ref,
                after,
            })),
            (Next::PollAfter(_) | Next::Reconcile, _) => self.unknown(error.kind()).await,
            _ => {
                let stop = match verdict::of_closed(self.worker, self.job, error) {
                    Stop::Retry { .. } if self.job.is_late() => Stop::Expired,
                    Stop::Failed(FailureCode::ProviderUnavailable) if self.job.is_late() => {
                        Stop::Expired
                    }
                    stop => stop,
                };
                let cost = verdict::cost(error);
                if matches!(stop, Stop::Retry { .. }) {
                    self.count_spent_in_vain(cost);
                }
                self.record(AttemptEvent::Rejected {
                    code: error.code().to_owned(),
                    cost,
                })
                .await?;
                Err(stop)
            }
        }
    }

    async fn unknown(&self, kind: ErrorKind) -> Result<Walked, Stop> {
        self.record(AttemptEvent::Unknown {
            code: kind.code().to_owned(),
        })
        .await?;
        Ok(Walked::On(Step::Reconcile { kind }))
    }

    async fn reconcile(&self, kind: ErrorKind) -> Result<Walked, Stop> {
        match self.ask_what_became().await {
            Ok(Reconciled::NotAccepted) => {
                let code = kind.code().to_owned();
                self.record(AttemptEvent::Rejected {
                    code,
                    cost: Micros::ZERO,
                })
                .await?;
                // What this call's own error was decides when it is tried again.
                match self.resumed || self.job.is_late() {
                    true => Ok(Walked::NotAccepted),
                    false => Err(verdict::retry(self.worker, self.job, kind, None)),
                }
            }
            Ok(Reconciled::Accepted { provider_ref }) => {
                Ok(Walked::On(Step::Accepted { provider_ref }))
            }
            Ok(Reconciled::Unknown) if self.job.is_late() => Err(Stop::Expired),
            Ok(Reconciled::Unknown) => Err(Stop::Held(format!("outcome_unknown: {}", kind.code()))),
            // The attempt stays open; asking is repeated as long as there are tries.
            Err(error) => {
                tracing::warn!(error, attempt = %self.attempt, "cannot ask what became of a call");
                match verdict::retry(self.worker, self.job, ErrorKind::Network, None) {
                    Stop::Failed(_) => Err(Stop::Held("outcome_unknown: cannot ask".to_owned())),
                    retry => Err(retry),
                }
            }
        }
    }

    /// Ends a call that nobody waits for any more, and writes down what it cost.
    async fn abandon(&self, stop: Stop, provider_ref: Option<String>) -> Result<Walked, Stop> {
        let found = match provider_ref {
            Some(provider_ref) => Ok(Reconciled::Accepted { provider_ref }),
            None => self.ask_what_became().await,
        };
        let code = stop.label().to_owned();
        match found {
            Ok(Reconciled::NotAccepted) => {
                self.record(AttemptEvent::Rejected {
                    code,
                    cost: Micros::ZERO,
                })
                .await?;
            }
            Ok(Reconciled::Accepted { provider_ref }) => {
                let end = self.stop_at_provider(&provider_ref).await;
                match end {
                    // It was finished before it could be stopped: that beat the deadline.
                    Some(Ok(finished)) if stop != Stop::Canceled => {
                        return Ok(Walked::On(Step::Finished(finished)));
                    }
                    Some(Ok(finished)) => {
                        self.record(AttemptEvent::Rejected {
                            code,
                            cost: finished.cost,
                        })
                        .await?;
                    }
                    Some(Err(Stopped)) => {
                        self.record(AttemptEvent::Rejected {
                            code,
                            cost: Micros::ZERO,
                        })
                        .await?;
                    }
                    None => self.record(AttemptEvent::Unknown { code }).await?,
                }
            }
            Ok(Reconciled::Unknown) | Err(_) => {
                self.record(AttemptEvent::Unknown { code }).await?;
            }
        }
        Err(stop)
    }

    /// Stops an accepted call; `None` when what it comes to is not known.
    async fn stop_at_provider(&self, provider_ref: &str) -> Option<Result<Finished, Stopped>> {
        let limit = Instant::now() + ASK_LIMIT;
        let canceled = timeout_at(limit, self.provider.cancel(provider_ref, limit))
            .await
            .ok()?;
        match canceled.ok()? {
            Canceled::Stopped => Some(Err(Stopped)),
            Canceled::Unsupported => None,
            Canceled::TooLate => {
                let polled = timeout_at(limit, self.provider.poll(provider_ref, limit))
                    .await
                    .ok()?;
                match polled.ok()? {
                    Polled::Finished(finished) => Some(Ok(finished)),
                    Polled::Working { .. } => None,
                }
            }
        }
    }

    async fn ask_what_became(&self) -> Result<Reconciled, String> {
        let open = OpenAttempt {
            attempt: self.attempt,
            model: self.model.clone(),
            submitted_at: self.opened_at,
        };
        let limit = Instant::now() + ASK_LIMIT;
        match timeout_at(limit, self.provider.reconcile(&open, limit)).await {
            Ok(answer) => answer.map_err(|error| error_chain(&error)),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Puts the raw answer into the object store, then the fact into the ledger. The order matters: a
    /// crash between the two leaves an attempt to be polled or reconciled, and never a fact without
    /// its bytes.
    async fn fetched(&self, finished: Finished) -> Result<Paid, Stop> {
        let key = raw_key(self.job.claim.lease.job, self.attempt);
        let put = || {
            let bytes = finished.bytes.clone();
            self.worker.objects.put(&key, &finished.content_type, bytes)
        };
        persistently("raw answer", put).await.map_err(|error| {
            tracing::error!(
                error = error_chain(&error),
                "a paid answer cannot be stored"
            );
            Stop::Held("raw_answer_not_stored".to_owned())
        })?;
        let Finished {
            bytes,
            provider_ref,
            cost,
            tokens,
            ..
        } = finished;
        let event = AttemptEvent::Fetched {
            raw_key: key,
            provider_ref: provider_ref.clone(),
            cost,
            tokens,
        };
        self.record(event).await?;
        Ok(Paid {
            attempt: self.attempt,
            provider: self.provider.name().to_owned(),
            model: self.model.clone(),
            provider_ref,
            bytes,
            cost,
            tokens,
        })
    }

    async fn record(&self, event: AttemptEvent) -> Result<(), Stop> {
        let lease = self.job.claim.lease;
        self.worker
            .ledger
            .record(AttemptUpdate {
                id: self.attempt,
                lease,
                event,
            })
            .await
    }

    fn count_spent_in_vain(&self, cost: Micros) {
        let spent = u64::try_from(cost.0).unwrap_or(0);
        let counter = &self.worker.metrics.duplicate_spend_micros_total;
        counter
            .with_label_values(&[self.provider.name()])
            .inc_by(spent);
    }
}

/// Until when a call that begins now may be waited for.
fn deadline(worker: &Worker, job: &Job) -> Instant {
    let own = Instant::now() + worker.settings.provider_timeout;
    job.deadline.map_or(own, |deadline| deadline.min(own))
}

/// The provider stopped the call.
struct Stopped;
