//! When a failed step is tried again.

use std::time::Duration;

/// Exponential back-off with full jitter.
///
/// After the `n`-th try the delay is drawn evenly from zero to `min(cap, base × 2ⁿ⁻¹)`. Full jitter
/// spreads the retries of one outage over the whole span, where a fixed delay would bring them all
/// back at the same instant. With the defaults:
///
/// | tries made | delay at most | on average |
/// |-----------:|--------------:|-----------:|
/// | 1 | 2 s | 1 s |
/// | 2 | 4 s | 2 s |
/// | 3 | 8 s | 4 s |
/// | 4 | 16 s | 8 s |
/// | 5 | no further try | |
///
/// With more tries allowed the delay goes on doubling until it meets the cap of 5 minutes after the
/// ninth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Upper bound of the first delay.
    pub base: Duration,
    /// Upper bound of every delay that the policy chooses itself.
    pub cap: Duration,
    /// How many tries there are in all, the first one included.
    pub max_tries: u32,
}

impl Default for RetryPolicy {
    /// Base 2 s, cap 5 min, 5 tries: a shopper waits for the picture, so four retries within half a
    /// minute are worth more than one in an hour.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(2),
            cap: Duration::from_secs(300),
            max_tries: 5,
        }
    }
}

impl RetryPolicy {
    /// Whether there is another try after `tries` of them.
    pub fn allows(&self, tries: u32) -> bool {
        tries < self.max_tries
    }

    /// How long to wait after the `tries`-th try (the first is 1).
    ///
    /// `fraction` is the caller's random number, 0 ≤ `fraction` < 1; a number outside is brought
    /// inside. `retry_after` is what the other side asked for: the delay is never shorter, and the
    /// jitter is added to it, so that everybody who was sent away does not return together.
    pub fn delay(&self, tries: u32, retry_after: Option<Duration>, fraction: f64) -> Duration {
        let fraction = if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        };
        let jitter = self.ceiling(tries).mul_f64(fraction);
        retry_after.unwrap_or_default().saturating_add(jitter)
    }

    /// The longest delay the policy itself chooses after the `tries`-th try.
    pub fn ceiling(&self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_schedule_is_the_one_in_the_documentation() {
        let policy = RetryPolicy::default();
        let seconds: Vec<u64> = (1..=10)
            .map(|tries| policy.ceiling(tries).as_secs())
            .collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert!(policy.allows(4));
        assert!(!policy.allows(5));
    }

    #[test]
    fn half_a_fraction_is_half_the_ceiling() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(3, None, 0.5), Duration::from_secs(4));
        assert_eq!(policy.delay(3, None, f64::NAN), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_delay_is_never_earlier_than_asked_nor_later_than_its_ceiling(
            tries: u32, fraction in 0.0..1.0_f64, asked in 0..1_000_000_u64
        ) {
            let policy = RetryPolicy::default();
            let asked = Duration::from_secs(asked);
            let delay = policy.delay(tries, Some(asked), fraction);
            prop_assert!(delay >= asked);
            prop_assert!(delay <= asked + policy.ceiling(tries));
            prop_assert!(policy.delay(tries, None, fraction) <= policy.cap);
        }

        #[test]
        fn the_ceiling_never_falls(tries in 0..u32::MAX) {
            let policy = RetryPolicy::default();
            prop_assert!(policy.ceiling(tries) <= policy.ceiling(tries + 1));
        }
    }
}
