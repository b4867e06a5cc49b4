//! From a price in billionths of a dollar to an amount in millionths, rounded once.

use domain::Micros;

use crate::models::{Price, PriceBasis};

/// What one picture of this price costs at most.
pub(crate) fn at_most(price: &Price) -> Micros {
    match &price.basis {
        PriceBasis::PerImage { nano } => micros(*nano),
        PriceBasis::PerSecond {
            nano,
            seconds_at_most,
        } => micros(nano.saturating_mul(i64::from(*seconds_at_most))),
        // No provider that is quoted here counts tokens.
        PriceBasis::PerToken { .. } => Micros::ZERO,
    }
}

#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the provider that charges by the second comes next"
    )
)]
/// What a call costs that computed so long. A price per picture does not depend on it.
pub(crate) fn of_seconds(price: &Price, seconds: Option<f64>) -> Micros {
    match (&price.basis, seconds) {
        (PriceBasis::PerSecond { nano, .. }, Some(seconds)) if seconds.is_finite() => {
            micros((*nano as f64 * seconds.max(0.0)).round() as i64)
        }
        _ => at_most(price),
    }
}

/// Rounded half up.
fn micros(nano: i64) -> Micros {
    Micros(nano.saturating_add(500).div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn price(basis: PriceBasis) -> Price {
        Price {
            basis,
            valid_from: NaiveDate::MIN,
        }
    }

    #[test]
    fn amounts_are_rounded_half_up_and_once() {
        let picture = price(PriceBasis::PerImage { nano: 3_000_500 });
        assert_eq!(at_most(&picture), Micros(3_001));
        assert_eq!(of_seconds(&picture, Some(9.0)), Micros(3_001));
        let second = price(PriceBasis::PerSecond {
            nano: 975_000,
            seconds_at_most: 30,
        });
        assert_eq!(at_most(&second), Micros(29_250));
        assert_eq!(of_seconds(&second, Some(2.5)), Micros(2_438));
        assert_eq!(of_seconds(&second, Some(0.0)), Micros(0));
        assert_eq!(of_seconds(&second, None), Micros(29_250));
        assert_eq!(of_seconds(&second, Some(f64::NAN)), Micros(29_250));
    }
}
