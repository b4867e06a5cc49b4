//! How long to wait before the next attempt to reach Redis.

use std::time::Duration;

/// The first wait: a restart of the server on the same machine takes about this long.
const FIRST_MS: u64 = 100;

/// The longest wait: an outage may last for hours, but its end should be noticed within seconds.
const LONGEST_MS: u64 = 5_000;

/// Counts failures in a row and says how long to wait after each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Notes a failure. `fraction` is a random number from 0 to 1; half of the wait depends on it, so
    /// that a fleet which lost the server at one moment does not return at one moment.
    pub(crate) fn failed(&mut self, fraction: f64) -> Duration {
        let doubled = FIRST_MS.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let whole = Duration::from_millis(doubled.min(LONGEST_MS));
        whole.mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0)
    }

    /// Notes a success.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..8).map(|_| backoff.failed(1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(0.0), Duration::from_millis(50));
    }

    #[test]
    fn ten_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.failed(1.0), Duration::from_millis(LONGEST_MS));
    }
}
