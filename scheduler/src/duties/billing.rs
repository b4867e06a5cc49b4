//! Closing periods, issuing invoices, and what follows when they are not paid.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::Clock;
use store::Database;
use store::billing::{self, Cursor, Round, Scope};

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// How many of each thing one run does at most: a second or two of short transactions.
const BATCH: i64 = 100;

/// How much longer than its rest a period may be over before it counts as overdue.
fn patience() -> TimeDelta {
    TimeDelta::hours(1)
}

/// The duty `billing`: one round of [`store::billing`] after the other while there is anything due.
///
/// Dying anywhere leaves what the next run does: each step is a transaction, and numbers are given in the
/// transaction that issues. Two at once share the work.
pub struct Billing {
    db: Database,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
    scope: Scope,
    cursor: Cursor,
    /// Periods that this pass could not close.
    unbillable: i64,
}

impl Billing {
    /// The duty's name.
    pub const NAME: &'static str = "billing";

    /// The duty. A period rests for `grace` before it is closed.
    pub fn new(
        db: Database,
        clock: Arc<dyn Clock>,
        metrics: SchedulerMetrics,
        grace: TimeDelta,
    ) -> Self {
        Self {
            db,
            clock,
            metrics,
            scope: Scope {
                brand: None,
                grace,
                most: BATCH,
            },
            cursor: Cursor::default(),
            unbillable: 0,
        }
    }

    fn measure(&mut self, round: &Round) {
        let metrics = &self.metrics;
        let closed = |outcome, count| {
            let counter = metrics.periods_closed_total.with_label_values(&[outcome]);
            counter.inc_by(count);
        };
        closed("invoiced", round.drafted);
        closed("nothing", round.nothing);
        metrics
            .invoices_issued_total
            .inc_by(round.issued.len() as u64);
        metrics.dunning_steps_total.inc_by(round.dunned.steps);
        metrics.brands_canceled_total.inc_by(round.dunned.canceled);
        self.unbillable += i64::try_from(round.unbillable.len()).unwrap_or(i64::MAX);
        for one in &round.unbillable {
            tracing::warn!(brand = %one.brand, period = %one.period_start, why = one.why, "a period cannot be invoiced");
        }
        if round.is_last_page {
            metrics.periods_unbillable.set(self.unbillable);
            self.unbillable = 0;
        }
    }
}

impl Duty for Billing {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let now = self.clock.now();
        let round = billing::round(&self.db, now, &self.scope, &mut self.cursor).await?;
        self.measure(&round);
        let cut = now - self.scope.grace - patience();
        let overdue = store::invoices::overdue(&self.db, cut).await?;
        self.metrics.periods_overdue.set(overdue);
        Ok(Progress {
            changed: round.changed(),
            detail: round.detail(),
            more: round.more,
            next_at: None,
        })
    }

    fn stand_down(&mut self) {
        self.metrics.periods_overdue.set(0);
        self.metrics.periods_unbillable.set(0);
    }
}
