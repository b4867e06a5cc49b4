//! Fixed-point numbers: unit prices, quantities, and amounts in minor units.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::currency::Currency;

/// Decimals of a unit price.
const PRICE_DECIMALS: u32 = 10;
/// Decimals of a quantity, as the column `numeric(20,6)` has them.
const QUANTITY_DECIMALS: u32 = 6;
/// The largest mantissa of either: twenty digits, as `numeric(20,…)` holds. The product of two and a
/// rate could pass what an `i128` holds, so products are checked.
const LIMIT: i128 = 10_i128.pow(20);

/// A number that cannot be written or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal, or one with more decimals than are kept.
    #[error("{text:?} is not a decimal with at most {decimals} digits after the point")]
    NotADecimal {
        /// What was read.
        text: String,
        /// How many decimals are kept.
        decimals: u32,
    },
    /// More than the type holds.
    #[error("an amount is too large to be computed")]
    TooLarge,
}

/// `numerator / denominator`, rounded half up: the half goes away from zero, for negative numbers too,
/// so that a correction is the exact mirror of what it corrects. `None` where `denominator` is not
/// positive or the result overflows.
pub fn round_half_up(numerator: i128, denominator: i128) -> Option<i128> {
    if denominator <= 0 {
        return None;
    }
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let up = rest.unsigned_abs() >= denominator.unsigned_abs().div_ceil(2);
    quotient.checked_add(if up { numerator.signum() } else { 0 })
}

/// An amount in the minor unit of its document's currency: cents, whole yen, fils.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minor(pub i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or `None` where it overflows.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it overflows.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The amount as a decimal of its currency: `-12.30`, `1200` for yen, `1.234` for dinar. Exact.
    pub fn to_decimal(self, currency: Currency) -> String {
        fixed(i128::from(self.0), currency.exponent())
    }

    /// Adds up; an error where the sum overflows.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts
            .into_iter()
            .try_fold(Self::ZERO, Self::checked_add)
            .ok_or(MoneyError::TooLarge)
    }
}

impl TryFrom<i128> for Minor {
    type Error = MoneyError;

    fn try_from(value: i128) -> Result<Self, MoneyError> {
        i64::try_from(value)
            .map(Self)
            .map_err(|_| MoneyError::TooLarge)
    }
}

/// A price per unit, in 10⁻¹⁰ of the currency's unit, before VAT. Written as decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitPrice(i128);

impl UnitPrice {
    /// A price of so many minor units: `from_minor(Minor(75), EUR)` is 0.75.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] past twenty digits.
    pub fn from_minor(minor: Minor, currency: Currency) -> Result<Self, MoneyError> {
        let decimals = PRICE_DECIMALS.saturating_sub(currency.exponent());
        bounded(i128::from(minor.0) * 10_i128.pow(decimals)).map(Self)
    }

    /// A price of so many 10⁻¹⁰ of the currency's unit, as ledgers keep it.
    pub fn from_e10(e10: i64) -> Self {
        Self(i128::from(e10))
    }

    /// The price in 10⁻¹⁰ of the currency's unit; `None` past what a ledger's column holds.
    pub fn e10(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }

    /// The price of one of `parts` equal parts, rounded half up to 10⁻¹⁰. Of no parts it is the price.
    pub fn part_of(self, parts: u32) -> Self {
        Self(round_half_up(self.0, i128::from(parts)).unwrap_or(self.0))
    }

    /// The price times `quantity`, rounded half up to the minor unit of `currency`: a line's net
    /// amount (BT-131).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn times(self, quantity: Quantity, currency: Currency) -> Result<Minor, MoneyError> {
        let decimals = (PRICE_DECIMALS + QUANTITY_DECIMALS).saturating_sub(currency.exponent());
        let product = self.0.checked_mul(quantity.0).ok_or(MoneyError::TooLarge)?;
        round_half_up(product, 10_i128.pow(decimals))
            .ok_or(MoneyError::TooLarge)?
            .try_into()
    }

    /// Whether the price is below nothing, which no line may have (BR-27).
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The price as a decimal with at least `least` decimals and no needless zero after them: 0.75,
    /// 0.0004.
    pub fn to_decimal(self, least: u32) -> String {
        trimmed(self.0, PRICE_DECIMALS, least)
    }
}

/// How many units, in 10⁻⁶ of one. Written as decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity(i128);

impl Quantity {
    /// One.
    pub const ONE: Self = Self(10_i128.pow(QUANTITY_DECIMALS));

    /// So many whole units.
    pub fn whole(units: i64) -> Self {
        // Below the limit: 19 digits and six more would pass it, so the limit is applied on reading
        // only, and products are checked.
        Self(i128::from(units) * Self::ONE.0)
    }

    /// So many millionths.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] past twenty digits.
    pub fn from_millionths(millionths: i128) -> Result<Self, MoneyError> {
        bounded(millionths).map(Self)
    }

    /// The quantity where it is a whole number of units.
    pub fn as_whole(self) -> Option<i64> {
        let whole = self.0 % Self::ONE.0 == 0;
        i64::try_from(self.0 / Self::ONE.0).ok().filter(|_| whole)
    }

    /// The quantity in millionths.
    pub fn millionths(self) -> i128 {
        self.0
    }

    /// The quantity as a decimal without needless zeros: 12, 0.5.
    pub fn to_decimal(self) -> String {
        trimmed(self.0, QUANTITY_DECIMALS, 0)
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        Self(quantities.fold(0, |sum, quantity| sum.saturating_add(quantity.0)))
    }
}

macro_rules! as_text {
    ($type:ident, $decimals:expr) => {
        impl FromStr for $type {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                read(text, $decimals).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = MoneyError;

            fn try_from(text: String) -> Result<Self, MoneyError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&trimmed(self.0, $decimals, 0))
            }
        }
    };
}

as_text!(UnitPrice, PRICE_DECIMALS);
as_text!(Quantity, QUANTITY_DECIMALS);

fn bounded(mantissa: i128) -> Result<i128, MoneyError> {
    if mantissa.abs() < LIMIT {
        Ok(mantissa)
    } else {
        Err(MoneyError::TooLarge)
    }
}

/// A decimal text as a mantissa of `decimals`. Plain digits only: no exponent, no plus, no spaces.
fn read(text: &str, decimals: u32) -> Result<i128, MoneyError> {
    let refused = || MoneyError::NotADecimal {
        text: text.to_owned(),
        decimals,
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let kept = fraction.trim_end_matches('0');
    if !all_digits(whole) || !all_digits(fraction) || kept.len() > decimals as usize {
        return Err(refused());
    }
    let padded = format!("{whole}{kept:0<width$}", width = decimals as usize);
    let mantissa: i128 = padded.parse().map_err(|_| MoneyError::TooLarge)?;
    bounded(if negative { -mantissa } else { mantissa })
}

/// A mantissa with exactly `decimals` digits after the point.
fn fixed(mantissa: i128, decimals: u32) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let scale = 10_u128.pow(decimals);
    let (whole, fraction) = (
        mantissa.unsigned_abs() / scale,
        mantissa.unsigned_abs() % scale,
    );
    match decimals {
        0 => format!("{sign}{whole}"),
        _ => format!(
            "{sign}{whole}.{fraction:0>width$}",
            width = decimals as usize
        ),
    }
}

/// The same without zeros at the end, but with at least `least` decimals.
fn trimmed(mantissa: i128, decimals: u32, least: u32) -> String {
    let text = fixed(mantissa, decimals);
    let keep = text.len() - (decimals.saturating_sub(least)) as usize;
    let (head, tail) = text.split_at(keep);
    let text = format!("{head}{}", tail.trim_end_matches('0'));
    text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        for (numerator, denominator, rounded) in [
            (5, 10, 1),
            (4, 10, 0),
            (-5, 10, -1),
            (-4, 10, 0),
            (15, 10, 2),
            (25, 10, 3),
            (1, 3, 0),
            (2, 3, 1),
            (-2, 3, -1),
            (0, 7, 0),
        ] {
            assert_eq!(round_half_up(numerator, denominator), Some(rounded));
        }
        assert_eq!(round_half_up(1, 0), None);
    }

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        for (text, shown) in [
            ("0.75", "0.75"),
            ("12", "12"),
            ("-1.50", "-1.5"),
            ("0.0000000001", "0.0000000001"),
        ] {
            assert_eq!(text.parse::<UnitPrice>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "+1",
            " 1",
            "1,5",
            "0.00000000001",
            "NaN",
        ] {
            assert!(text.parse::<UnitPrice>().is_err(), "{text}");
        }
        assert_eq!(
            "1.10000000000000"
                .parse::<UnitPrice>()
                .unwrap()
                .to_decimal(2),
            "1.10"
        );
        assert_eq!(
            "100000000000".parse::<UnitPrice>(),
            Err(MoneyError::TooLarge)
        );
        assert!("0.0000001".parse::<Quantity>().is_err());
    }

    #[test]
    fn a_price_is_shown_with_the_decimals_it_has() {
        let price = |text: &str| text.parse::<UnitPrice>().unwrap();
        assert_eq!(price("29").to_decimal(2), "29.00");
        assert_eq!(price("0.0004").to_decimal(2), "0.0004");
        assert_eq!(price("1200").to_decimal(0), "1200");
        assert_eq!(Minor(-5).to_decimal(Currency::EUR), "-0.05");
    }

    #[test]
    fn what_does_not_fit_is_an_error_not_a_wrong_number() {
        let most: UnitPrice = "9999999999.9999999999".parse().unwrap();
        let many: Quantity = "99999999999999.999999".parse().unwrap();
        assert_eq!(most.times(many, Currency::EUR), Err(MoneyError::TooLarge));
        assert_eq!(
            Minor::sum([Minor(i64::MAX), Minor(1)]),
            Err(MoneyError::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn rounding_is_at_most_half_away_and_mirrors(n in -10_i128.pow(30)..10_i128.pow(30), d in 1..10_i128.pow(20)) {
            let rounded = round_half_up(n, d).unwrap();
            prop_assert!((rounded * d - n).abs() * 2 <= d);
            prop_assert_eq!(round_half_up(-n, d), Some(-rounded));
        }

        #[test]
        fn decimals_read_back(mantissa in -(LIMIT - 1)..LIMIT) {
            let price = UnitPrice(mantissa);
            prop_assert_eq!(price.to_string().parse::<UnitPrice>().unwrap(), price);
            let json = serde_json::to_string(&Quantity(mantissa)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quantity>(&json).unwrap(), Quantity(mantissa));
        }
    }
}
