//! Where a line may end: Unicode's line breaking, with a model for scripts that write no spaces
//! (Thai, Lao, Khmer, Burmese).

use std::sync::LazyLock;

use icu_segmenter::options::LineBreakOptions;
use icu_segmenter::{LineSegmenter, LineSegmenterBorrowed};

static SEGMENTER: LazyLock<LineSegmenterBorrowed<'static>> =
    LazyLock::new(|| LineSegmenter::new_lstm(LineBreakOptions::default()));

/// A piece of a paragraph that stays on one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    /// Whether white space stands before it; not so after a hyphen or between Han characters.
    pub(super) spaced: bool,
}

/// The pieces of a paragraph, without the white space between them.
pub(super) fn pieces(paragraph: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut spaced = false;
    for end in SEGMENTER.segment_str(paragraph).skip(1) {
        let segment = &paragraph[start..end];
        let text = segment.trim_matches(breaking_space);
        if !text.is_empty() {
            spaced |= segment.starts_with(breaking_space);
            pieces.push(Piece { text, spaced });
            spaced = false;
        }
        spaced |= segment.ends_with(breaking_space);
        start = end;
    }
    pieces
}

/// White space that may end a line; a no-break space is a letter without ink.
fn breaking_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{A0}' | '\u{202F}' | '\u{2007}')
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn lines_end_where_the_script_lets_them() {
        let cases: [(&str, &[&str]); 6] = [
            ("Zoé & Léo", &["Zoé", "&", "Léo"]),
            ("Anne-Marie  née", &["Anne-", "Marie", "née"]),
            ("山田太郎。", &["山", "田", "太", "郎。"]),
            ("สวัสดีชาวโลก", &["สวัสดี", "ชาว", "โลก"]),
            ("10\u{A0}ans", &["10\u{A0}ans"]),
            ("  ", &[]),
        ];
        for (paragraph, expected) in cases {
            let found: Vec<&str> = pieces(paragraph).iter().map(|p| p.text).collect();
            assert_eq!(found, expected, "{paragraph}");
        }
    }

    #[test]
    fn only_white_space_counts_as_space() {
        let spaced: Vec<bool> = pieces("a-b c").iter().map(|p| p.spaced).collect();
        assert_eq!(spaced, [false, false, true]);
    }
}
