//! The machine's clock.

use chrono::{DateTime, SubsecRound, Utc};

/// Reads the machine's wall clock. Everything else takes its time from a [`domain::Clock`], so that
/// tests drive it by hand.
///
/// Whole microseconds, as PostgreSQL keeps them: an instant that is told before it is stored is the
/// same when it is read back.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl domain::Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

#[cfg(test)]
mod tests {
    use domain::Clock;

    use super::*;

    #[test]
    fn an_instant_has_no_more_digits_than_the_database_keeps() {
        assert_eq!(SystemClock.now().timestamp_subsec_nanos() % 1_000, 0);
    }
}
