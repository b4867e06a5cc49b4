//! Bringing issued invoices to Stripe.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Clock;
use futures::StreamExt;
use store::Database;
use store::stripe::{self, Outcome, Step};
use tokio::time::Instant;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;
use crate::stripe::{StripeClient, Verdict, carry_out};

/// Invoices that get their steps in one run.
const INVOICES: i64 = 200;
/// Steps that are taken at once, and how many of them are under way: far below the 100 requests a second that
/// Stripe allows (25 in test mode).
const STEPS: i64 = 32;
const AT_ONCE: usize = 8;
/// How long a step is ours: its questions and its request, each with the longest limit that can be set.
const LEASE_SECONDS: f64 = 120.0;
/// After this long a run says that there is more, well before the frame cuts it off.
const ENOUGH: Duration = Duration::from_secs(20);

/// The duty `stripe`: makes the steps of invoices that were issued, paid or voided here, and carries due steps out.
/// A step that is answered with nothing, or whose scheduler dies, is taken again with the same key and bytes.
pub struct Stripe {
    db: Database,
    client: StripeClient,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
}

/// What one run did.
#[derive(Default)]
struct Tally {
    done: u64,
    later: u64,
    stuck: u64,
    account: Option<String>,
}

impl Stripe {
    /// The duty's name.
    pub const NAME: &'static str = "stripe";

    /// The duty.
    pub fn new(
        db: Database,
        client: StripeClient,
        clock: Arc<dyn Clock>,
        metrics: SchedulerMetrics,
    ) -> Self {
        Self {
            db,
            client,
            clock,
            metrics,
        }
    }

    async fn carry_out_due(&self) -> Result<(Tally, bool), DutyError> {
        let started = Instant::now();
        let mut tally = Tally::default();
        loop {
            let now = self.clock.now();
            let steps = stripe::claim(&self.db, now, LEASE_SECONDS, STEPS).await?;
            if steps.is_empty() {
                return Ok((tally, false));
            }
            let tries: Vec<_> = steps
                .into_iter()
                .map(|step| self.try_to(step, now))
                .collect();
            let mut verdicts = futures::stream::iter(tries).buffer_unordered(AT_ONCE);
            while let Some((verdict, step)) = verdicts.next().await {
                self.record(&step, verdict, &mut tally).await?;
            }
            drop(verdicts);
            if tally.account.is_some() || started.elapsed() > ENOUGH {
                return Ok((tally, true));
            }
        }
    }

    async fn try_to(&self, step: Step, now: DateTime<Utc>) -> (Verdict, Step) {
        (carry_out(&self.client, &step, now).await, step)
    }

    async fn record(
        &self,
        step: &Step,
        verdict: Verdict,
        tally: &mut Tally,
    ) -> Result<(), DutyError> {
        let outcome = match verdict {
            Verdict::Record(outcome) => outcome,
            Verdict::Account { error, outcome } => {
                tally.account = Some(error);
                outcome
            }
        };
        if !stripe::record(&self.db, self.clock.now(), step, &outcome).await? {
            // Our lease ran out and another has it: it finds at Stripe what this one has made.
            return Ok(());
        }
        let word = match &outcome {
            Outcome::Done { .. } => {
                tally.done += 1;
                "done"
            }
            Outcome::Later { error, .. } => {
                tally.later += 1;
                tracing::info!(
                    step = step.key,
                    tries = step.tries,
                    error,
                    "Stripe is asked again later"
                );
                "later"
            }
            Outcome::Stuck { error } => {
                tally.stuck += 1;
                tracing::error!(
                    step = step.key,
                    error,
                    "Stripe refused a step, which waits for a person: `atelier stripe stuck`"
                );
                "stuck"
            }
        };
        let steps = &self.metrics.stripe_steps_total;
        steps.with_label_values(&[step.kind.as_str(), word]).inc();
        Ok(())
    }
}

impl Duty for Stripe {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let made = stripe::enqueue(&self.db, self.clock.now(), INVOICES).await?;
        self.metrics
            .stripe_without_address
            .set(made.without_address);
        let (tally, more) = self.carry_out_due().await?;
        let standing = stripe::standing(&self.db).await?;
        self.metrics.stripe_stuck.set(standing.stuck);
        if let Some(error) = tally.account {
            return Err(DutyError::Stripe(error));
        }
        let Tally {
            done, later, stuck, ..
        } = tally;
        let full = i64::try_from(made.invoices).is_ok_and(|count| count >= INVOICES);
        Ok(Progress {
            changed: made.invoices + made.follow_ups + done + later + stuck,
            detail: format!(
                "{} invoices and {} changes to bring to Stripe; {done} steps done, {later} later, {stuck} stuck",
                made.invoices, made.follow_ups
            ),
            more: more || full,
            next_at: standing.next_at,
        })
    }
}
