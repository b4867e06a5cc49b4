//! Plans, and the lanes through which their jobs reach the workers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A brand's subscription plan, with the names of the `SubscriptionPlan` enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Plan {
    /// No fee.
    Free,
    /// The first paid plan.
    Starter,
    /// The middle paid plan.
    Professional,
    /// The largest plan.
    Enterprise,
}

impl Plan {
    /// The lane that new work of this plan takes.
    pub fn lane(self) -> Lane {
        match self {
            Self::Free => Lane::Free,
            Self::Starter => Lane::Starter,
            Self::Professional => Lane::Professional,
            Self::Enterprise => Lane::Enterprise,
        }
    }
}

impl Plan {
    /// Every plan, the smallest first.
    pub const ALL: [Self; 4] = [
        Self::Free,
        Self::Starter,
        Self::Professional,
        Self::Enterprise,
    ];

    /// The name in the `SubscriptionPlan` enum.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Starter => "STARTER",
            Self::Professional => "PROFESSIONAL",
            Self::Enterprise => "ENTERPRISE",
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Plan {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "FREE" => Ok(Self::Free),
            "STARTER" => Ok(Self::Starter),
            "PROFESSIONAL" => Ok(Self::Professional),
            "ENTERPRISE" => Ok(Self::Enterprise),
            _ => Err(UnknownName(text.to_owned())),
        }
    }
}

/// A name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown name {0:?}")]
pub struct UnknownName(pub String);

/// One of the short streams between intake and workers.
///
/// Lanes are weighted, not strict: the lowest is slowed under load, never stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Work that was begun before: it goes first, so that a shopper who waited once is not put
    /// behind newcomers.
    Retry,
    /// New work of ENTERPRISE brands.
    Enterprise,
    /// New work of PROFESSIONAL brands.
    Professional,
    /// New work of STARTER brands.
    Starter,
    /// New work of FREE brands.
    Free,
}

impl Lane {
    /// Every lane, the first served first.
    pub const ALL: [Self; 5] = [
        Self::Retry,
        Self::Enterprise,
        Self::Professional,
        Self::Starter,
        Self::Free,
    ];

    /// How many picks of one round this lane gets while all lanes have work.
    ///
    /// The ratio of neighbours is two, so FREE still gets one pick in sixteen of the plans' and
    /// nobody waits for ever.
    pub fn weight(self) -> u32 {
        match self {
            Self::Retry => 16,
            Self::Enterprise => 8,
            Self::Professional => 4,
            Self::Starter => 2,
            Self::Free => 1,
        }
    }

    /// The name in streams, columns and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Enterprise => "enterprise",
            Self::Professional => "professional",
            Self::Starter => "starter",
            Self::Free => "free",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Lane {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|lane| lane.as_str() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}
