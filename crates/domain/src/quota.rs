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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
