//! One call to a provider, as a small machine of [`Step`]s: whether it was submitted just now, found by
//! reconciliation or left by an earlier owner, it goes the same way from there, and the ledger is
//! written at every step.
//!
//! Nothing here is ever sent twice: a step that loses its answer leads to reconciliation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AttemptId, FailureCode, Micros, UnknownOutcome};
use providers::{
    CallContext, Canceled, Credential, ErrorKind, Finished, Next, OpenAttempt, Polled, Prepared,
    Provider, ProviderError, RateHints, Reconciled, Submitted,
};
use queue::Permit;
use service::telemetry::error_chain;
use store::ledger::{self, AttemptEvent, AttemptUpdate, LostBy};
use store::objects::raw_key;
use tokio::time::{Instant, sleep, timeout_at};

use super::Paid;
use super::plan;
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

/// After a question without an answer, asking waits this long at least.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// While an attempt is younger than this, asking about it costs its job no try. Providers need up to a
/// minute until their lists show a call.
const ASKING_PATIENCE: TimeDelta = TimeDelta::minutes(10);

/// One open attempt.
pub(super) struct Call<'a> {
    worker: &'a Worker,
    job: &'a Job,
    provider: Arc<dyn Provider>,
    credential: Credential,
    attempt: AttemptId,
    model: String,
    /// The most it may cost.
    reserved: Micros,
    /// Not after the provider first heard of it.
    opened_at: DateTime<Utc>,
    /// Until when the provider may be waited for.
    deadline: Instant,
    /// Whether an earlier owner opened it.
    resumed: bool,
    /// The turn it was given, until the answer to the submit says how it went.
    permit: Mutex<Option<Permit>>,
}

/// How a call ended, other than by the job's own end.
pub(super) enum End {
    /// With an answer that is paid and kept.
    Paid(Paid),
    /// With the proof that nothing was accepted; the attempt is closed.
    NotAccepted,
    /// Without a picture; the attempt is closed.
    Closed(Closed),
}

/// A call that brought no picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed {
    pub(super) kind: ErrorKind,
    pub(super) next: Next,
    pub(super) cost: Micros,
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
    Ended(End),
}

impl<'a> Call<'a> {
    /// A call that is to be sent now.
    pub(super) fn new(
        worker: &'a Worker,
        job: &'a Job,
        provider: &Arc<dyn Provider>,
        credential: Credential,
        attempt: AttemptId,
        model: &str,
    ) -> Self {
        let own = Instant::now() + worker.settings.provider_timeout;
        Self {
            worker,
            job,
            provider: Arc::clone(provider),
            credential,
            attempt,
            model: model.to_owned(),
            reserved: Micros::ZERO,
            opened_at: worker.clock.now(),
            deadline: job.deadline.map_or(own, |deadline| deadline.min(own)),
            resumed: false,
            permit: Mutex::default(),
        }
    }

    /// The same call with the turn it was given.
    pub(super) fn with_permit(self, permit: Option<Permit>) -> Self {
        Self {
            permit: Mutex::new(permit),
            ..self
        }
    }

    /// The same call with what was reserved for it.
    pub(super) fn with_reserve(self, reserved: Micros) -> Self {
        Self { reserved, ..self }
    }

    /// The same call, opened by somebody else.
    pub(super) fn left_by_an_earlier_owner(self, open: &ledger::OpenAttempt) -> Self {
        Self {
            reserved: open.reserved,
            opened_at: open.opened_at,
            resumed: true,
            ..self
        }
    }

    /// Walks to the end, and tells the fleet how the call went.
    pub(super) async fn walk(&self, first: Step) -> Result<End, Stop> {
        let walked = self.walk_on(first).await;
        if let Ok(End::Paid(paid)) = &walked {
            plan::tell_well(self.worker, self.provider.name(), &self.model, paid.cost);
        }
        walked
    }

    async fn walk_on(&self, first: Step) -> Result<End, Stop> {
        let mut step = first;
        loop {
            match self.take(step).await? {
                Walked::On(next) => step = next,
                Walked::Ended(End::NotAccepted) if self.job.is_late() => {
                    return Err(Stop::Expired);
                }
                Walked::Ended(end) => return Ok(end),
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
            Step::Finished(finished) => {
                let paid = self.fetched(finished).await?;
                Ok(Walked::Ended(End::Paid(paid)))
            }
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
            Ok(Ok(Submitted::Finished(finished))) => {
                self.went(&finished.rate).await;
                Ok(Walked::On(Step::Finished(finished)))
            }
            Ok(Ok(Submitted::Accepted { provider_ref, rate })) => {
                self.went(&rate).await;
                Ok(Walked::On(Step::Accepted { provider_ref }))
            }
            Ok(Err(error)) => {
                self.turned_away(&error).await;
                self.failed(&error, None).await
            }
            Err(_) => self.unknown(ErrorKind::Timeout).await,
        }
    }

    async fn poll(&self, provider_ref: String, after: Duration) -> Result<Walked, Stop> {
        let soft = self.worker.shutdown.soft();
        let asking = async {
            sleep(POLL_PAUSE).await;
            tokio::select! {
                () = sleep(after.saturating_sub(POLL_PAUSE)) => {}
                // The provider says that there is something to ask for.
                () = self.job.hold.announced.notified() => {}
            }
            let call = self.until(self.deadline);
            self.provider.poll(&provider_ref, call).await
        };
        let stop = tokio::select! {
            biased;
            () = self.job.hold.cancel.cancelled() => Stop::Canceled,
            // The ledger has its reference: the next owner goes on polling, and a stop need not wait.
            () = soft.cancelled() => return Err(Stop::HandBack),
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
                plan::tell_badly(self.worker, self.provider.name(), &self.model, error.kind());
                let cost = verdict::cost(error);
                let next = match cost {
                    Micros::ZERO => error.next(),
                    _ => self.after_paying_for_nothing(error.next()).await?,
                };
                self.reject(error.code(), cost).await?;
                Ok(Walked::Ended(End::Closed(Closed {
                    kind: error.kind(),
                    next,
                    cost,
                })))
            }
        }
    }

    /// What follows an answer that was charged and holds no picture. It is money that nobody gets back, as
    /// with a lost call, so the same policy holds: at most once more in a job's life.
    async fn after_paying_for_nothing(&self, next: Next) -> Result<Next, Stop> {
        let once_more = self.job.unknown_outcome == UnknownOutcome::RetryOnce
            && self.paid_for_nothing_before().await? == 0;
        Ok(if once_more { next } else { Next::Stop })
    }

    /// How many calls of this job cost money and brought nothing, by the ledger.
    async fn paid_for_nothing_before(&self) -> Result<i64, Stop> {
        let lost = ledger::lost(&self.worker.db, self.job.claim.lease.job).await;
        lost.map_err(|error| {
            tracing::warn!(error = error_chain(&error), "the ledger cannot be read");
            Stop::passing("ledger_unavailable")
        })
    }

    /// Tells the key's gate that a submit was taken.
    async fn went(&self, rate: &RateHints) {
        if let Some(permit) = self.permit() {
            permit.went(&plan::dimensions(rate)).await;
        }
    }

    /// Tells the key's gate of a submit that was not.
    async fn turned_away(&self, error: &ProviderError) {
        let Some(permit) = self.permit() else { return };
        let dimensions = plan::dimensions(error.rate());
        match error.kind() {
            ErrorKind::RateLimited => permit.refused(error.rate().retry_after, &dimensions).await,
            _ => permit.went(&dimensions).await,
        }
    }

    fn permit(&self) -> Option<Permit> {
        self.permit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn unknown(&self, kind: ErrorKind) -> Result<Walked, Stop> {
        plan::tell_badly(self.worker, self.provider.name(), &self.model, kind);
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
                    true => Ok(Walked::Ended(End::NotAccepted)),
                    false => Ok(Walked::Ended(End::Closed(Closed {
                        kind,
                        next: Next::OtherProvider,
                        cost: Micros::ZERO,
                    }))),
                }
            }
            Ok(Reconciled::Accepted { provider_ref }) => {
                Ok(Walked::On(Step::Accepted { provider_ref }))
            }
            Ok(Reconciled::Unknown) if self.job.is_late() => Err(Stop::Expired),
            Ok(Reconciled::Unknown) => self.nobody_knows(kind).await,
            Err(error) => {
                let after = match error.next() {
                    Next::PollAfter(after) => Some(after),
                    _ => None,
                };
                let error = error_chain(&error);
                tracing::warn!(error, attempt = %self.attempt, "cannot ask what became of a call");
                Err(self.ask_again(after))
            }
        }
    }

    /// What comes of a job whose call cannot be asked about now. The attempt stays open; asking is
    /// repeated, and while it is young no try is counted for it.
    fn ask_again(&self, after: Option<Duration>) -> Stop {
        let (worker, job) = (self.worker, self.job);
        let is_young = worker.clock.now() - self.opened_at < ASKING_PATIENCE;
        match verdict::retry(worker, job, ErrorKind::Network, after) {
            Stop::Retry { after, code, .. } => Stop::Retry {
                after,
                counted: !is_young,
                code,
            },
            // Whoever is not to be asked by a person is asked again by aftercare.
            _ => match job.unknown_outcome {
                UnknownOutcome::Hold => Stop::Held("outcome_unknown: cannot ask".to_owned()),
                UnknownOutcome::Fail | UnknownOutcome::RetryOnce => {
                    Stop::Failed(FailureCode::OutcomeUnknown)
                }
            },
        }
    }

    /// The provider has no way to tell what became of the call: the brand's policy decides. A job is sent
    /// once more once in its life, as the ledger counts it, whoever worked on it before.
    async fn nobody_knows(&self, kind: ErrorKind) -> Result<Walked, Stop> {
        let (worker, job) = (self.worker, self.job);
        let by = match job.unknown_outcome {
            UnknownOutcome::Hold => {
                return Err(Stop::Held(format!("outcome_unknown: {}", kind.code())));
            }
            UnknownOutcome::Fail => LostBy::Fail,
            UnknownOutcome::RetryOnce => LostBy::RetryOnce,
        };
        let lost = self.paid_for_nothing_before().await?;
        let retry = verdict::retry(worker, job, kind, None);
        let once_more = by == LostBy::RetryOnce && lost == 0 && matches!(retry, Stop::Retry { .. });
        let code = kind.code().to_owned();
        self.record(AttemptEvent::Lost { by, code }).await?;
        worker.count_lost(self.provider.name(), by);
        if !once_more {
            return Err(Stop::Failed(FailureCode::OutcomeUnknown));
        }
        tracing::warn!(attempt = %self.attempt, "a call is lost; another is made in its place");
        Ok(Walked::Ended(End::Closed(Closed {
            kind,
            next: Next::OtherProvider,
            cost: self.reserved,
        })))
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

    async fn ask_what_became(&self) -> Result<Reconciled, ProviderError> {
        let open = OpenAttempt {
            attempt: self.attempt,
            model: self.model.clone(),
            submitted_at: self.opened_at,
        };
        let limit = Instant::now() + ASK_LIMIT;
        match timeout_at(limit, self.provider.reconcile(&open, self.until(limit))).await {
            Ok(answer) => answer,
            Err(_) => {
                let (name, kind) = (self.provider.name(), ErrorKind::Timeout);
                Err(ProviderError::poll_failed(
                    name,
                    kind,
                    ASK_AGAIN,
                    "no answer in time",
                ))
            }
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
            notes,
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
            notes,
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
