//! VAT categories, rates, and reasons for charging none.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A VAT category of UNTDID 5305, as far as EN 16931 lets services use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VatCategory {
    /// Standard or reduced rate.
    S,
    /// Zero rated.
    Z,
    /// Exempt.
    E,
    /// Reverse charge.
    #[serde(rename = "AE")]
    Ae,
    /// Supply of goods within the Union.
    K,
    /// Export out of the Union.
    G,
    /// Outside the scope of VAT.
    O,
}

impl VatCategory {
    /// Every category.
    pub const ALL: [Self; 7] = [
        Self::S,
        Self::Z,
        Self::E,
        Self::Ae,
        Self::K,
        Self::G,
        Self::O,
    ];

    /// The code: `S`, `Z`, `E`, `AE`, `K`, `G`, `O`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::Z => "Z",
            Self::E => "E",
            Self::Ae => "AE",
            Self::K => "K",
            Self::G => "G",
            Self::O => "O",
        }
    }

    /// The part of the rules' names that belongs to the category: `BR-IC-…` for K.
    pub fn rules(self) -> &'static str {
        match self {
            Self::K => "IC",
            other => other.as_str(),
        }
    }

    /// Whether the category must say why no VAT is charged (BR-E-10, BR-AE-10, BR-IC-10, BR-G-10,
    /// BR-O-10); the others must not (BR-S-10, BR-Z-10).
    pub fn needs_reason(self) -> bool {
        !matches!(self, Self::S | Self::Z)
    }
}

impl FromStr for VatCategory {
    type Err = crate::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == text)
            .ok_or_else(|| crate::UnknownName(text.to_owned()))
    }
}

impl fmt::Display for VatCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rate in hundredths of a percent: 2550 is 25.5 %. Written as decimal text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct VatRate(u32);

/// Not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a VAT rate: a percentage from 0 to 100 with at most two decimals")]
pub struct VatRateError(pub String);

impl VatRate {
    /// 0 %.
    pub const ZERO: Self = Self(0);

    /// A rate of so many hundredths of a percent, 100 % at most.
    pub const fn hundredths(hundredths: u32) -> Self {
        if hundredths > 10_000 {
            Self(10_000)
        } else {
            Self(hundredths)
        }
    }

    /// The rate in hundredths of a percent.
    pub fn as_hundredths(self) -> u32 {
        self.0
    }

    /// The percentage without needless zeros: `25.5`, `20`, `0`.
    pub fn to_decimal(self) -> String {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        let text = format!("{whole}.{rest:02}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl FromStr for VatRate {
    type Err = VatRateError;

    fn from_str(text: &str) -> Result<Self, VatRateError> {
        let refused = || VatRateError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let kept = fraction.trim_end_matches('0');
        if !digits(whole) || !digits(fraction) || kept.len() > 2 {
            return Err(refused());
        }
        let hundredths: u32 = format!("{whole}{kept:0<2}")
            .parse()
            .map_err(|_| refused())?;
        if hundredths > 10_000 {
            return Err(refused());
        }
        Ok(Self(hundredths))
    }
}

impl TryFrom<String> for VatRate {
    type Error = VatRateError;

    fn try_from(text: String) -> Result<Self, VatRateError> {
        text.parse()
    }
}

impl From<VatRate> for String {
    fn from(rate: VatRate) -> Self {
        rate.to_decimal()
    }
}

impl fmt::Display for VatRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_decimal())
    }
}

/// Why no VAT is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemption {
    /// In words, in the buyer's language (BT-120).
    pub text: String,
    /// A code of the VATEX list, such as `VATEX-EU-AE` (BT-121).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vatex: Option<String>,
}

/// How a line is taxed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vat {
    /// The category.
    pub category: VatCategory,
    /// The rate; zero for every category but S, and left out of the XML for O (BR-O-05).
    pub rate: VatRate,
    /// The reason, for categories that need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<Exemption>,
}

impl Vat {
    /// Category S at `rate`.
    pub fn standard(rate: VatRate) -> Self {
        Self {
            category: VatCategory::S,
            rate,
            exemption: None,
        }
    }

    /// A category without tax, and why.
    pub fn without(category: VatCategory, text: impl Into<String>, vatex: Option<&str>) -> Self {
        Self {
            category,
            rate: VatRate::ZERO,
            exemption: Some(Exemption {
                text: text.into(),
                vatex: vatex.map(str::to_owned),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_back_and_nonsense_is_refused() {
        for (text, hundredths, shown) in [
            ("20", 2_000, "20"),
            ("25.5", 2_550, "25.5"),
            ("8.10", 810, "8.1"),
            ("0", 0, "0"),
            ("100", 10_000, "100"),
            ("0.05", 5, "0.05"),
        ] {
            let rate: VatRate = text.parse().unwrap();
            assert_eq!(
                (rate.as_hundredths(), rate.to_decimal().as_str()),
                (hundredths, shown)
            );
        }
        for text in ["", "-1", "101", "20 %", "8.125", "100.01", "2e1"] {
            assert!(text.parse::<VatRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn category_codes_read_back() {
        for category in VatCategory::ALL {
            assert_eq!(category.as_str().parse::<VatCategory>(), Ok(category));
            assert_eq!(serde_json::to_value(category).unwrap(), category.as_str());
        }
    }
}
