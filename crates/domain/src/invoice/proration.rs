//! Sharing an amount out by days.

use chrono::NaiveDate;

use super::decimal::{Minor, MoneyError, round_half_up};

/// Days from `from` to `until`, the last not counted; 0 where `until` is not later.
pub fn days_between(from: NaiveDate, until: NaiveDate) -> u32 {
    u32::try_from((until - from).num_days()).unwrap_or(0)
}

/// The share of `amount` for `days` of a period of `of_days`, rounded half up. A period of no days
/// shares out nothing.
///
/// # Errors
/// [`MoneyError::TooLarge`] where the share passes an `i64`, which takes more days than the period has.
pub fn prorate(amount: Minor, days: u32, of_days: u32) -> Result<Minor, MoneyError> {
    if of_days == 0 {
        return Ok(Minor::ZERO);
    }
    let product = i128::from(amount.0) * i128::from(days);
    round_half_up(product, i128::from(of_days))
        .ok_or(MoneyError::TooLarge)?
        .try_into()
}

/// Shares `amount` out over consecutive `parts` of a period, in days, so that the shares add up to the
/// amount exactly: each part ends where the rounded share of all days so far ends. No share is further
/// than one minor unit from its own exact value.
///
/// # Errors
/// As [`prorate`].
pub fn split_by_days(amount: Minor, parts: &[u32]) -> Result<Vec<Minor>, MoneyError> {
    let of_days = parts
        .iter()
        .try_fold(0_u32, |sum, days| sum.checked_add(*days))
        .ok_or(MoneyError::TooLarge)?;
    let (mut days, mut shared) = (0, Minor::ZERO);
    parts
        .iter()
        .map(|part| {
            days += part;
            let until_here = prorate(amount, days, of_days)?;
            let share = until_here.checked_sub(shared).ok_or(MoneyError::TooLarge)?;
            shared = until_here;
            Ok(share)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn worked_by_hand() {
        // 29.00 for 12 of 30 days: 2900 × 12 / 30 = 1160.
        assert_eq!(prorate(Minor(2_900), 12, 30), Ok(Minor(1_160)));
        // 99.00 for 10 of 31: 9900 × 10 / 31 = 3193.548…
        assert_eq!(prorate(Minor(9_900), 10, 31), Ok(Minor(3_194)));
        // 0.01 for 1 of 2: exactly half, away from zero.
        assert_eq!(prorate(Minor(1), 1, 2), Ok(Minor(1)));
        assert_eq!(prorate(Minor(-1), 1, 2), Ok(Minor(-1)));
        assert_eq!(prorate(Minor(2_900), 0, 30), Ok(Minor(0)));
        assert_eq!(prorate(Minor(2_900), 3, 0), Ok(Minor(0)));
        // 10.00 over 1, 1 and 1 of 3 days: until day 1 3.33, day 2 6.67, day 3 10.00.
        assert_eq!(
            split_by_days(Minor(1_000), &[1, 1, 1]),
            Ok(vec![Minor(333), Minor(334), Minor(333)])
        );
        assert_eq!(split_by_days(Minor(1_000), &[]), Ok(vec![]));
    }

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(days_between(date("2028-02-01"), date("2028-03-01")), 29);
        assert_eq!(days_between(date("2026-12-31"), date("2027-01-01")), 1);
        assert_eq!(days_between(date("2026-12-31"), date("2026-12-30")), 0);
    }

    proptest! {
        #[test]
        fn the_shares_of_a_whole_period_are_the_whole(
            amount in -10_i64.pow(15)..10_i64.pow(15), parts in proptest::collection::vec(0_u32..400, 1..12)
        ) {
            let days: u32 = parts.iter().sum();
            let shares = split_by_days(Minor(amount), &parts).unwrap();
            let sum = Minor::sum(shares.iter().copied()).unwrap();
            prop_assert_eq!(sum, if days == 0 { Minor::ZERO } else { Minor(amount) });
            for (share, part) in shares.iter().zip(&parts) {
                let exact = prorate(Minor(amount), *part, days).unwrap();
                prop_assert!((share.0 - exact.0).abs() <= 1);
                prop_assert!(share.0 == 0 || share.0.signum() == amount.signum());
            }
        }
    }
}
