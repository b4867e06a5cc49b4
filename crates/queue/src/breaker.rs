//! Circuit breakers as a machine of counts and times. Pure: no clock, no Redis.
//!
//! ```text
//!            enough failures in the window              pause over
//! closed ──────────────────────────────────▶ open ───────────────────▶ half open: one probe
//!   ▲                                          ▲                         │          │
//!   │            probe goes well               │       probe fails       │          │
//!   └──────────────────────────────────────────┼─────────────────────────┼──────────┘
//!                                              └───── the pause doubles ─┘
//! ```
//!
//! What counts is decided by the caller in weights: a refusal for rate or content says nothing about
//! whether a provider works.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A window is counted in this many parts, so that it rolls.
const PARTS: u64 = 10;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// How far back calls count.
    pub window: Duration,
    /// So much weight of failures must stand in the window.
    pub least_weight: u64,
    /// And so much of all weight, in percent.
    pub percent: u64,
    /// The first pause.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// A probe whose end is not heard of by then is given up, and another may be made.
    pub probe_limit: Duration,
}

impl Default for BreakerRules {
    /// Five outright failures within 30 s, if they are half of the calls, and 5 s to begin with: a
    /// provider that is down costs the fleet some calls, and one that stumbles is soon used again.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            least_weight: 10,
            percent: 50,
            pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(120),
            probe_limit: Duration::from_secs(130),
        }
    }
}

/// How calls went since the last report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Weight of calls that went well.
    pub well: u64,
    /// Weight of calls that failed.
    pub badly: u64,
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It may.
    Closed,
    /// Not for this long.
    Open(Duration),
    /// One may, to find out; who takes it calls [`Breaker::take_probe`] first.
    HalfOpen,
}

/// One breaker. Times are milliseconds of whatever clock the caller keeps to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Weights that went well and badly, by part of the window.
    #[serde(default)]
    parts: BTreeMap<u64, (u64, u64)>,
    /// Set while it is open: until when.
    #[serde(default)]
    open_until_ms: Option<u64>,
    /// The pause it is in, or was in last.
    #[serde(default)]
    pause_ms: u64,
    /// Set while a probe is under way: until when it is waited for.
    #[serde(default)]
    probe_until_ms: Option<u64>,
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Breaker {
    /// Whether a call may be made.
    pub fn state(&self, now_ms: u64) -> BreakerState {
        let Some(until) = self.open_until_ms else {
            return BreakerState::Closed;
        };
        let probing = self.probe_until_ms.filter(|until| *until > now_ms);
        match (until > now_ms, probing) {
            (true, _) => BreakerState::Open(Duration::from_millis(until - now_ms)),
            // The probe's end is awaited; asking again soon costs nothing.
            (false, Some(_)) => BreakerState::Open(Duration::from_millis(self.pause_ms.min(1_000))),
            (false, None) => BreakerState::HalfOpen,
        }
    }

    /// Takes the one probe, if it is there to be taken.
    pub fn take_probe(&mut self, now_ms: u64, rules: &BreakerRules) -> bool {
        let free = self.state(now_ms) == BreakerState::HalfOpen;
        if free {
            self.probe_until_ms = Some(now_ms + ms(rules.probe_limit));
        }
        free
    }

    /// Takes in how calls went.
    pub fn report(&mut self, now_ms: u64, tally: Tally, rules: &BreakerRules) {
        match self.open_until_ms {
            Some(until) if until > now_ms => {}
            // Half open: whatever is heard of decides, for it was the probe or as good as one.
            Some(_) if tally.badly > 0 => self.open(now_ms, rules),
            Some(_) if tally.well > 0 => *self = Self::default(),
            Some(_) => {}
            None => self.count(now_ms, tally, rules),
        }
    }

    /// A breaker that nothing speaks against any more need not be kept.
    pub fn is_idle(&self, now_ms: u64, rules: &BreakerRules) -> bool {
        let oldest = (now_ms / part_ms(rules)).saturating_sub(PARTS);
        self.open_until_ms.is_none() && self.parts.keys().all(|part| *part < oldest)
    }

    fn count(&mut self, now_ms: u64, tally: Tally, rules: &BreakerRules) {
        let part = now_ms / part_ms(rules);
        self.parts
            .retain(|known, _| known + PARTS > part && *known <= part);
        let counted = self.parts.entry(part).or_default();
        counted.0 += tally.well;
        counted.1 += tally.badly;
        let sum = |of: fn(&(u64, u64)) -> u64| self.parts.values().map(of).sum::<u64>();
        let (well, badly) = (sum(|part| part.0), sum(|part| part.1));
        if badly >= rules.least_weight && badly * 100 >= (well + badly) * rules.percent {
            self.open(now_ms, rules);
        }
    }

    fn open(&mut self, now_ms: u64, rules: &BreakerRules) {
        let pause_ms = match self.open_until_ms {
            Some(_) => (self.pause_ms * 2).min(ms(rules.longest_pause)),
            None => ms(rules.pause),
        };
        *self = Self {
            parts: BTreeMap::new(),
            open_until_ms: Some(now_ms + pause_ms),
            pause_ms,
            probe_until_ms: None,
        };
    }
}

fn part_ms(rules: &BreakerRules) -> u64 {
    (ms(rules.window) / PARTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: BreakerRules = BreakerRules {
        window: Duration::from_secs(10),
        least_weight: 10,
        percent: 50,
        pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(4),
        probe_limit: Duration::from_secs(20),
    };
    const BAD: Tally = Tally { well: 0, badly: 2 };
    const WELL: Tally = Tally { well: 2, badly: 0 };

    fn opened(at_ms: u64) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.report(at_ms, BAD, &RULES);
        }
        breaker
    }

    #[test]
    fn five_failures_that_are_half_of_the_calls_open_it_and_four_do_not() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.report(0, BAD, &RULES);
            breaker.report(0, WELL, &RULES);
        }
        assert_eq!(breaker.state(0), BreakerState::Closed);
        breaker.report(0, WELL, &RULES);
        breaker.report(0, BAD, &RULES);
        assert_eq!(breaker.state(0), BreakerState::Open(Duration::from_secs(1)));
        let mut busy = Breaker::default();
        busy.report(
            0,
            Tally {
                well: 100,
                badly: 40,
            },
            &RULES,
        );
        assert_eq!(busy.state(0), BreakerState::Closed);
    }

    #[test]
    fn failures_older_than_the_window_do_not_count() {
        let mut breaker = Breaker::default();
        for second in 0..100 {
            breaker.report(second * 3_000, BAD, &RULES);
        }
        assert_eq!(breaker.state(300_000), BreakerState::Closed);
        assert!(breaker.is_idle(400_000, &RULES));
    }

    #[test]
    fn after_the_pause_one_probe_may_go_and_its_end_decides() {
        let mut breaker = opened(0);
        assert!(!breaker.take_probe(999, &RULES));
        assert!(breaker.take_probe(1_000, &RULES));
        assert!(!breaker.take_probe(1_000, &RULES), "one only");
        breaker.report(1_100, BAD, &RULES);
        assert_eq!(
            breaker.state(1_100),
            BreakerState::Open(Duration::from_secs(2))
        );
        assert!(breaker.take_probe(3_100, &RULES));
        breaker.report(3_200, WELL, &RULES);
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn the_pause_doubles_up_to_its_longest() {
        let mut breaker = opened(0);
        let mut now_ms = 0;
        for expected in [2, 4, 4, 4] {
            let BreakerState::Open(wait) = breaker.state(now_ms) else {
                panic!("{breaker:?}")
            };
            now_ms += ms(wait);
            assert!(breaker.take_probe(now_ms, &RULES));
            breaker.report(now_ms, BAD, &RULES);
            let open = BreakerState::Open(Duration::from_secs(expected));
            assert_eq!(breaker.state(now_ms), open);
        }
    }

    #[test]
    fn a_probe_that_nobody_hears_of_is_given_up() {
        let mut breaker = opened(0);
        assert!(breaker.take_probe(2_000, &RULES));
        assert!(!breaker.take_probe(21_999, &RULES));
        assert!(breaker.take_probe(22_000, &RULES));
    }

    #[test]
    fn it_is_plain_json_and_reads_what_a_newer_version_adds() {
        let breaker = opened(5);
        let json = serde_json::to_string(&breaker).unwrap();
        assert_eq!(serde_json::from_str::<Breaker>(&json).unwrap(), breaker);
        let more = r#"{"open_until_ms":7,"pause_ms":1,"colour":"red"}"#;
        let read: Breaker = serde_json::from_str(more).unwrap();
        assert_eq!(read.state(0), BreakerState::Open(Duration::from_millis(7)));
    }

    proptest! {
        #[test]
        fn while_it_is_open_nobody_gets_a_probe_and_there_is_never_a_second(steps in prop::collection::vec((0u64..3_000, 0u8..3), 1..200)) {
            let mut breaker = Breaker::default();
            let mut now_ms = 0;
            let mut probing_until: Option<u64> = None;
            for (pause, step) in steps {
                now_ms += pause;
                let before = breaker.state(now_ms);
                match step {
                    0 => {
                        let taken = breaker.take_probe(now_ms, &RULES);
                        prop_assert_eq!(taken, before == BreakerState::HalfOpen);
                        if taken {
                            prop_assert!(probing_until.is_none_or(|until| until <= now_ms));
                            probing_until = Some(now_ms + 20_000);
                        }
                    }
                    1 => { breaker.report(now_ms, BAD, &RULES); if !matches!(before, BreakerState::Closed) { probing_until = None; } }
                    _ => { breaker.report(now_ms, WELL, &RULES); if !matches!(before, BreakerState::Closed) { probing_until = None; } }
                }
                if let BreakerState::Open(wait) = breaker.state(now_ms) {
                    prop_assert!(wait <= RULES.longest_pause);
                }
            }
        }
    }
}
