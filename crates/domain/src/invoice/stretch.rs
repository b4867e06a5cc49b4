//! A part of a period under one plan, and what that plan costs.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::decimal::{Minor, UnitPrice};
use super::proration::days_between;
use crate::lane::Plan;
use crate::usage::Metric;

/// What one metric costs in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricTerms {
    /// Units that the fee of a whole period pays for; `None` is without end.
    pub included: Option<i64>,
    /// Each unit beyond them.
    pub unit_price: UnitPrice,
}

/// What a plan costs in a period: the prices that were in force when the period began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanTerms {
    /// The fee of a whole period.
    pub fee: Minor,
    /// The metrics that have a price; any other is without end and free.
    pub metrics: BTreeMap<Metric, MetricTerms>,
}

/// How a subscription stands, as far as money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On trial: nothing is charged, neither fee nor units.
    Trial,
    /// Subscribed, whether or not its invoices are paid.
    Subscribed,
    /// Cancelled: no fee and nothing included; units that still end are charged.
    Canceled,
}

impl Standing {
    /// The standing of a name of the `SubscriptionStatus` enum.
    pub fn of_status(status: &str) -> Option<Self> {
        match status {
            "TRIALING" => Some(Self::Trial),
            "ACTIVE" | "PAST_DUE" => Some(Self::Subscribed),
            "CANCELED" => Some(Self::Canceled),
            _ => None,
        }
    }
}

/// Consecutive days under one plan and standing. May have no days, where a plan was changed twice on one.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    /// The last change of the subscription that belongs to it.
    pub(super) last_seq: i32,
    pub(super) from: NaiveDate,
    pub(super) until: NaiveDate,
    pub(super) plan: Plan,
    pub(super) standing: Standing,
    pub(super) terms: PlanTerms,
}

impl Stretch {
    /// The units of a metric that these days pay for, of a period of `of_days`, rounded up; `None` is
    /// without end.
    pub(super) fn included(&self, metric: Metric, of_days: u32) -> Option<i64> {
        let included = match self.terms.metrics.get(&metric) {
            Some(terms) => terms.included?,
            None => return None,
        };
        if self.standing != Standing::Subscribed || of_days == 0 {
            return Some(0);
        }
        let days = i128::from(days_between(self.from, self.until));
        let of_days = i128::from(of_days);
        let units = (i128::from(included) * days + of_days - 1) / of_days;
        Some(i64::try_from(units).unwrap_or(i64::MAX))
    }

    /// Whether units of a metric used in it count against what is included.
    pub(super) fn draws(&self, metric: Metric) -> bool {
        let limited = self.terms.metrics.get(&metric);
        self.standing != Standing::Trial && limited.is_some_and(|terms| terms.included.is_some())
    }

    /// What a unit beyond the included ones costs.
    pub(super) fn price(&self, metric: Metric) -> UnitPrice {
        let terms = self.terms.metrics.get(&metric);
        terms.map_or(UnitPrice::from_e10(0), |terms| terms.unit_price)
    }
}
