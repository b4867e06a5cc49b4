//! Sparing an endpoint that keeps failing.
//!
//! After ten failures in a row nothing is sent for a while; then one try alone, which opens the way again
//! or not. The pause is a quarter of the time that the endpoint has been failing, so an endpoint that is
//! away for seconds is asked within half a minute and one that is away for days every ten minutes. What is
//! due waits and uses up no try.

use chrono::{DateTime, TimeDelta, Utc};

/// Failures in a row after which an endpoint is spared.
pub const FAILURES_TO_OPEN: u32 = 10;

const MIN_PAUSE: TimeDelta = TimeDelta::seconds(30);
const MAX_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// How the way to an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakerState {
    /// Everything is sent.
    #[default]
    Closed,
    /// Nothing is sent until this moment.
    Open(DateTime<Utc>),
    /// One try alone is under way.
    HalfOpen,
}

impl BreakerState {
    /// The word in the endpoint's row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// How many tries may be under way now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// As many as the endpoint allows.
    All,
    /// One alone.
    One,
    /// None before this moment.
    NotBefore(DateTime<Utc>),
}

/// The circuit breaker of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// How the way stands.
    pub state: BreakerState,
    /// Failures since the last success.
    pub failures: u32,
}

impl Breaker {
    /// How many tries may be under way at `now`. A pause that is over becomes half open.
    pub fn leave(&mut self, now: DateTime<Utc>) -> Leave {
        match self.state {
            BreakerState::Closed => Leave::All,
            BreakerState::HalfOpen => Leave::One,
            BreakerState::Open(until) if until > now => Leave::NotBefore(until),
            BreakerState::Open(_) => {
                self.state = BreakerState::HalfOpen;
                Leave::One
            }
        }
    }

    /// A try was delivered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A try failed; the endpoint has been failing since `since`. What was under way when the pause began
    /// does not make it longer.
    pub fn failed(&mut self, now: DateTime<Utc>, since: DateTime<Utc>) {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            BreakerState::Closed => self.failures >= FAILURES_TO_OPEN,
            BreakerState::HalfOpen => true,
            BreakerState::Open(_) => false,
        };
        if opens {
            let pause = ((now - since) / 4).clamp(MIN_PAUSE, MAX_PAUSE);
            self.state = BreakerState::Open(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_TO_OPEN {
            assert_eq!(breaker.leave(at(0)), Leave::All);
            breaker.failed(at(0), at(0));
        }
        breaker
    }

    #[test]
    fn the_tenth_failure_in_a_row_opens_it_for_half_a_minute() {
        let mut breaker = opened();
        assert_eq!(breaker.leave(at(29)), Leave::NotBefore(at(30)));
        assert_eq!(breaker.leave(at(30)), Leave::One);
        assert_eq!(breaker.state, BreakerState::HalfOpen);
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..5 * FAILURES_TO_OPEN {
            for _ in 1..FAILURES_TO_OPEN {
                breaker.failed(at(0), at(0));
            }
            breaker.succeeded();
        }
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn stragglers_do_not_make_the_pause_longer() {
        let mut breaker = opened();
        for second in 0..20 {
            breaker.failed(at(second), at(0));
        }
        assert_eq!(breaker.leave(at(30)), Leave::One);
    }

    #[test]
    fn pauses_grow_with_the_outage_up_to_ten_minutes() {
        let mut breaker = opened();
        let mut now = at(0);
        let mut pauses = Vec::new();
        while now < at(86_400) {
            let BreakerState::Open(until) = breaker.state else {
                panic!("{breaker:?}");
            };
            pauses.push((until - now).num_seconds());
            now = until;
            assert_eq!(breaker.leave(now), Leave::One);
            breaker.failed(now, at(0));
        }
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!((pauses[0], pauses.last().copied()), (30, Some(600)));
        breaker.succeeded();
        assert_eq!(breaker.leave(now), Leave::All);
    }
}
