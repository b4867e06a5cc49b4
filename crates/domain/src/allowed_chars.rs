//! Which characters a brand allows in a text zone.
//!
//! The notation is the inside of a character class, without brackets: characters stand for
//! themselves, `a-z` is a range (both ends included), a hyphen at either end is a hyphen, and `\`
//! makes the next character literal. So `A-Za-z0-9 &'-` allows ASCII letters, digits, space, `&`,
//! `'` and `-`. Surrounding brackets are tolerated, because the older platform's rows have them:
//! `[A-Za-z ]` means `A-Za-z `. There are no classes such as `\p{L}`: a backslash before a letter
//! or digit is refused, lest a class be taken for its letters.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization;

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedChars {
    ranges: Vec<RangeInclusive<char>>,
}

/// Why a notation is no set of characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedCharsError {
    /// A range whose end lies before its start.
    #[error("the range {0}-{1} runs backwards")]
    Backwards(char, char),
    /// A backslash with nothing, a letter or a digit after it.
    #[error("a backslash may only stand before a punctuation character; classes are not supported")]
    Escape,
    /// No character at all.
    #[error("at least one character must be allowed")]
    Empty,
}

impl AllowedChars {
    /// Reads the notation.
    ///
    /// # Errors
    /// [`AllowedCharsError`] names the first fault.
    pub fn parse(notation: &str) -> Result<Self, AllowedCharsError> {
        let inside = notation
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let chars = unescape(&inside.unwrap_or(notation).nfc().collect::<String>())?;
        let mut ranges = Vec::new();
        let mut rest = chars.as_slice();
        while let Some((&(first, _), after)) = rest.split_first() {
            // A range needs an unescaped hyphen with something on both sides.
            if let [('-', false), (last, _), after @ ..] = after {
                if *last < first {
                    return Err(AllowedCharsError::Backwards(first, *last));
                }
                ranges.push(first..=*last);
                rest = after;
            } else {
                ranges.push(first..=first);
                rest = after;
            }
        }
        if ranges.is_empty() {
            Err(AllowedCharsError::Empty)
        } else {
            Ok(Self { ranges })
        }
    }

    /// Whether the character is in the set.
    pub fn contains(&self, c: char) -> bool {
        self.ranges.iter().any(|range| range.contains(&c))
    }

    /// The first character of `text` that is not in the set.
    pub fn first_stranger(&self, text: &str) -> Option<char> {
        text.chars().find(|&c| !self.contains(c))
    }
}

/// The characters of a notation, each with whether a backslash stood before it.
fn unescape(notation: &str) -> Result<Vec<(char, bool)>, AllowedCharsError> {
    let mut out = Vec::new();
    let mut chars = notation.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push((c, false));
            continue;
        }
        match chars.next() {
            Some(c) if !c.is_alphanumeric() => out.push((c, true)),
            _ => return Err(AllowedCharsError::Escape),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stranger(notation: &str, text: &str) -> Option<char> {
        AllowedChars::parse(notation).unwrap().first_stranger(text)
    }

    #[test]
    fn ranges_and_literals_mix() {
        assert_eq!(stranger("A-Za-z0-9 &'-", "Zoe & O'Neil-2"), None);
        assert_eq!(stranger("A-Za-z", "Zoe!"), Some('!'));
        assert_eq!(stranger("À-ÿ", "é"), None);
        assert_eq!(stranger("[A-C ]", "A B"), None);
    }

    #[test]
    fn a_hyphen_at_an_end_or_escaped_is_a_hyphen() {
        assert_eq!(stranger("-a", "-a"), None);
        assert_eq!(stranger("a-", "-a"), None);
        assert_eq!(stranger("a\\-c", "a-c"), None);
        assert_eq!(stranger("a\\-c", "b"), Some('b'));
    }

    #[test]
    fn faulty_notations_are_refused() {
        assert_eq!(
            AllowedChars::parse("z-a"),
            Err(AllowedCharsError::Backwards('z', 'a'))
        );
        assert_eq!(
            AllowedChars::parse("\\p{L}"),
            Err(AllowedCharsError::Escape)
        );
        assert_eq!(AllowedChars::parse("a\\"), Err(AllowedCharsError::Escape));
        assert_eq!(AllowedChars::parse(""), Err(AllowedCharsError::Empty));
    }

    proptest! {
        #[test]
        fn a_set_of_plain_characters_holds_exactly_these(set in "[a-z]{1,9}", text in "[a-z]{0,9}") {
            let expected = text.chars().find(|c| !set.contains(*c));
            prop_assert_eq!(stranger(&set, &text), expected);
        }

        #[test]
        fn no_notation_panics(notation in any::<String>()) {
            let _ = AllowedChars::parse(&notation);
        }
    }
}
