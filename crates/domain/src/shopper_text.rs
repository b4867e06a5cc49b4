//! Free text that a shopper typed: what may be in it, and how it is cleaned.
//!
//! Text is brought to NFC, so that `é` typed on two keyboards is the same text. Characters that
//! cannot be seen are refused rather than stripped where the text will be sold on a product (a name
//! on a ring must be what the shopper saw), and stripped where it is only a wish to a model. They
//! are the means of most prompt and display attacks: control characters, bidirectional overrides,
//! zero-width characters, tag characters that spell hidden instructions, and the like.
//!
//! Some invisible characters are part of ordinary writing and stay after a visible one: the zero-width
//! joiner and non-joiner (emoji families, Persian, Indic scripts) and the variation selectors 15 and
//! 16 (text or emoji presentation).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Longest free prompt in graphemes.
pub const MAX_USER_PROMPT_GRAPHEMES: usize = 1000;

/// Most code points that may be piled on one base character; beyond it, text is drawn outside its
/// line ("zalgo"). Unicode's own stream-safe format allows 30 marks; the longest emoji sequences
/// in use have 10 code points.
const MAX_CHARS_PER_GRAPHEME: usize = 16;

/// What is wrong with a text. The `Display` form says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// A control character, a line break among them.
    #[error("line breaks and control characters are not allowed")]
    Control,
    /// A character that changes the direction of the text around it.
    #[error("characters that override the direction of text are not allowed")]
    Bidi,
    /// A character without width or glyph where it has no use.
    #[error("invisible characters are not allowed")]
    Invisible,
    /// A tag character, which spells text that nobody sees.
    #[error("tag characters are not allowed")]
    Tag,
    /// A private-use or unassigned-by-design character, which has no agreed glyph.
    #[error("private-use characters and noncharacters are not allowed")]
    PrivateUse,
    /// Too many marks on one character.
    #[error("at most {MAX_CHARS_PER_GRAPHEME} code points on one character are allowed")]
    StackedMarks,
    /// More graphemes than allowed.
    #[error("at most {max} characters are allowed")]
    TooLong {
        /// The limit in graphemes.
        max: usize,
    },
}

impl TextFault {
    /// The stable code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Control => "text_control_character",
            Self::Bidi => "text_bidi_character",
            Self::Invisible => "text_invisible_character",
            Self::Tag => "text_tag_character",
            Self::PrivateUse => "text_private_use_character",
            Self::StackedMarks => "text_stacked_marks",
            Self::TooLong { .. } => "text_too_long",
        }
    }
}

/// The text in NFC, trimmed, if it is at most `max` graphemes and holds nothing that cannot be
/// seen.
///
/// # Errors
/// [`TextFault`] with the first fault in the text, or [`TextFault::TooLong`] when that is the only one.
pub fn clean_text(text: &str, max: usize) -> Result<String, TextFault> {
    if is_plain(text) {
        return within(text.trim().to_owned(), max);
    }
    clean_any_text(text, max)
}

fn clean_any_text(text: &str, max: usize) -> Result<String, TextFault> {
    let text: String = text.nfc().collect();
    let text = text.trim();
    let mut graphemes = 0_usize;
    for grapheme in text.graphemes(true) {
        graphemes += 1;
        check_grapheme(grapheme)?;
    }
    if graphemes > max {
        return Err(TextFault::TooLong { max });
    }
    Ok(text.to_owned())
}

/// A free prompt made safe: line breaks and tabs become spaces, runs of spaces one space, what
/// cannot be seen is left out.
///
/// # Errors
/// [`TextFault::TooLong`] when more than `max` graphemes remain.
pub fn clean_prompt(text: &str, max: usize) -> Result<String, TextFault> {
    if is_plain(text) {
        return within(one_spaced(text), max);
    }
    clean_any_prompt(text, max)
}

fn clean_any_prompt(text: &str, max: usize) -> Result<String, TextFault> {
    let text: String = text
        .nfc()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let visible = without_invisible(&text);
    // Leaving a character out can bring a letter and its mark together: compose again.
    let text: String = one_spaced(&visible).nfc().collect();
    if text.graphemes(true).count() > max {
        return Err(TextFault::TooLong { max });
    }
    Ok(text)
}

/// Whether the text is printable ASCII and spaces: it is in NFC, nothing in it is hidden, and each
/// byte is a grapheme. Most texts are, and the tables of Unicode were a quarter of intake's time.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A plain text, if it is at most `max` long.
fn within(text: String, max: usize) -> Result<String, TextFault> {
    match text.len() <= max {
        true => Ok(text),
        false => Err(TextFault::TooLong { max }),
    }
}

/// The words with one space between them.
fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Leaves out every fault, again until none appears: leaving out one character can join two others
/// into a grapheme that is at fault itself.
fn without_invisible(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let kept: String = text.graphemes(true).map(visible_part).collect();
        if kept == text {
            return kept;
        }
        text = kept;
    }
}

/// The grapheme without the characters at fault.
fn visible_part(grapheme: &str) -> Cow<'_, str> {
    if check_grapheme(grapheme).is_ok() {
        return Cow::Borrowed(grapheme);
    }
    let kept = grapheme
        .chars()
        .filter(|&c| fault_of(c).is_none() && !joins(c));
    Cow::Owned(kept.take(MAX_CHARS_PER_GRAPHEME).collect())
}

/// The first fault in one grapheme. A joiner or selector is in order when something visible of the
/// same grapheme or, for a joiner, the next one follows; segmentation has put them together.
fn check_grapheme(grapheme: &str) -> Result<(), TextFault> {
    let mut seen_visible = false;
    for (i, c) in grapheme.chars().enumerate() {
        if i >= MAX_CHARS_PER_GRAPHEME {
            return Err(TextFault::StackedMarks);
        }
        if let Some(fault) = fault_of(c) {
            return Err(fault);
        }
        if joins(c) && !seen_visible {
            return Err(TextFault::Invisible);
        }
        seen_visible = !joins(c) && !c.is_whitespace();
    }
    Ok(())
}

/// Characters that are invisible but mean something after a visible one.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// The fault of a character wherever it stands.
fn fault_of(c: char) -> Option<TextFault> {
    match c {
        c if c.is_control() => Some(TextFault::Control),
        '\u{2028}' | '\u{2029}' => Some(TextFault::Control),
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some(TextFault::Bidi),
        '\u{e0000}'..='\u{e007f}' => Some(TextFault::Tag),
        c if is_invisible(c) => Some(TextFault::Invisible),
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => Some(TextFault::PrivateUse),
        '\u{fdd0}'..='\u{fdef}' => Some(TextFault::PrivateUse),
        c if u32::from(c) & 0xfffe == 0xfffe => Some(TextFault::PrivateUse),
        _ => None,
    }
}

/// Default-ignorable code points and fillers of Unicode 16 that have no use in a short text; those
/// with one are in [`joins`].
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0080}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_writing_of_many_scripts_is_kept() {
        for text in [
            "Zoé & Léo",
            "שלום",
            "السلام",
            "می‌خواهم",
            "👨‍👩‍👧‍👦 ❤️",
            "हिन्दी क्‍ष",
            "日本語",
            "1️⃣ 🇫🇷",
        ] {
            let nfc: String = text.nfc().collect();
            assert_eq!(clean_text(text, 50).as_deref(), Ok(nfc.as_str()), "{text}");
            assert_eq!(
                clean_prompt(text, 50).as_deref(),
                Ok(nfc.as_str()),
                "{text}"
            );
        }
    }

    #[test]
    fn two_ways_to_type_an_accent_are_one_text() {
        assert_eq!(clean_text("Zoe\u{301}", 3), Ok("Zo\u{e9}".to_owned()));
    }

    #[test]
    fn what_cannot_be_seen_is_refused_with_its_code() {
        for (text, code) in [
            ("a\u{0}b", "text_control_character"),
            ("a\nb", "text_control_character"),
            ("a\u{85}b", "text_control_character"),
            ("a\u{2028}b", "text_control_character"),
            ("a\u{202e}b", "text_bidi_character"),
            ("a\u{2067}b", "text_bidi_character"),
            ("a\u{200b}b", "text_invisible_character"),
            ("a\u{feff}b", "text_invisible_character"),
            ("\u{200d}a", "text_invisible_character"),
            ("a\u{200d}\u{200d}b", "text_invisible_character"),
            ("a\u{3164}b", "text_invisible_character"),
            ("a\u{e0041}b", "text_tag_character"),
            ("a\u{e000}b", "text_private_use_character"),
            ("a\u{ffff}b", "text_private_use_character"),
            ("abcdef", "text_too_long"),
        ] {
            assert_eq!(
                clean_text(text, 5).map_err(TextFault::code),
                Err(code),
                "{text:?}"
            );
        }
    }

    #[test]
    fn stacked_marks_are_refused_in_a_text_and_thinned_in_a_prompt() {
        let zalgo = format!("Z{}", "\u{0336}".repeat(40));
        assert_eq!(clean_text(&zalgo, 9), Err(TextFault::StackedMarks));
        assert_eq!(
            clean_prompt(&zalgo, 9).unwrap().chars().count(),
            MAX_CHARS_PER_GRAPHEME
        );
    }

    #[test]
    fn length_is_counted_in_graphemes() {
        assert!(clean_text("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 2).is_ok());
        assert_eq!(clean_text("abc", 2), Err(TextFault::TooLong { max: 2 }));
        assert_eq!(clean_prompt("abc", 2), Err(TextFault::TooLong { max: 2 }));
    }

    #[test]
    fn a_prompt_becomes_one_line_of_visible_text() {
        assert_eq!(
            clean_prompt(" gold\n\n leaves\u{200b},\t\u{202e}please\u{e0041} ", 99).as_deref(),
            Ok("gold leaves, please")
        );
    }

    proptest! {
        #[test]
        fn a_cleaned_prompt_passes_the_strict_rules(text in any::<String>()) {
            let clean = clean_prompt(&text, 10_000).unwrap();
            prop_assert_eq!(clean_text(&clean, 10_000), Ok(clean));
        }

        #[test]
        fn plain_text_is_cleaned_as_any_other(text in "[ -~]{0,40}", max in 0_usize..40) {
            prop_assert_eq!(clean_text(&text, max), clean_any_text(&text, max));
            prop_assert_eq!(clean_prompt(&text, max), clean_any_prompt(&text, max));
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let clean = clean_prompt(&text, 10_000).unwrap();
            prop_assert_eq!(clean_prompt(&clean, 10_000), Ok(clean));
        }

        #[test]
        fn joiners_between_anything_clean_to_a_fixed_text(
            text in "[a é\u{301}\u{200c}\u{200d}\u{fe0f}👨 \u{200b}\u{202e}]{0,20}"
        ) {
            let clean = clean_prompt(&text, 100).unwrap();
            prop_assert_eq!(clean_text(&clean, 100), Ok(clean.clone()));
            prop_assert_eq!(clean_prompt(&clean, 100), Ok(clean));
        }

        #[test]
        fn an_accepted_text_is_accepted_again(text in "[a-zé\u{301}\u{200d}\u{fe0f}👨 \u{200b}]{0,20}") {
            if let Ok(clean) = clean_text(&text, 20) {
                prop_assert_eq!(clean_text(&clean, 20), Ok(clean));
            }
        }
    }
}
