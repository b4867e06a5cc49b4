//! How many tries a second an endpoint gets.
//!
//! A token bucket of one second. Its rate is the endpoint's limit where it has one. An answer that asks
//! for less (429, 502, 504) halves it, at most once a second, because what was already under way says the
//! same; each second with a success and no such answer gives a tenth back. An endpoint without a limit
//! gets one in this way, begun from what it was lately sent, and is rid of it when it no longer matters.

use chrono::{DateTime, TimeDelta, Utc};

/// The rate does not fall below this: one try in ten seconds.
const MIN_PER_S: f64 = 0.1;
/// A rate at which an endpoint without a limit is no longer slowed.
const FREE_PER_S: f64 = 500.0;
const REGAIN: f64 = 1.1;

/// The pace of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The endpoint's own limit, in tries a second.
    limit: Option<f64>,
    /// The rate that holds now, where one does.
    current: Option<f64>,
    tokens: f64,
    filled_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    /// Tries in the running second and in the one before.
    sent: (u32, u32),
    second: i64,
}

impl Pace {
    /// The pace as it was left: `current` and `tokens` as [`Self::current`] and [`Self::tokens`] said at
    /// `then`, or `None` for a new endpoint.
    pub fn new(
        limit: Option<f64>,
        current: Option<f64>,
        left: Option<(f64, DateTime<Utc>)>,
        now: DateTime<Utc>,
    ) -> Self {
        let limit = limit.map(|rate| rate.max(MIN_PER_S));
        let current = match (current, limit) {
            (Some(current), Some(limit)) => Some(current.min(limit)),
            (current, limit) => current.or(limit),
        };
        let full = current.unwrap_or(0.0).max(1.0);
        let (tokens, filled_at) = left.unwrap_or((full, now));
        Self {
            limit,
            current,
            tokens,
            filled_at,
            changed_at: now,
            sent: (0, 0),
            second: now.timestamp(),
        }
    }

    /// The rate to keep, where it is not the endpoint's own limit.
    pub fn current(&self) -> Option<f64> {
        self.current.filter(|_| self.current != self.limit)
    }

    /// What is left in the bucket, and as of when.
    pub fn tokens(&self) -> (f64, DateTime<Utc>) {
        (self.tokens, self.filled_at)
    }

    /// Takes leave for one try.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn take(&mut self, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        if let Some(rate) = self.current {
            self.fill(now, rate);
            if self.tokens < 1.0 {
                let wait_s = (1.0 - self.tokens) / rate;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a token takes ten seconds at most"
                )]
                return Err(TimeDelta::milliseconds((wait_s * 1_000.0).ceil() as i64));
            }
            self.tokens -= 1.0;
        }
        self.count(now);
        Ok(())
    }

    fn fill(&mut self, now: DateTime<Utc>, rate: f64) {
        let passed_s = (now - self.filled_at).as_seconds_f64().max(0.0);
        self.tokens = (self.tokens + passed_s * rate).min(rate.max(1.0));
        self.filled_at = now;
    }

    fn count(&mut self, now: DateTime<Utc>) {
        let second = now.timestamp();
        if second != self.second {
            let before = if second == self.second + 1 {
                self.sent.0
            } else {
                0
            };
            self.sent = (0, before);
            self.second = second;
        }
        self.sent.0 += 1;
    }

    /// The receiver asked for less.
    pub fn asked_for_less(&mut self, now: DateTime<Utc>) {
        if self.current != self.limit && now - self.changed_at < TimeDelta::seconds(1) {
            return;
        }
        let lately = f64::from(self.sent.0.max(self.sent.1)).max(1.0);
        let rate = self.current.unwrap_or(lately);
        self.current = Some((rate / 2.0).max(MIN_PER_S));
        self.tokens = self.tokens.min(rate / 2.0);
        self.filled_at = now;
        self.changed_at = now;
    }

    /// A try was delivered.
    pub fn succeeded(&mut self, now: DateTime<Utc>) {
        let Some(current) = self.current.filter(|_| self.current != self.limit) else {
            return;
        };
        if now - self.changed_at < TimeDelta::seconds(1) {
            return;
        }
        let more = current * REGAIN;
        self.current = match self.limit {
            Some(limit) => Some(more.min(limit)),
            None => Some(more).filter(|more| *more < FREE_PER_S),
        };
        self.changed_at = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_000 + milliseconds).unwrap()
    }

    fn new(limit: Option<f64>) -> Pace {
        Pace::new(limit, None, None, at(0))
    }

    /// How many tries are let through in `ms` when one is asked for every millisecond.
    fn through(pace: &mut Pace, from: i64, ms: i64) -> usize {
        (from..from + ms)
            .filter(|&now| pace.take(at(now)).is_ok())
            .count()
    }

    #[test]
    fn without_a_limit_everything_is_let_through() {
        assert_eq!(through(&mut new(None), 0, 5_000), 5_000);
    }

    #[test]
    fn a_limit_holds_after_a_burst_of_one_second() {
        let mut pace = new(Some(10.0));
        assert_eq!(through(&mut pace, 0, 1), 1);
        assert!((19..=20).contains(&(1 + through(&mut pace, 1, 999))));
        assert!((9..=11).contains(&through(&mut pace, 1_000, 1_000)));
        let mut slow = new(Some(0.5));
        assert_eq!(through(&mut slow, 0, 6_000), 3);
    }

    #[test]
    fn being_told_to_wait_says_how_long() {
        let mut pace = new(Some(2.0));
        assert!(pace.take(at(0)).is_ok() && pace.take(at(0)).is_ok());
        assert_eq!(pace.take(at(0)), Err(TimeDelta::milliseconds(500)));
        assert_eq!(pace.take(at(500)), Ok(()));
    }

    #[test]
    fn one_second_of_such_answers_halves_the_rate_once_and_successes_give_it_back() {
        let mut pace = new(Some(64.0));
        for ms in 0..10 {
            pace.asked_for_less(at(ms));
        }
        assert_eq!(pace.current(), Some(32.0));
        pace.asked_for_less(at(1_100));
        assert_eq!(pace.current(), Some(16.0));
        for second in 3..30 {
            pace.succeeded(at(second * 1_000));
        }
        assert_eq!(pace.current(), None);
        assert_eq!(pace.limit, pace.current);
    }

    #[test]
    fn an_endpoint_without_a_limit_is_slowed_from_what_it_was_sent_and_freed_again() {
        let mut pace = new(None);
        assert_eq!(through(&mut pace, 0, 200), 200);
        pace.asked_for_less(at(300));
        assert_eq!(pace.current(), Some(100.0));
        for second in 2..25 {
            pace.succeeded(at(second * 1_000));
        }
        assert_eq!(pace.current(), None);
        assert_eq!(through(&mut pace, 30_000, 2_000), 2_000);
    }

    #[test]
    fn it_never_comes_to_a_stop() {
        let mut pace = new(Some(1.0));
        for second in 0..1_000 {
            pace.asked_for_less(at(second * 2_000));
        }
        assert_eq!(pace.current(), Some(0.1));
        assert!(pace.take(at(2_000_000 + 10_000)).is_ok());
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_one_bucket(
            rate in 0.1..200.0f64,
            steps in prop::collection::vec(0i64..500, 1..400),
        ) {
            let mut pace = new(Some(rate));
            let (mut now, mut sent) = (0, 0u32);
            for step in steps {
                now += step;
                sent += u32::from(pace.take(at(now)).is_ok());
            }
            let most = now as f64 / 1_000.0 * rate + rate.max(1.0);
            prop_assert!(f64::from(sent) <= most + 1.0, "{sent} of {most}");
        }

        #[test]
        fn what_was_left_goes_on_where_it_was(rate in 1.0..50.0f64, asked in 0usize..100) {
            let mut whole = new(Some(rate));
            let mut first = new(Some(rate));
            for _ in 0..asked {
                prop_assert_eq!(whole.take(at(0)), first.take(at(0)));
            }
            let mut second = Pace::new(Some(rate), first.current(), Some(first.tokens()), at(10));
            for ms in 10..100 {
                prop_assert_eq!(whole.take(at(ms)).is_ok(), second.take(at(ms)).is_ok());
            }
        }
    }
}
