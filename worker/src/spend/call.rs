//! One call to a provider, as a small machine of [`Step`]s: whether it was submitted just now, found by
//! reconciliation or left by an earlier owner, it goes the same way from there, and the ledger is
//! written at every step.
//!
//! Nothing here is ever sent twice: a step that loses its answer leads to reconciliation.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{AttemptId, FailureCode, Micros};
use providers::{
    CallContext, Canceled, Credential, ErrorKind, Finished, Next, OpenAttempt, Polled, Prepared,
    Provider, ProviderError, Reconciled, Submitted,
};
use service::telemetry::error_chain;
use store::ledger::{AttemptEvent, AttemptUpdate};
use store::objects::raw_key;
use tokio::time::{Instant, sleep, timeout_at};

use super::Paid;
use crate::job::Job;
use crate::retry::persistently;
use crate::stop::Stop;
use crate::verdict;
use crate::worker::Worker;

/// A provider that does not keep to its deadline is given up this much later.
const GUARD: Duration = Duration::from_secs(5);
/// However soon a provider wants to be polled, it is left alone this long.
const POLL_PAUSE: Duration = Duration::from_millis(10);
/// How long asking a provider what became of a call, or to stop it, may take.
const ASK_LIMIT: Duration = Duration::from_secs(15);

/// One open attempt.
pub(super) struct Call<'a> {
    worker: &'a Worker,
    job: &'a Job,
    provider: Arc<dyn Provider>,
    credential: Credential,
    attempt: AttemptId,
    model: String,
    /// Not after the provider first heard of it.
    opened_at: DateTime<Utc>,
    /// Until when the provider may be waited for.
    deadline: Instant,
    /// Whether an earlier owner opened it.
    resumed: bool,
}

/// Where a call stands.
pub(super) enum Step {
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

impl<'a> Call<'a> {
    /// A call that is to be sent now.
    pub(super) fn new(
        worker: &'a Worker,
        job: &'a Job,
        provider: &Arc<dyn Provider>,
        attempt: AttemptId,
        model: &str,
    ) -> Self {
        let own = Instant::now() + worker.settings.provider_timeout;
        Self {
            worker,
            job,
            provider: Arc::clone(provider),
            credential: Credential::none(),
            attempt,
            model: model.to_owned(),
            opened_at: worker.clock.now(),
            deadline: job.deadline.map_or(own, |deadline| deadline.min(own)),
            resumed: false,
        }
    }

    /// The same call, opened by somebody else at some time after `since`.
    pub(super) fn left_by_an_earlier_owner(self, since: DateTime<Utc>) -> Self {
        Self {
            opened_at: since,
            resumed: true,
            ..self
        }
    }

    /// Walks to the end. `None` when it is proved that nothing was accepted.
    pub(super) async fn walk(&self, first: Step) -> Result<Option<Paid>, Stop> {
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
        let submit = self.provider.submit(prepared, self.until(self.deadline));
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
            Ok(Ok(Submitted::Accepted { provider_ref, .. })) => {
                Ok(Walked::On(Step::Accepted { provider_ref }))
            }
            Ok(Err(error)) => self.failed(&error, None).await,
            Err(_) => self.unknown(ErrorKind::Timeout).await,
        }
    }

    async fn poll(&self, provider_ref: String, after: Duration) -> Result<Walked, Stop> {
        let asking = async {
            sleep(after.max(POLL_PAUSE)).await;
            let call = self.until(self.deadline);
            self.provider.poll(&provider_ref, call).await
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
                self.reject(error.code(), cost).await?;
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
                self.reject(kind.code(), Micros::ZERO).await?;
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
        let end = match provider_ref {
            Some(provider_ref) => self.stop_at_provider(&provider_ref).await,
            None => match self.ask_what_became().await {
                Ok(Reconciled::NotAccepted) => Stopped::At(Micros::ZERO),
                Ok(Reconciled::Accepted { provider_ref }) => {
                    self.stop_at_provider(&provider_ref).await
                }
                Ok(Reconciled::Unknown) | Err(_) => Stopped::Unknown,
            },
        };
        match end {
            // It was finished before it could be stopped: that beat the deadline.
            Stopped::TooLate(finished) if stop != Stop::Canceled => {
                return Ok(Walked::On(Step::Finished(finished)));
            }
            Stopped::TooLate(finished) => self.reject(stop.label(), finished.cost).await?,
            Stopped::At(cost) => self.reject(stop.label(), cost).await?,
            Stopped::Unknown => {
                let code = stop.label().to_owned();
                self.record(AttemptEvent::Unknown { code }).await?;
            }
        }
        Err(stop)
    }

    /// Stops an accepted call.
    async fn stop_at_provider(&self, provider_ref: &str) -> Stopped {
        let limit = Instant::now() + ASK_LIMIT;
        let canceling = self.provider.cancel(provider_ref, self.until(limit));
        match timeout_at(limit, canceling).await {
            Ok(Ok(Canceled::Stopped { cost })) => Stopped::At(cost),
            Ok(Ok(Canceled::TooLate)) => {
                let asking = self.provider.poll(provider_ref, self.until(limit));
                match timeout_at(limit, asking).await {
                    Ok(Ok(Polled::Finished(finished))) => Stopped::TooLate(finished),
                    _ => Stopped::Unknown,
                }
            }
            Ok(Ok(Canceled::Unsupported) | Err(_)) | Err(_) => Stopped::Unknown,
        }
    }

    fn until(&self, deadline: Instant) -> CallContext<'_> {
        CallContext {
            credential: &self.credential,
            deadline,
        }
    }

    async fn ask_what_became(&self) -> Result<Reconciled, String> {
        let open = OpenAttempt {
            attempt: self.attempt,
            model: self.model.clone(),
            submitted_at: self.opened_at,
        };
        let limit = Instant::now() + ASK_LIMIT;
        match timeout_at(limit, self.provider.reconcile(&open, self.until(limit))).await {
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

    /// Closes the attempt without a picture.
    async fn reject(&self, code: &str, cost: Micros) -> Result<(), Stop> {
        let code = code.to_owned();
        self.record(AttemptEvent::Rejected { code, cost }).await
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

/// What came of stopping a call.
enum Stopped {
    /// It was not accepted, or it stops, at this cost.
    At(Micros),
    /// It had finished.
    TooLate(Finished),
    /// Nobody can say.
    Unknown,
}
