//! Currencies of documents, and how many decimals each has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// ISO 4217 codes with two decimals that a seller may invoice in.
const TWO: &[&str] = &[
    "AED", "ALL", "AUD", "BAM", "BRL", "CAD", "CHF", "CNY", "COP", "CZK", "DKK", "EUR", "GBP",
    "GEL", "HKD", "HUF", "IDR", "ILS", "INR", "MAD", "MDL", "MKD", "MXN", "MYR", "NOK", "NZD",
    "PHP", "PLN", "QAR", "RON", "RSD", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD",
    "ZAR",
];

/// ISO 4217 codes without decimals.
const NONE: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
];

/// ISO 4217 codes with three decimals.
const THREE: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// A currency that documents can be in, by its ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    code: [u8; 3],
    exponent: u32,
}

/// A code of no currency we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the ISO 4217 code of a currency that documents can be in, such as \"EUR\"")]
pub struct CurrencyError(pub String);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self {
        code: *b"EUR",
        exponent: 2,
    };
    /// The Swiss franc.
    pub const CHF: Self = Self {
        code: *b"CHF",
        exponent: 2,
    };

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// Decimals of the minor unit: 2 for EUR, 0 for JPY, 3 for BHD.
    pub fn exponent(self) -> u32 {
        self.exponent
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let exponent = [(TWO, 2), (NONE, 0), (THREE, 3)]
            .into_iter()
            .find_map(|(codes, exponent)| codes.contains(&text).then_some(exponent));
        match (exponent, text.as_bytes().first_chunk::<3>()) {
            (Some(exponent), Some(code)) => Ok(Self {
                code: *code,
                exponent,
            }),
            _ => Err(CurrencyError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(text: String) -> Result<Self, CurrencyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_currency_has_its_own_decimals() {
        for (code, exponent) in [("EUR", 2), ("CHF", 2), ("JPY", 0), ("BHD", 3), ("ISK", 0)] {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), exponent);
        }
        assert_eq!("EUR".parse(), Ok(Currency::EUR));
        assert_eq!("CHF".parse(), Ok(Currency::CHF));
        for unknown in ["eur", "XXX", "EU", ""] {
            assert!(unknown.parse::<Currency>().is_err(), "{unknown}");
        }
    }
}
