//! How much of what was asked for a plan grants.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lane::UnknownName;

/// What happens when a brand reaches the limit of its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaPolicy {
    /// Refuse what is over the limit.
    Block,
    /// Grant everything; what is over the limit is billed per piece.
    Charge,
    /// As [`QuotaPolicy::Charge`] up to a cap in pieces, included ones counted; refuse beyond it.
    ChargeCapped {
        /// The most pieces in a period; a cap below the plan's limit counts as the limit, because
        /// what is included was paid for.
        cap: u64,
    },
}

impl QuotaPolicy {
    /// The policy's name in columns and problem documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Charge => "charge",
            Self::ChargeCapped { .. } => "charge_capped",
        }
    }

    /// The policy of a stored name and cap. A capped policy stored without a cap is capped at the
    /// limit: nobody is billed without bounds for want of a number.
    ///
    /// # Errors
    /// [`UnknownName`] for any other name.
    pub fn from_name(name: &str, cap: Option<u64>) -> Result<Self, UnknownName> {
        match name {
            "block" => Ok(Self::Block),
            "charge" => Ok(Self::Charge),
            "charge_capped" => Ok(Self::ChargeCapped {
                cap: cap.unwrap_or(0),
            }),
            _ => Err(UnknownName(name.to_owned())),
        }
    }

    /// The most that may be used in a period of this `limit`; `None` is without end.
    pub fn ceiling(self, limit: u64) -> Option<u64> {
        match self {
            Self::Block => Some(limit),
            Self::Charge => None,
            Self::ChargeCapped { cap } => Some(cap.max(limit)),
        }
    }
}

impl fmt::Display for QuotaPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for QuotaPolicy {
    type Err = UnknownName;

    /// Reads a name without a cap; see [`QuotaPolicy::from_name`].
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::from_name(text, None)
    }
}

/// How many of `requested` pieces are granted when `used` of `limit` are gone in this period.
///
/// A batch of requests asks once with its sum and grants the first ones; the rest are refused. The
/// caller must hold the brand's row while it adds what was granted, which is what makes 5,000
/// concurrent requests against a limit of 100 accept exactly 100.
pub fn grant(policy: QuotaPolicy, limit: u64, used: u64, requested: u64) -> u64 {
    match policy.ceiling(limit) {
        Some(ceiling) => requested.min(ceiling.saturating_sub(used)),
        None => requested,
    }
}

/// What a brand may use of one metric in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Units that were paid for with the plan; `None` is without end.
    pub included: Option<u64>,
    /// What happens beyond them.
    pub policy: QuotaPolicy,
}

impl Allowance {
    /// Nothing is limited and nothing is told: what a metric without a price has.
    pub const UNLIMITED: Self = Self {
        included: None,
        policy: QuotaPolicy::Charge,
    };

    /// The most that may be used in a period; `None` is without end.
    pub fn ceiling(self) -> Option<u64> {
        self.included
            .and_then(|included| self.policy.ceiling(included))
    }

    /// What thresholds are shares of: the ceiling, or what is included where more is billed. None for what
    /// has no end, and for nothing at all, of which there are no shares.
    pub fn measure(self) -> Option<u64> {
        self.ceiling().or(self.included).filter(|units| *units > 0)
    }

    /// How many of `requested` units are granted when `used` are gone; see [`grant`].
    pub fn grant(self, used: u64, requested: u64) -> u64 {
        match self.included {
            Some(included) => grant(self.policy, included, used, requested),
            None => requested,
        }
    }

    /// What is left before units are refused; `None` is without end.
    pub fn remaining(self, used: u64) -> Option<u64> {
        self.ceiling().map(|ceiling| ceiling.saturating_sub(used))
    }
}

/// The shares of its allowance, in percent, that a brand is told of when it reaches them.
pub const THRESHOLDS: [u8; 4] = [50, 75, 90, 100];

/// The thresholds that lie above `before` and not above `after`, in order.
pub fn crossed(measure: u64, before: u64, after: u64) -> impl Iterator<Item = u8> {
    let share = move |used: u64, percent: u8| {
        measure > 0 && u128::from(used) * 100 >= u128::from(measure) * u128::from(percent)
    };
    THRESHOLDS
        .into_iter()
        .filter(move |percent| share(after, *percent) && !share(before, *percent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowance(included: u64, policy: QuotaPolicy) -> Allowance {
        Allowance {
            included: Some(included),
            policy,
        }
    }

    #[test]
    fn what_is_left_and_what_shares_are_of_follow_the_policy() {
        let capped = QuotaPolicy::ChargeCapped { cap: 150 };
        for (policy, ceiling, left, measure) in [
            (QuotaPolicy::Block, Some(100), Some(10), Some(100)),
            (QuotaPolicy::Charge, None, None, Some(100)),
            (capped, Some(150), Some(60), Some(150)),
        ] {
            let allowance = allowance(100, policy);
            assert_eq!(allowance.ceiling(), ceiling);
            assert_eq!(allowance.remaining(90), left);
            assert_eq!(allowance.measure(), measure);
        }
        assert_eq!(allowance(100, QuotaPolicy::Block).remaining(130), Some(0));
        assert_eq!(allowance(0, QuotaPolicy::Block).measure(), None);
        assert_eq!(Allowance::UNLIMITED.grant(u64::MAX, 5), 5);
        assert_eq!(Allowance::UNLIMITED.measure(), None);
    }

    #[test]
    fn a_threshold_is_crossed_by_the_unit_that_reaches_it() {
        let found = |before, after| crossed(10, before, after).collect::<Vec<_>>();
        assert_eq!(found(4, 5), [50]);
        assert!(found(5, 6).is_empty());
        assert_eq!(found(7, 8), [75], "7.5 is reached by the eighth");
        assert_eq!(found(0, 10), [50, 75, 90, 100]);
        assert!(found(10, 30).is_empty());
        assert!(found(5, 4).is_empty());
        assert_eq!(crossed(0, 0, 5).count(), 0);
    }

    #[test]
    fn each_policy_at_its_edge() {
        assert_eq!(grant(QuotaPolicy::Block, 100, 98, 5), 2);
        assert_eq!(
            grant(QuotaPolicy::Block, 100, 130, 5),
            0,
            "a plan that shrank grants nothing"
        );
        assert_eq!(grant(QuotaPolicy::Charge, 100, 100, 5), 5);
        assert_eq!(
            grant(QuotaPolicy::ChargeCapped { cap: 102 }, 100, 100, 5),
            2
        );
        assert_eq!(grant(QuotaPolicy::ChargeCapped { cap: 10 }, 100, 50, 5), 5);
    }

    #[test]
    fn a_stored_name_reads_back() {
        for policy in [
            QuotaPolicy::Block,
            QuotaPolicy::Charge,
            QuotaPolicy::ChargeCapped { cap: 7 },
        ] {
            assert_eq!(QuotaPolicy::from_name(policy.as_str(), Some(7)), Ok(policy));
        }
        assert!("unlimited".parse::<QuotaPolicy>().is_err());
        let uncapped: QuotaPolicy = "charge_capped".parse().unwrap();
        assert_eq!(grant(uncapped, 100, 100, 1), 0);
    }

    proptest! {
        #[test]
        fn steps_of_any_size_cross_each_threshold_once(
            measure in 1..300_u64, steps in proptest::collection::vec(0..40_u64, 0..30)
        ) {
            let mut used = 0;
            let mut told = Vec::new();
            for step in steps {
                told.extend(crossed(measure, used, used + step));
                used += step;
            }
            let reached: Vec<u8> = crossed(measure, 0, used).collect();
            prop_assert_eq!(told, reached);
        }

        #[test]
        fn batches_of_any_size_together_grant_what_one_by_one_would(
            limit in 0..200_u64, cap in 0..300_u64, sizes in proptest::collection::vec(0..20_u64, 0..40)
        ) {
            for policy in [QuotaPolicy::Block, QuotaPolicy::ChargeCapped { cap }] {
                let used = sizes.iter().fold(0, |used, size| used + grant(policy, limit, used, *size));
                let requested: u64 = sizes.iter().sum();
                prop_assert_eq!(used, grant(policy, limit, 0, requested));
                prop_assert!(Some(used) <= policy.ceiling(limit));
            }
        }
    }
}
