//! What a period costs: from what a brand was subscribed to and what it used to the charges of its invoice.
//!
//! - **Fee.** Each stretch of days under one plan is charged by its days; a day on which the plan changes
//!   belongs to the plan that holds at its end. A whole period is one month. Trials and cancelled days are free.
//! - **Included units.** Each stretch brings its plan's units by its days, rounded up in the brand's favour,
//!   and all of them are one pool for the whole period: who goes up in the middle of a month is not charged for
//!   what was included on the day it was used.
//! - **Units beyond** draw on the pool in the order in which they were used; what is left over costs what the
//!   plan asked under which it was used.
//! - **Late units**, which came after their period was closed, are charged as if they had been its last:
//!   against what is left of that period's pool, then at its last plan's price.
//!
//! Invariant: the quantities of the charges of a metric add up to its units, and none is negative.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::currency::Currency;
use super::decimal::{MoneyError, UnitPrice};
use super::line::Unit;
use super::proration::days_between;
use super::stretch::{PlanTerms, Standing, Stretch};
use crate::lane::Plan;
use crate::usage::Metric;

/// From a day on a brand was subscribed to something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number, rising with time.
    pub seq: i32,
    /// Its first day.
    pub from: NaiveDate,
    /// To what.
    pub plan: Plan,
    /// How the subscription stands.
    pub standing: Standing,
}

/// Why a period cannot be charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// A plan without a price.
    #[error("the plan {0} has no price for this period; add a row to atelier.plan")]
    NoTerms(Plan),
    /// Nothing says what the brand was subscribed to.
    #[error("no change of the subscription says what the brand was subscribed to in this period")]
    NoChange,
    /// A number is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What a charge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChargeKind {
    /// Being subscribed.
    Fee,
    /// Units that cost nothing.
    Included,
    /// Units that cost their price.
    Overage,
}

/// One line of what a period costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What it is for.
    pub kind: ChargeKind,
    /// Under which plan; units that cost nothing name none.
    pub plan: Option<Plan>,
    /// What was counted; none for a fee.
    pub metric: Option<Metric>,
    /// The first day it is about.
    pub from: NaiveDate,
    /// The day after the last.
    pub until: NaiveDate,
    /// Days of the whole period, of which a fee may be a part.
    pub of_days: u32,
    /// Whether the units came after their own period was closed.
    pub late: bool,
    /// How many, never negative.
    pub quantity: i64,
    /// Of what.
    pub unit: Unit,
    /// Each.
    pub unit_price: UnitPrice,
}

/// Units under a change of the subscription; late ones under [`LATE`].
pub type Units = (i32, i64);

/// The change under which late units count: whatever was the last of their period.
pub const LATE: i32 = i32::MAX;

/// What holds in one period of a brand.
#[derive(Debug, Clone)]
pub struct PeriodTerms {
    start: NaiveDate,
    end: NaiveDate,
    fee_from: NaiveDate,
    stretches: Vec<Stretch>,
    /// The last of them.
    last: Stretch,
}

impl PeriodTerms {
    /// The terms of the period from `start` until before `end`, whose fee is charged from `fee_from`.
    /// `changes` are all of the brand's, in the order of their numbers; those after the period are ignored.
    ///
    /// # Errors
    /// [`StatementError::NoTerms`] and [`StatementError::NoChange`].
    pub fn new(
        (start, end): (NaiveDate, NaiveDate),
        fee_from: NaiveDate,
        changes: &[Change],
        terms: &BTreeMap<Plan, PlanTerms>,
    ) -> Result<Self, StatementError> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for change in changes.iter().filter(|change| change.from < end) {
            // What held before the period holds on its first day too, until it was changed.
            if change.from < start {
                stretches.clear();
            }
            let earliest = stretches.last().map_or(start, |last| last.from);
            let from = change.from.max(earliest);
            let (plan, standing) = (change.plan, change.standing);
            match stretches.last_mut() {
                Some(last) if (last.plan, last.standing) == (plan, standing) => {
                    last.last_seq = change.seq;
                    continue;
                }
                Some(last) => last.until = from,
                None => {}
            }
            let found = terms.get(&plan).ok_or(StatementError::NoTerms(plan))?;
            stretches.push(Stretch {
                last_seq: change.seq,
                from: if stretches.is_empty() { start } else { from },
                until: end,
                plan,
                standing,
                terms: found.clone(),
            });
        }
        let last = stretches.last().cloned().ok_or(StatementError::NoChange)?;
        Ok(Self {
            start,
            end,
            fee_from,
            stretches,
            last,
        })
    }

    /// Days of the whole period.
    fn days(&self) -> u32 {
        days_between(self.start, self.end)
    }

    /// The fees, stretch by stretch, in `currency`.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn fees(&self, currency: Currency) -> Result<Vec<Charge>, MoneyError> {
        let of_days = self.days();
        let mut fees = Vec::new();
        for stretch in &self.stretches {
            let from = stretch.from.max(self.fee_from);
            let days = days_between(from, stretch.until);
            let fee = stretch.terms.fee;
            if stretch.standing != Standing::Subscribed || fee.0 == 0 || days == 0 {
                continue;
            }
            let price = UnitPrice::from_minor(fee, currency)?;
            let (quantity, unit, unit_price) = match days == of_days {
                true => (1, Unit::Month, price),
                false => (i64::from(days), Unit::Day, price.part_of(of_days)),
            };
            fees.push(Charge {
                kind: ChargeKind::Fee,
                plan: Some(stretch.plan),
                metric: None,
                from,
                until: stretch.until,
                of_days,
                late: false,
                quantity,
                unit,
                unit_price,
            });
        }
        Ok(fees)
    }

    /// The charges for `units` of a metric used in this period, of which `before` have been billed already.
    pub fn usage(
        &self,
        metric: Metric,
        before: &[Units],
        units: &[Units],
        late: bool,
    ) -> Vec<Charge> {
        let mut left = self.pool(metric);
        for (seq, count) in before {
            if self.stretch_of(*seq).draws(metric) {
                left = (left - count).max(0);
            }
        }
        let mut included: i64 = 0;
        let mut over: BTreeMap<(Plan, UnitPrice), i64> = BTreeMap::new();
        let mut ordered = units.to_vec();
        ordered.sort_unstable();
        for (seq, count) in ordered {
            let stretch = self.stretch_of(seq);
            let free = !stretch.draws(metric) || stretch.price(metric) == UnitPrice::from_e10(0);
            let drawn = match stretch.draws(metric) {
                true => count.min(left),
                false => 0,
            };
            left -= drawn;
            included += if free { count } else { drawn };
            if !free {
                let key = (stretch.plan, stretch.price(metric));
                *over.entry(key).or_default() += count - drawn;
            }
        }
        let charge = |kind, plan, quantity, unit_price| Charge {
            kind,
            plan,
            metric: Some(metric),
            from: self.start,
            until: self.end,
            of_days: self.days(),
            late,
            quantity,
            unit: Unit::Piece,
            unit_price,
        };
        let nothing = UnitPrice::from_e10(0);
        let included = charge(ChargeKind::Included, None, included, nothing);
        let beyond = over
            .into_iter()
            .map(|((plan, price), count)| charge(ChargeKind::Overage, Some(plan), count, price));
        let all = std::iter::once(included).chain(beyond);
        all.filter(|charge| charge.quantity > 0).collect()
    }

    /// All units that the period's fees pay for.
    fn pool(&self, metric: Metric) -> i64 {
        let of_days = self.days();
        let included = self.stretches.iter();
        included
            .filter_map(|stretch| stretch.included(metric, of_days))
            .fold(0, i64::saturating_add)
    }

    /// The stretch of a change; the last for one that came after them all.
    fn stretch_of(&self, seq: i32) -> &Stretch {
        let found = self.stretches.iter().find(|one| seq <= one.last_seq);
        found.unwrap_or(&self.last)
    }
}

#[cfg(test)]
#[path = "statement_cases.rs"]
mod cases;
