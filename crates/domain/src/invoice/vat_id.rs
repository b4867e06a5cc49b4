//! VAT identification numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::country::Country;

/// How the numbers of each prefix are built: `9` a digit, `A` a letter, `*` either. Sources: European
/// Commission, VIES, "VAT identification number structure"; HMRC VATREC5130 for GB; art. 26 MWSTG and
/// the Swiss UID register for CHE. Alternatives are separated by a space.
const STRUCTURES: &[(&str, &str)] = &[
    ("AT", "U99999999"),
    ("BE", "9999999999"),
    ("BG", "999999999 9999999999"),
    ("CHE", "999999999 999999999MWST 999999999TVA 999999999IVA"),
    ("CY", "99999999A"),
    ("CZ", "99999999 999999999 9999999999"),
    ("DE", "999999999"),
    ("DK", "99999999"),
    ("EE", "999999999"),
    ("EL", "999999999"),
    ("ES", "*9999999*"),
    ("FI", "99999999"),
    ("FR", "**999999999"),
    ("GB", "999999999 999999999999 GD999 HA999"),
    ("HR", "99999999999"),
    ("HU", "99999999"),
    ("IE", "9*99999A 9999999AA"),
    ("IT", "99999999999"),
    ("LT", "999999999 999999999999"),
    ("LU", "99999999"),
    ("LV", "99999999999"),
    ("MT", "99999999"),
    ("NL", "************"),
    ("PL", "9999999999"),
    ("PT", "999999999"),
    (
        "RO",
        "99 999 9999 99999 999999 9999999 99999999 999999999 9999999999",
    ),
    ("SE", "999999999999"),
    ("SI", "99999999"),
    ("SK", "9999999999"),
    ("XI", "999999999 999999999999 GD999 HA999"),
];

/// A VAT identification number of the European Union, the United Kingdom or Switzerland, well formed:
/// upper case, without spaces, dots and dashes. That it exists is for VIES to say, not for us.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VatId(String);

/// Not a VAT number we know the shape of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a well-formed VAT number of the EU, the United Kingdom or Switzerland")]
pub struct VatIdError(pub String);

impl VatId {
    /// The number with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country that gave it, as ISO 3166-1 knows it: Greece's `EL` is GR. Northern Ireland's `XI`
    /// counts as GB, because for services Northern Ireland is the United Kingdom.
    pub fn country(&self) -> Country {
        let prefix = match self.0.get(..2) {
            Some("EL") => "GR",
            Some("XI") => "GB",
            Some(prefix) => prefix,
            None => "",
        };
        // INVARIANT: reading left two capital letters in front, so the alternative is never taken.
        prefix.parse().unwrap_or(Country::NOWHERE)
    }
}

impl FromStr for VatId {
    type Err = VatIdError;

    fn from_str(text: &str) -> Result<Self, VatIdError> {
        let plain: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '.' | '-' | '\u{a0}'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let fits = STRUCTURES.iter().any(|(prefix, structures)| {
            plain.strip_prefix(prefix).is_some_and(|number| {
                structures
                    .split(' ')
                    .any(|structure| matches(number, structure))
            })
        });
        if fits {
            Ok(Self(plain))
        } else {
            Err(VatIdError(text.to_owned()))
        }
    }
}

fn matches(number: &str, structure: &str) -> bool {
    number.len() == structure.len()
        && number
            .bytes()
            .zip(structure.bytes())
            .all(|(given, wanted)| match wanted {
                b'9' => given.is_ascii_digit(),
                b'A' => given.is_ascii_uppercase(),
                b'*' => given.is_ascii_uppercase() || given.is_ascii_digit(),
                letter => given == letter,
            })
}

impl TryFrom<String> for VatId {
    type Error = VatIdError;

    fn try_from(text: String) -> Result<Self, VatIdError> {
        text.parse()
    }
}

impl From<VatId> for String {
    fn from(id: VatId) -> Self {
        id.0
    }
}

impl fmt::Display for VatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, plain, country) in [
            ("FR 40 303 265 045", "FR40303265045", "FR"),
            ("che-123.456.788 MWST", "CHE123456788MWST", "CH"),
            ("EL123456789", "EL123456789", "GR"),
            ("ATU12345678", "ATU12345678", "AT"),
            ("IE6388047V", "IE6388047V", "IE"),
            ("NL004495445B01", "NL004495445B01", "NL"),
            ("XI123456789", "XI123456789", "GB"),
        ] {
            let id: VatId = text.parse().unwrap();
            assert_eq!((id.as_str(), id.country().as_str()), (plain, country));
        }
        for text in [
            "",
            "FR",
            "DE12345678",
            "US123456789",
            "40303265045",
            "FR40303265045X",
            "DEé12345678",
        ] {
            assert!(text.parse::<VatId>().is_err(), "{text}");
        }
    }
}
