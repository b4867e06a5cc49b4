//! Colours as shoppers and brands write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lane::UnknownName;

/// An opaque sRGB colour; its one written form is `#rrggbb` in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Color {
    /// Red, 0 to 255.
    pub r: u8,
    /// Green, 0 to 255.
    pub g: u8,
    /// Blue, 0 to 255.
    pub b: u8,
}

impl FromStr for Color {
    type Err = UnknownName;

    /// Takes `#rgb` and `#rrggbb` in either case; no names, no alpha.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let digits = text.strip_prefix('#').and_then(hex_digits);
        match digits.as_deref() {
            Some(&[r, g, b]) => Ok(Self {
                r: r * 17,
                g: g * 17,
                b: b * 17,
            }),
            Some(&[r1, r0, g1, g0, b1, b0]) => Ok(Self {
                r: r1 * 16 + r0,
                g: g1 * 16 + g0,
                b: b1 * 16 + b0,
            }),
            _ => Err(UnknownName(text.to_owned())),
        }
    }
}

/// The values of at most six hexadecimal digits, or nothing when another character is among them.
fn hex_digits(text: &str) -> Option<Vec<u8>> {
    if text.len() > 6 {
        return None;
    }
    text.chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect()
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

impl TryFrom<String> for Color {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_and_upper_case_forms_become_the_one_written_form() {
        assert_eq!("#F0a".parse::<Color>().unwrap().to_string(), "#ff00aa");
        assert_eq!("#C0FFEE".parse::<Color>().unwrap().to_string(), "#c0ffee");
    }

    #[test]
    fn names_alpha_and_broken_forms_are_refused() {
        for text in [
            "red",
            "",
            "#",
            "#ff",
            "#ffff",
            "#ff00aa80",
            "ff00aa",
            "#ggg",
            "#fffff\u{e9}",
        ] {
            assert!(text.parse::<Color>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_colour_reads_back_as_itself(r: u8, g: u8, b: u8) {
            let color = Color { r, g, b };
            prop_assert_eq!(color.to_string().parse::<Color>().unwrap(), color);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Color>();
        }
    }
}
