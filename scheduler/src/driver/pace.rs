//! How long a duty rests. Pure arithmetic.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::driver::Tick;

/// After a nudge a run begins this much later, so that a storm of nudges costs at most fifty runs a
/// second, and a lone one hardly waits.
pub(super) const NUDGE_GAP: Duration = Duration::from_millis(20);

/// The shortest term of a lease: a holder that dies is followed within this time and one look.
const LEASE_TERM_MIN: Duration = Duration::from_secs(5);

/// The first rest after a failure; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// The longest rest after failures: the end of an outage is noticed this soon. There are a handful of
/// schedulers, so their returning together harms nobody.
const BACKOFF_LONGEST: Duration = Duration::from_secs(2);

/// Who stands by looks at least and at most this seldom.
const STANDBY_MIN: Duration = Duration::from_secs(1);
const STANDBY_MAX: Duration = Duration::from_secs(30);

/// How a driver rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Not at all.
    None,
    /// This long, or until a nudge.
    Until(Duration),
    /// This long, whoever nudges.
    Deaf(Duration),
}

/// The term of a lease for a duty of this period: three runs may fail before the duty moves on.
pub(super) fn lease_term(period: Duration) -> Duration {
    period.saturating_mul(3).max(LEASE_TERM_MIN)
}

/// The rest after a tick.
pub(super) fn after(tick: &Tick, period: Duration, failures: u32, now: DateTime<Utc>) -> Pause {
    match tick {
        Tick::Standby => Pause::Deaf(period.clamp(STANDBY_MIN, STANDBY_MAX)),
        Tick::Failed(_) => {
            let doublings = failures.saturating_sub(1).min(16);
            let wait = BACKOFF_FIRST.saturating_mul(1 << doublings);
            Pause::Deaf(wait.min(BACKOFF_LONGEST))
        }
        Tick::Ran(progress) if progress.more => Pause::None,
        Tick::Ran(progress) => {
            let asked = progress
                .next_at
                .and_then(|at| at.signed_duration_since(now).to_std().ok());
            Pause::Until(asked.unwrap_or(period).min(period))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::duty::Progress;
    use crate::error::DutyError;

    const PERIOD: Duration = Duration::from_millis(200);

    fn ran(progress: Progress) -> Pause {
        after(&Tick::Ran(progress), PERIOD, 0, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_run_that_left_work_is_followed_at_once() {
        let progress = Progress {
            more: true,
            ..Progress::default()
        };
        assert_eq!(ran(progress), Pause::None);
    }

    #[test]
    fn a_run_rests_until_the_moment_it_asked_for_but_never_longer_than_its_period() {
        let asking = |ms| Progress {
            next_at: Some(DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)),
            ..Progress::default()
        };
        assert_eq!(ran(asking(30)), Pause::Until(Duration::from_millis(30)));
        assert_eq!(ran(asking(3_000)), Pause::Until(PERIOD));
        assert_eq!(ran(asking(-1)), Pause::Until(PERIOD));
        assert_eq!(ran(Progress::default()), Pause::Until(PERIOD));
    }

    #[test]
    fn rests_after_failures_double_up_to_two_seconds_and_hear_no_nudge() {
        let wait = |failures| {
            let tick = Tick::Failed(DutyError::TimedOut { limit_seconds: 1 });
            match after(&tick, PERIOD, failures, DateTime::UNIX_EPOCH) {
                Pause::Deaf(wait) => wait.as_millis(),
                other => panic!("{other:?}"),
            }
        };
        let waits: Vec<u128> = (1..8).map(wait).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(wait(u32::MAX), 2_000);
    }

    #[test]
    fn who_stands_by_looks_again_within_seconds_even_for_a_slow_duty() {
        let standby = |period| after(&Tick::Standby, period, 0, DateTime::UNIX_EPOCH);
        assert_eq!(standby(PERIOD), Pause::Deaf(Duration::from_secs(1)));
        let slow = Duration::from_secs(600);
        assert_eq!(standby(slow), Pause::Deaf(Duration::from_secs(30)));
    }

    #[test]
    fn a_lease_outlives_several_periods() {
        assert_eq!(lease_term(PERIOD), Duration::from_secs(5));
        assert_eq!(lease_term(Duration::from_secs(10)), Duration::from_secs(30));
    }
}
