//! A brand's months: from its own day to the same day a month later.

use chrono::{Datelike, Months, NaiveDate};

/// One period of a brand: whole days, in UTC.
///
/// A brand that began on the 31st has periods that begin on the last day of shorter months, and on the
/// 31st again afterwards: the day is kept beside the dates, so nothing drifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BillingMonth {
    anchor_day: u32,
    start: NaiveDate,
    end: NaiveDate,
}

impl BillingMonth {
    /// The period of a brand that began on `anchor_day` (1 to 31) which holds `date`.
    pub fn holding(anchor_day: u32, date: NaiveDate) -> Self {
        let anchor_day = anchor_day.clamp(1, 31);
        let here = boundary(anchor_day, date);
        let (start, end) = if here <= date {
            (here, boundary(anchor_day, moved(date, 1)))
        } else {
            (boundary(anchor_day, moved(date, -1)), here)
        };
        Self {
            anchor_day,
            start,
            end,
        }
    }

    /// The one after it.
    pub fn next(self) -> Self {
        Self::holding(self.anchor_day, self.end)
    }

    /// The day the brand began, of a month.
    pub fn anchor_day(self) -> u32 {
        self.anchor_day
    }

    /// Its first day.
    pub fn start(self) -> NaiveDate {
        self.start
    }

    /// The first day of the next one.
    pub fn end(self) -> NaiveDate {
        self.end
    }
}

/// The anchor day in the month of `date`, or that month's last day.
fn boundary(anchor_day: u32, date: NaiveDate) -> NaiveDate {
    (28..=anchor_day)
        .rev()
        .chain([anchor_day.min(28)])
        .find_map(|day| date.with_day(day))
        .unwrap_or(date)
}

/// The first of the month before or after that of `date`; at the ends of the calendar, of the same.
fn moved(date: NaiveDate, months: i32) -> NaiveDate {
    let first = date.with_day(1).unwrap_or(date);
    let step = Months::new(months.unsigned_abs());
    let moved = if months < 0 {
        first.checked_sub_months(step)
    } else {
        first.checked_add_months(step)
    };
    moved.unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_brand_of_the_31st_comes_back_to_it_after_shorter_months() {
        let mut period = BillingMonth::holding(31, day("2026-01-31"));
        let mut starts = Vec::new();
        for _ in 0..5 {
            starts.push(period.start().to_string());
            period = period.next();
        }
        assert_eq!(
            starts,
            [
                "2026-01-31",
                "2026-02-28",
                "2026-03-31",
                "2026-04-30",
                "2026-05-31"
            ]
        );
    }

    #[test]
    fn the_day_before_the_anchor_is_the_last_of_the_period_before() {
        let period = BillingMonth::holding(15, day("2026-03-14"));
        assert_eq!(period.start(), day("2026-02-15"));
        assert_eq!(period.end(), day("2026-03-15"));
        assert_eq!(BillingMonth::holding(15, period.end()), period.next());
    }

    proptest! {
        #[test]
        fn every_day_is_in_exactly_one_period(anchor in 1..=31_u32, offset in 0..20_000_i64) {
            let date = day("2000-01-01") + chrono::Duration::days(offset);
            let period = BillingMonth::holding(anchor, date);
            prop_assert!(period.start() <= date && date < period.end());
            prop_assert_eq!(period.next().start(), period.end());
            prop_assert_eq!(BillingMonth::holding(anchor, period.start()), period);
            let days = (period.end() - period.start()).num_days();
            prop_assert!((28..=31).contains(&days), "{} days", days);
        }
    }
}
