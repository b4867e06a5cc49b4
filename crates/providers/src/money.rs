//! What a call costs at a provider that counts neither tokens nor sizes.

use domain::Micros;

use crate::models::{Price, Priced, Usage};

/// What one picture of this price costs at most.
pub(crate) fn at_most(price: &Price) -> Micros {
    let of = Priced {
        quality: "",
        width_px: 1024,
        height_px: 1024,
        input_images: 0,
        prompt_bytes: 0,
    };
    price.quote(&of).upper
}

/// What a call costs that computed so long. A price per picture does not depend on it; a time that is
/// not told costs the most.
pub(crate) fn of_seconds(price: &Price, seconds: Option<f64>) -> Micros {
    match seconds.filter(|seconds| seconds.is_finite()) {
        Some(seconds) => price.charge(&Usage {
            compute_ms: (seconds.max(0.0) * 1_000.0).round() as u64,
            images: 1,
            ..Usage::default()
        }),
        None => at_most(price),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::PriceBasis;
    use chrono::NaiveDate;

    fn price(basis: PriceBasis) -> Price {
        Price {
            basis,
            valid_from: NaiveDate::MIN,
        }
    }

    #[test]
    fn a_picture_has_its_price_and_a_second_its_own() {
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
