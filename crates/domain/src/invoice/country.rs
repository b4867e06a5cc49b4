//! Countries, and whose VAT territory they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The member states of the European Union, by ISO 3166-1 code.
const EU: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// An ISO 3166-1 alpha-2 country code, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Not a country code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a country code of two letters, such as \"FR\"")]
pub struct CountryError(pub String);

impl Country {
    /// ISO's user-assigned code for no country in particular.
    pub(super) const NOWHERE: Self = Self(*b"ZZ");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The country whose VAT applies here. Monaco is France's territory, the Isle of Man the United
    /// Kingdom's (Directive 2006/112/EC art. 7 for both), Liechtenstein Switzerland's (treaty of 28
    /// October 1994).
    pub fn vat_territory(self) -> Self {
        match self.as_str() {
            "MC" => Self(*b"FR"),
            "IM" => Self(*b"GB"),
            "LI" => Self(*b"CH"),
            _ => self,
        }
    }

    /// Whether the Union's VAT directive applies: a member state, or Monaco as France's territory.
    /// Regions outside the Union's VAT area, such as the Canary Islands, are not told apart.
    pub fn in_eu_vat_area(self) -> bool {
        EU.contains(&self.vat_territory().as_str())
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Self, CountryError> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(CountryError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = CountryError;

    fn try_from(text: String) -> Result<Self, CountryError> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn territories_that_share_a_neighbours_vat_are_known() {
        let country = |text: &str| text.parse::<Country>().unwrap();
        assert_eq!(country("mc").vat_territory(), country("FR"));
        assert!(country("MC").in_eu_vat_area());
        assert_eq!(country("LI").vat_territory(), country("CH"));
        assert!(!country("GB").in_eu_vat_area());
        assert!(country("GR").in_eu_vat_area());
        assert_eq!(EU.len(), 27);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "F", "FRA", "F1", "É"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }
}
