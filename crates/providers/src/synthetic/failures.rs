//! The failure plan of the synthetic provider: which calls fail, and how.
//!
//! A plan is a pure function of prompt and seed, so that a run can be repeated exactly.

use std::fmt;
use std::str::FromStr;

/// How a synthetic call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Refused: too many calls.
    RateLimited,
    /// Refused: the content.
    ContentPolicy,
    /// Refused: the request itself.
    InvalidRequest,
    /// Refused: the key.
    Auth,
    /// Refused: no money left.
    QuotaExhausted,
    /// Refused: overloaded.
    Unavailable,
    /// Silent until the deadline; whether it was accepted is unknown.
    Timeout,
    /// The answer is lost; whether it was accepted is unknown.
    Network,
    /// Charged, and the answer holds no picture.
    BadAnswer,
    /// Charged, and the picture breaks off half-way.
    Truncated,
}

impl Failure {
    /// Every failure with its name in a plan.
    pub const NAMED: [(&'static str, Self); 10] = [
        ("rate_limited", Self::RateLimited),
        ("content_policy", Self::ContentPolicy),
        ("invalid_request", Self::InvalidRequest),
        ("auth", Self::Auth),
        ("quota_exhausted", Self::QuotaExhausted),
        ("unavailable", Self::Unavailable),
        ("timeout", Self::Timeout),
        ("network", Self::Network),
        ("bad_answer", Self::BadAnswer),
        ("truncated", Self::Truncated),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::NAMED
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, failure)| failure)
    }
}

/// Which calls fail. Empty by default: none does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailurePlan {
    /// Lower-case texts that make a call fail when the prompt holds them, in order.
    by_prompt: Vec<(String, Failure)>,
    /// Failures with their upper bound on the line from 0 to 1, rising.
    by_chance: Vec<(f64, Failure)>,
    /// The plan as it was written.
    text: String,
}

/// A failure plan that cannot be understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A rule has no colon.
    #[error("{rule:?} is not KIND:CHANCE or KIND:prompt~TEXT")]
    Shape {
        /// The rule.
        rule: String,
    },
    /// The word before the colon is no failure.
    #[error("{kind:?} is no kind of failure; the kinds are {}", known_kinds())]
    Kind {
        /// The word.
        kind: String,
    },
    /// `prompt~` with nothing behind it would hit every call by accident.
    #[error("{rule:?} has no text after prompt~")]
    NoText {
        /// The rule.
        rule: String,
    },
    /// The word after the colon is no fraction from 0 to 1.
    #[error("{chance:?} in {rule:?} is not a number from 0 to 1")]
    Chance {
        /// The rule.
        rule: String,
        /// The word.
        chance: String,
    },
    /// More than every call would fail.
    #[error("the chances add up to {total}, which is more than 1")]
    Total {
        /// The sum.
        total: f64,
    },
}

fn known_kinds() -> String {
    Failure::NAMED.map(|(name, _)| name).join(", ")
}

impl FailurePlan {
    /// What happens to this call; `None` is success.
    pub fn fate(&self, prompt: &str, seed: u64) -> Option<Failure> {
        let prompt = prompt.to_lowercase();
        let told = self
            .by_prompt
            .iter()
            .find(|(text, _)| prompt.contains(text));
        if let Some((_, failure)) = told {
            return Some(*failure);
        }
        let draw = unit(seed);
        self.by_chance
            .iter()
            .find(|(bound, _)| draw < *bound)
            .map(|(_, failure)| *failure)
    }

    fn add(&mut self, rule: &str) -> Result<(), PlanError> {
        let shape = || PlanError::Shape {
            rule: rule.to_owned(),
        };
        let (kind, when) = rule.split_once(':').ok_or_else(shape)?;
        let failure = Failure::parse(kind.trim()).ok_or_else(|| PlanError::Kind {
            kind: kind.trim().to_owned(),
        })?;
        if let Some(text) = when.trim().strip_prefix("prompt~") {
            if text.is_empty() {
                return Err(PlanError::NoText {
                    rule: rule.to_owned(),
                });
            }
            self.by_prompt.push((text.to_lowercase(), failure));
            return Ok(());
        }
        let total = self.by_chance.last().map_or(0.0, |(bound, _)| *bound) + chance(rule, when)?;
        // A sum of fractions such as 0.7 + 0.2 + 0.1 may pass 1 by a rounding error.
        if total > 1.0 + 1e-9 {
            return Err(PlanError::Total { total });
        }
        self.by_chance.push((total, failure));
        Ok(())
    }
}

fn chance(rule: &str, when: &str) -> Result<f64, PlanError> {
    match when.trim().parse::<f64>() {
        Ok(chance) if (0.0..=1.0).contains(&chance) => Ok(chance),
        _ => Err(PlanError::Chance {
            rule: rule.to_owned(),
            chance: when.trim().to_owned(),
        }),
    }
}

/// A number from 0 up to but not including 1, decided by the seed alone (the finaliser of
/// `SplitMix64`, so that neighbouring seeds fall far apart).
fn unit(seed: u64) -> f64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

impl FromStr for FailurePlan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut plan = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        if text.trim().is_empty() {
            return Ok(plan);
        }
        for rule in text.split(',') {
            plan.add(rule.trim())?;
        }
        Ok(plan)
    }
}

impl fmt::Display for FailurePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> FailurePlan {
        text.parse().unwrap()
    }

    #[test]
    fn an_empty_plan_lets_everything_succeed() {
        assert!((0..1_000).all(|seed| plan("").fate("anything", seed).is_none()));
    }

    #[test]
    fn chances_hit_about_as_often_as_they_say() {
        let plan = plan("rate_limited:0.1,unavailable:0.05");
        let count = |failure| {
            (0..20_000)
                .filter(|seed| plan.fate("x", *seed) == Some(failure))
                .count()
        };
        let limited = count(Failure::RateLimited);
        let unavailable = count(Failure::Unavailable);
        assert!((1_800..2_200).contains(&limited), "{limited}");
        assert!((850..1_150).contains(&unavailable), "{unavailable}");
    }

    #[test]
    fn a_prompt_rule_hits_in_any_letter_case_and_goes_before_chances() {
        let plan = plan("unavailable:1, content_policy:prompt~Forbidden");
        assert_eq!(
            plan.fate("a FORBIDDEN word", 7),
            Some(Failure::ContentPolicy)
        );
        assert_eq!(plan.fate("a word", 7), Some(Failure::Unavailable));
    }

    #[test]
    fn the_same_seed_meets_the_same_fate() {
        let plan = plan("network:0.5");
        for seed in 0..200 {
            assert_eq!(plan.fate("x", seed), plan.fate("y", seed));
        }
    }

    #[test]
    fn every_failure_can_be_named() {
        for (name, failure) in Failure::NAMED {
            assert_eq!(plan(&format!("{name}:1")).fate("x", 1), Some(failure));
        }
    }

    #[test]
    fn a_plan_that_is_wrong_says_where() {
        let cases = [
            (
                "rate_limited",
                "\"rate_limited\" is not KIND:CHANCE or KIND:prompt~TEXT",
            ),
            (
                "rate_limited:0.1,",
                "\"\" is not KIND:CHANCE or KIND:prompt~TEXT",
            ),
            (
                "limited:0.1",
                "\"limited\" is no kind of failure; the kinds are rate_limited, ",
            ),
            (
                "auth:1.5",
                "\"1.5\" in \"auth:1.5\" is not a number from 0 to 1",
            ),
            (
                "auth:-0.1",
                "\"-0.1\" in \"auth:-0.1\" is not a number from 0 to 1",
            ),
            (
                "auth:NaN",
                "\"NaN\" in \"auth:NaN\" is not a number from 0 to 1",
            ),
            (
                "auth:often",
                "\"often\" in \"auth:often\" is not a number from 0 to 1",
            ),
            ("auth:prompt~", "\"auth:prompt~\" has no text after prompt~"),
            (
                "auth:0.75,network:0.5",
                "the chances add up to 1.25, which is more than 1",
            ),
        ];
        for (text, message) in cases {
            let error = text.parse::<FailurePlan>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
