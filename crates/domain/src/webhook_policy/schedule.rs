//! When a failed try comes again.

use chrono::{DateTime, TimeDelta, Utc};

/// Seconds before each try, the first one's included: the table of Standard Webhooks, 75.6 hours in all.
const SCHEDULE_S: [u32; 10] = [
    0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];

/// Tries of one schedule.
pub const MAX_TRIES: u16 = 10;

/// The longest wait that a receiver may ask for.
pub const MAX_RETRY_AFTER: TimeDelta = TimeDelta::hours(24);

/// How much is added at most to each wait, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// When the next try is due after `tries` of the schedule have failed, the last one just now. `chance` is
/// a number from 0 to 1; `asked` is what the receiver asked for by `Retry-After`, which is granted up to
/// [`MAX_RETRY_AFTER`] and never makes a try come sooner.
///
/// `None` when the schedule is used up.
pub fn next_try(
    now: DateTime<Utc>,
    tries: u16,
    chance: f64,
    asked: Option<TimeDelta>,
) -> Option<DateTime<Utc>> {
    let wait_s = *SCHEDULE_S.get(usize::from(tries))?;
    let jittered_s = f64::from(wait_s) * (1.0 + JITTER * chance.clamp(0.0, 1.0));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most a day and a fifth, in milliseconds"
    )]
    let wait = TimeDelta::milliseconds((jittered_s * 1_000.0) as i64);
    let asked = asked.unwrap_or_default().min(MAX_RETRY_AFTER);
    Some(now + wait.max(asked))
}

/// What a `Retry-After` asks for: seconds, or a moment. `None` where it is neither, or in the past.
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let value = value.trim();
    let wait = match value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit ask for longer than is ever granted.
        true if !value.is_empty() => value.parse::<u32>().map_or(MAX_RETRY_AFTER, |seconds| {
            TimeDelta::seconds(seconds.into())
        }),
        _ => DateTime::parse_from_rfc2822(value).ok()?.to_utc() - now,
    };
    (wait > TimeDelta::zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    #[test]
    fn the_schedule_is_the_documented_one() {
        let waits: Vec<i64> = (0..MAX_TRIES)
            .map(|tries| (next_try(now(), tries, 0.0, None).unwrap() - now()).num_seconds())
            .collect();
        assert_eq!(
            waits,
            [
                0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400
            ]
        );
        assert_eq!(waits.iter().sum::<i64>(), 272_105);
        assert_eq!(next_try(now(), MAX_TRIES, 0.0, None), None);
        assert_eq!(
            next_try(now(), MAX_TRIES, 1.0, Some(TimeDelta::hours(1))),
            None
        );
    }

    #[test]
    fn a_receiver_may_ask_for_later_and_never_for_sooner() {
        let wait = |tries, asked_s| {
            let asked = Some(TimeDelta::seconds(asked_s));
            (next_try(now(), tries, 0.0, asked).unwrap() - now()).num_seconds()
        };
        assert_eq!(wait(1, 1), 5);
        assert_eq!(wait(1, 60), 60);
        assert_eq!(wait(2, 60), 300);
        assert_eq!(wait(1, 86_400), 86_400);
        assert_eq!(wait(1, 999_999), 86_400);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let seconds = |text| retry_after(text, now()).map(|wait| wait.num_seconds());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("99999999999999999999"), Some(86_400));
        assert_eq!(seconds("Tue, 14 Nov 2023 22:14:20 GMT"), Some(60));
        for neither in [
            "",
            "0",
            "-5",
            "soon",
            "1.5",
            "Tue, 14 Nov 2023 22:12:20 GMT",
            "２",
        ] {
            assert_eq!(seconds(neither), None, "{neither:?}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_lies_between_the_schedule_and_a_fifth_more(tries in 0u16..MAX_TRIES, chance in 0.0..=1.0f64) {
            let least = next_try(now(), tries, 0.0, None).unwrap() - now();
            let wait = next_try(now(), tries, chance, None).unwrap() - now();
            prop_assert!(wait >= least);
            prop_assert!(wait.num_milliseconds() <= least.num_milliseconds() * 6 / 5);
        }

        #[test]
        fn no_header_makes_it_fail_or_wait_longer_than_a_day(text in ".{0,40}", tries in 0u16..12) {
            if let Some(next) = next_try(now(), tries, 1.0, retry_after(&text, now())) {
                prop_assert!(next - now() <= TimeDelta::seconds(86_400 * 6 / 5));
            }
        }
    }
}
