//! When a brand is warned of a failing endpoint, and when the endpoint is switched off.
//!
//! Switched off after five days without a success, and only if deliveries were given up at least twice,
//! twelve hours apart: an endpoint that is rarely called and failed once is not cut off for being idle.
//! Warnings come at half the time, at 70 and at 90 percent, each once.

use chrono::{DateTime, TimeDelta, Utc};

/// The time without a success after which an endpoint is switched off.
pub const DISABLE_AFTER: TimeDelta = TimeDelta::days(5);

/// The shares of that time at which the brand is warned.
pub const WARN_AT_PERCENT: [u8; 3] = [50, 70, 90];

/// How far apart the first and the last given-up delivery must lie.
const GIVEN_UP_APART: TimeDelta = TimeDelta::hours(12);

/// What is known of an endpoint's failing. Empty while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// The first failure since the last success.
    pub first_failure_at: Option<DateTime<Utc>>,
    /// The first delivery given up since then.
    pub first_exhausted_at: Option<DateTime<Utc>>,
    /// The last one.
    pub last_exhausted_at: Option<DateTime<Utc>>,
    /// The last warning given, in percent; 0 for none.
    pub warned_percent: u8,
}

/// What a failure brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthChange {
    /// The brand is to be warned: this share of the time is over.
    Warn {
        /// 50, 70 or 90.
        percent: u8,
    },
    /// The endpoint is to be switched off.
    Disable,
}

impl Health {
    /// A try was delivered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A try failed, and with it the delivery was given up or not.
    pub fn failed(&mut self, now: DateTime<Utc>, given_up: bool) -> Option<HealthChange> {
        let since = *self.first_failure_at.get_or_insert(now);
        if given_up {
            self.first_exhausted_at.get_or_insert(now);
            self.last_exhausted_at = Some(now);
        }
        let failing = now - since;
        if failing >= DISABLE_AFTER && self.was_given_up_for_long() {
            return Some(HealthChange::Disable);
        }
        let percent = WARN_AT_PERCENT
            .into_iter()
            .filter(|&percent| failing >= DISABLE_AFTER * i32::from(percent) / 100)
            .max()
            .filter(|&percent| percent > self.warned_percent)?;
        self.warned_percent = percent;
        Some(HealthChange::Warn { percent })
    }

    fn was_given_up_for_long(&self) -> bool {
        self.first_exhausted_at
            .zip(self.last_exhausted_at)
            .is_some_and(|(first, last)| last - first >= GIVEN_UP_APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    fn warn(percent: u8) -> Option<HealthChange> {
        Some(HealthChange::Warn { percent })
    }

    #[test]
    fn warned_at_half_70_and_90_percent_once_each_and_switched_off_after_five_days() {
        let mut health = Health::default();
        let mut told = Vec::new();
        for hour in 0..=120 {
            if let Some(change) = health.failed(at(hour), hour >= 76) {
                told.push((hour, change));
            }
        }
        assert_eq!(
            told,
            [
                (60, HealthChange::Warn { percent: 50 }),
                (84, HealthChange::Warn { percent: 70 }),
                (108, HealthChange::Warn { percent: 90 }),
                (120, HealthChange::Disable),
            ]
        );
    }

    #[test]
    fn failures_far_apart_give_the_warning_that_holds_by_then() {
        let mut health = Health::default();
        assert_eq!(health.failed(at(0), false), None);
        assert_eq!(health.failed(at(100), false), warn(70));
        assert_eq!(health.failed(at(101), false), None);
        assert_eq!(health.failed(at(200), false), warn(90));
    }

    #[test]
    fn an_endpoint_is_not_switched_off_for_one_delivery_given_up() {
        let mut health = Health::default();
        health.failed(at(0), false);
        health.failed(at(76), true);
        for hour in 77..500 {
            assert_ne!(health.failed(at(hour), false), Some(HealthChange::Disable));
        }
        assert_eq!(health.failed(at(500), true), Some(HealthChange::Disable));
    }

    #[test]
    fn a_success_begins_anew() {
        let mut health = Health::default();
        for hour in 0..119 {
            health.failed(at(hour), true);
        }
        health.succeeded();
        assert_eq!(health.failed(at(120), true), None);
        assert_eq!(health.failed(at(179), true), None);
        assert_eq!(health.failed(at(180), true), warn(50));
    }
}
