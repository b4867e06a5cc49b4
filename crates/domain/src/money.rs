//! Money as integers.
//!
//! Amounts are `i64` micro-units (one millionth) of a currency. Nothing here rounds: rounding happens
//! once, at the invoice line. Decimals exist only at the edge, in the columns the older platform has.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// A currency Atelier accounts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// US dollar: what providers charge in.
    Usd,
    /// Euro: what brands pay in.
    Eur,
}

/// An amount in millionths of its currency's unit: 40_000 is 0.04.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount as a decimal text with six digits after the point, as `decimal(10,6)` columns
    /// take it. Exact.
    pub fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let abs = self.0.unsigned_abs();
        format!("{sign}{}.{:06}", abs / 1_000_000, abs % 1_000_000)
    }
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_decimal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_units_print_exactly() {
        assert_eq!(Micros(40_000).to_decimal(), "0.040000");
        assert_eq!(Micros(-1).to_decimal(), "-0.000001");
        assert_eq!(Micros(12_345_678).to_decimal(), "12.345678");
    }
}
