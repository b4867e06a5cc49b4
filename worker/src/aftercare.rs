//! Asking about the calls that jobs left behind.
//!
//! A job that was canceled, expired, failed or is held may leave an attempt open in the ledger: its call
//! may still be at work, or done and paid, and nobody waits for it. Any worker asks: it has the providers
//! and the keys, and the scheduler has neither. An accepted call is stopped, or polled until it ends; what
//! it cost is written down, and its picture is kept as the attempt's raw object and delivered to nobody.
//! What nobody can tell about for as long as the settings say is closed as lost, with its reserve as its
//! cost.
//!
//! [`store::aftercare`] says who may write. Everything here may be dropped at any await: a claim that is
//! not followed by a finding runs out.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Micros;
use futures::future::join_all;
use providers::{
    CallContext, Canceled, Credential, Finished, OpenAttempt, Polled, Provider, ProviderError,
    Reconciled,
};
use service::CancellationToken;
use service::telemetry::error_chain;
use store::aftercare::{self, Finding, LeftOpen};
use store::ledger::OpenState;
use store::objects::raw_key;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::verdict;
use crate::worker::Worker;

/// Attempts asked about at once by one worker.
const BATCH: i64 = 8;
/// How long one question to a provider may take. A finding needs three of them at most.
const ASK_LIMIT: Duration = Duration::from_secs(15);
/// How long a claimed attempt is nobody else's: more than three questions and the upload of a picture.
const CLAIM: TimeDelta = TimeDelta::seconds(90);
/// The longest wait between two questions about one attempt: Replicate keeps files for an hour.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How open attempts of ended jobs are looked after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How often it is looked for some; also the first wait between two questions, which doubles.
    pub(crate) period: Duration,
    /// An attempt that nobody can tell about is closed as lost when it is as old as this.
    pub(crate) max_age: TimeDelta,
}

/// Looks after open attempts until the last job has left this worker.
pub(crate) async fn run(worker: Arc<Worker>, idle: CancellationToken) {
    let mut ticks = interval(worker.settings.aftercare.period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let soft = worker.shutdown.soft();
    loop {
        tokio::select! {
            biased;
            () = idle.cancelled() => return,
            () = soft.cancelled() => return,
            () = async { ticks.tick().await; round(&worker).await } => {}
        }
    }
}

/// Asks about everything that is due.
async fn round(worker: &Worker) {
    loop {
        let now = worker.clock.now();
        match aftercare::claim(&worker.db, now, now + CLAIM, BATCH).await {
            Ok(left) if left.is_empty() => return,
            Ok(left) => {
                join_all(left.iter().map(|left| look_after(worker, left))).await;
            }
            Err(error) => {
                let error = error_chain(&error);
                tracing::debug!(error, "cannot look for attempts that were left open");
                return;
            }
        }
    }
}

/// Finds out about one attempt and writes it down.
async fn look_after(worker: &Worker, left: &LeftOpen) {
    let mut finding = find_out(worker, left).await;
    let now = worker.clock.now();
    let age = now - left.attempt.opened_at;
    // A held job's attempt waits for the person, as the job does.
    if matches!(finding, Finding::Open { .. })
        && !left.is_held
        && age > worker.settings.aftercare.max_age
    {
        let code = "outcome_unknown".to_owned();
        finding = Finding::Lost { code };
    }
    match aftercare::record(&worker.db, now, left, &finding).await {
        Ok(written) => {
            let outcome = match written.applied {
                true => label(&finding),
                false => "overtaken",
            };
            let attempt = left.attempt.id;
            tracing::info!(%attempt, job = %left.job, outcome, "asked about an attempt");
            let counter = &worker.metrics.attempts_reconciled_total;
            let provider = left.attempt.provider.as_str();
            counter.with_label_values(&[provider, outcome]).inc();
            if written.applied && outcome == "lost" {
                worker.count_lost(provider, store::ledger::LostBy::MaxAge);
            }
            worker.announce(&written.alerts);
        }
        Err(error) => {
            let error = error_chain(&error);
            tracing::warn!(error, attempt = %left.attempt.id, "a finding is not written");
        }
    }
}

fn label(finding: &Finding) -> &'static str {
    match finding {
        Finding::Open { .. } => "open",
        Finding::Closed { .. } => "closed",
        Finding::Kept { .. } => "kept",
        Finding::Lost { .. } => "lost",
    }
}

async fn find_out(worker: &Worker, left: &LeftOpen) -> Finding {
    let attempt = &left.attempt;
    if let (OpenState::Fetched, Some(raw_key)) = (attempt.state, &attempt.raw_key) {
        return Finding::Kept {
            raw_key: raw_key.clone(),
            provider_ref: None,
            cost: attempt.cost,
            tokens: None,
        };
    }
    // Its owner may have died between storing the answer and writing that down.
    let key = raw_key(left.job, attempt.id);
    if attempt.provider_ref.is_none() && matches!(worker.objects.get(&key).await, Ok(Some(_))) {
        return Finding::Kept {
            raw_key: key,
            provider_ref: None,
            cost: attempt.reserved,
            tokens: None,
        };
    }
    let Some((provider, credential)) = means(worker, left).await else {
        return still_open(worker, left, None);
    };
    let question = Question {
        worker,
        left,
        provider,
        credential,
    };
    let reference = match &attempt.provider_ref {
        Some(reference) => reference.clone(),
        None => match question.what_became().await {
            Some(Reconciled::Accepted { provider_ref }) => provider_ref,
            Some(Reconciled::NotAccepted) => return closed("not_accepted", Micros::ZERO),
            Some(Reconciled::Unknown) | None => return still_open(worker, left, None),
        },
    };
    question.about(reference).await
}

/// Whom to ask, with which key. None while this installation has them not.
async fn means(worker: &Worker, left: &LeftOpen) -> Option<(Arc<dyn Provider>, Credential)> {
    let attempt = &left.attempt;
    let provider = worker.providers.get(&attempt.provider).ok().cloned()?;
    let key = worker.keyring.find(&left.brand_id, &attempt.key_id).await;
    match key {
        Ok(Some(credential)) => Some((provider, credential)),
        Ok(None) => {
            tracing::warn!(key = attempt.key_id, "the key of an open attempt is gone");
            None
        }
        Err(error) => {
            tracing::debug!(error = error_chain(&error), "keys cannot be read");
            None
        }
    }
}

fn closed(code: &str, cost: Micros) -> Finding {
    Finding::Closed {
        code: code.to_owned(),
        cost,
    }
}

fn still_open(worker: &Worker, left: &LeftOpen, provider_ref: Option<String>) -> Finding {
    let wait = wait(worker.settings.aftercare.period, left.asks);
    Finding::Open {
        ask_at: later(worker.clock.now(), wait),
        provider_ref,
    }
}

/// The wait after so many questions: it doubles, up to [`LONGEST_WAIT`].
fn wait(first: Duration, asks: i32) -> Duration {
    let doublings = u32::try_from(asks.saturating_sub(1)).unwrap_or(0).min(20);
    first.saturating_mul(1 << doublings).min(LONGEST_WAIT)
}

fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::zero())
}

/// One attempt with what is needed to ask about it.
struct Question<'a> {
    worker: &'a Worker,
    left: &'a LeftOpen,
    provider: Arc<dyn Provider>,
    credential: Credential,
}

impl Question<'_> {
    async fn what_became(&self) -> Option<Reconciled> {
        let attempt = &self.left.attempt;
        let open = OpenAttempt {
            attempt: attempt.id,
            model: attempt.model.clone(),
            submitted_at: attempt.opened_at,
        };
        self.ask(|call| self.provider.reconcile(&open, call))
            .await?
            .ok()
    }

    /// Stops a call that was accepted, where nobody will want its picture, or sees how far it is.
    async fn about(&self, reference: String) -> Finding {
        if !self.left.is_held {
            let stopping = self.ask(|call| self.provider.cancel(&reference, call));
            if let Some(Ok(Canceled::Stopped { cost })) = stopping.await {
                return closed("abandoned", cost);
            }
        }
        match self.ask(|call| self.provider.poll(&reference, call)).await {
            Some(Ok(Polled::Finished(finished))) => self.keep(reference, finished).await,
            Some(Err(error)) if !error.next().keeps_attempt_open() => {
                closed(error.code(), verdict::cost(&error))
            }
            Some(Ok(Polled::Working { .. }) | Err(_)) | None => {
                still_open(self.worker, self.left, Some(reference))
            }
        }
    }

    /// Keeps the picture where the attempt's raw answer belongs, for whoever has to explain the bill.
    async fn keep(&self, reference: String, finished: Finished) -> Finding {
        let raw_key = raw_key(self.left.job, self.left.attempt.id);
        let objects = &self.worker.objects;
        let kept = objects.put(&raw_key, &finished.content_type, finished.bytes);
        match kept.await {
            Ok(()) => Finding::Kept {
                raw_key,
                provider_ref: finished.provider_ref.or(Some(reference)),
                cost: finished.cost,
                tokens: finished.tokens,
            },
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(error, "the picture of an open attempt cannot be kept");
                still_open(self.worker, self.left, Some(reference))
            }
        }
    }

    /// None when there was no answer in time.
    async fn ask<'b, T, F>(
        &'b self,
        question: impl FnOnce(CallContext<'b>) -> F,
    ) -> Option<Result<T, ProviderError>>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let deadline = Instant::now() + ASK_LIMIT;
        let call = CallContext {
            credential: &self.credential,
            deadline,
        };
        let answer = timeout_at(deadline, question(call)).await.ok()?;
        Some(answer.inspect_err(|error| {
            let attempt = self.left.attempt.id;
            tracing::debug!(%attempt, error = error_chain(error), "a question is not answered");
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_between_questions_doubles_up_to_ten_minutes() {
        let first = Duration::from_secs(10);
        let waits: Vec<u64> = [1, 2, 3, 7, 8, 1_000, i32::MAX]
            .into_iter()
            .map(|asks| wait(first, asks).as_secs())
            .collect();
        assert_eq!(waits, [10, 20, 40, 600, 600, 600, 600]);
    }
}
