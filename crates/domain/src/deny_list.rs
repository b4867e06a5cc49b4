//! Words that a brand does not want on its products.
//!
//! A list is text, one rule a line; `#` begins a comment. A rule is one or more words; `*` at the end of
//! a word stands for any further letters (`fool*` also finds `foolish`). Rules find whole words only, so
//! that the people of Scunthorpe can order rings.
//!
//! Texts are compared by what they look like, not by their code points: without case, accents and
//! invisible characters, with look-alike letters of other scripts and digits as the Latin letters they
//! stand for, with letters that are spelled out (`f o o l`, `f.o.o.l`) put together and long runs of
//! one letter shortened. A determined shopper still gets around any list; it is the first gate, and the
//! cheapest, before a moderation service and the provider's own rules.

use unicode_normalization::UnicodeNormalization;

use crate::customization::Customizations;
use crate::field_error::FieldError;

/// The stable code of a word that is refused, in a fault and as a generation's failure.
const CODE: &str = "content_policy";

/// Longest list in bytes: ten thousand words.
const MAX_BYTES: usize = 128 * 1024;

/// A list of denied words, ready to be asked. The default denies nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DenyList {
    rules: Vec<Rule>,
}

/// The words of one rule, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    words: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    letters: String,
    /// Whether further letters may follow.
    open: bool,
}

/// A list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DenyListError {
    /// A rule without a letter in it would match anything or nothing.
    #[error("line {line}: {text:?} has no letter or digit in it")]
    Empty {
        /// From 1.
        line: usize,
        /// The line as given.
        text: String,
    },
    /// A `*` elsewhere than at the end of a word.
    #[error("line {line}: in {text:?} a * stands elsewhere than at the end of a word")]
    Star {
        /// From 1.
        line: usize,
        /// The line as given.
        text: String,
    },
    /// More text than a list may have.
    #[error("the list has {bytes} bytes; at most {MAX_BYTES} are allowed")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
}

impl DenyList {
    /// Reads a list.
    ///
    /// # Errors
    /// [`DenyListError`] with the line that cannot be a rule.
    pub fn parse(text: &str) -> Result<Self, DenyListError> {
        if text.len() > MAX_BYTES {
            return Err(DenyListError::TooLong { bytes: text.len() });
        }
        let mut rules = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let rule = line.split('#').next().unwrap_or_default().trim();
            if !rule.is_empty() {
                rules.push(Rule::parse(i + 1, rule)?);
            }
        }
        Ok(Self { rules })
    }

    /// Whether no rule stands in it.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules stand in it.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether the text says anything that the list denies.
    pub fn denies(&self, text: &str) -> bool {
        if self.rules.is_empty() {
            return false;
        }
        // A sign may part two words or stand for a letter, so the text is read both ways.
        [Signs::Part, Signs::Spell].into_iter().any(|signs| {
            let folded = fold(text, signs);
            let words: Vec<&str> = words(&folded).collect();
            let joined = spelled_out(&words);
            let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
            let finds = |words: &[&str]| self.rules.iter().any(|rule| rule.is_in(words));
            finds(&words) || (joined != words && finds(&joined))
        })
    }

    /// A fault for everything that a shopper wrote and the list denies. Which rule it was is not told:
    /// that would be a guide around the list.
    pub fn check(
        &self,
        customizations: &Customizations,
        wish: Option<(&str, &str)>,
    ) -> Vec<FieldError> {
        let wish = wish.map(|(pointer, words)| (pointer.to_owned(), words));
        let detail = "these words are not accepted by this shop";
        customizations
            .words()
            .chain(wish)
            .filter(|(_, words)| self.denies(words))
            .map(|(pointer, _)| FieldError::new(pointer, CODE, detail))
            .collect()
    }

    /// This list and another as one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let rules = self.rules.iter().chain(&other.rules).cloned().collect();
        Self { rules }
    }
}

impl Rule {
    fn parse(line: usize, text: &str) -> Result<Self, DenyListError> {
        let mut patterns = Vec::new();
        for word in text.split_whitespace() {
            let (letters, open) = match word.strip_suffix('*') {
                Some(letters) => (letters, true),
                None => (word, false),
            };
            if letters.contains('*') {
                let text = text.to_owned();
                return Err(DenyListError::Star { line, text });
            }
            let folded = fold(letters, Signs::Part);
            let parts: Vec<&str> = words(&folded).collect();
            for (i, part) in parts.iter().enumerate() {
                patterns.push(Pattern {
                    letters: (*part).to_owned(),
                    open: open && i + 1 == parts.len(),
                });
            }
        }
        if patterns.is_empty() {
            let text = text.to_owned();
            return Err(DenyListError::Empty { line, text });
        }
        Ok(Self { words: patterns })
    }

    fn is_in(&self, words: &[&str]) -> bool {
        words.windows(self.words.len()).any(|window| {
            let mut pairs = self.words.iter().zip(window);
            pairs.all(|(pattern, word)| pattern.fits(word))
        })
    }
}

impl Pattern {
    fn fits(&self, word: &str) -> bool {
        self.is(word)
            || [1, 2].iter().any(|&most| {
                let shorter = shortened(word, most);
                shorter != word && self.is(&shorter)
            })
    }

    fn is(&self, word: &str) -> bool {
        match self.open {
            true => word.starts_with(&self.letters),
            false => word == self.letters,
        }
    }
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(' ').filter(|word| !word.is_empty())
}

/// The words, with each run of two or more single letters as one word.
fn spelled_out(words: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    let mut after_single = false;
    for word in words {
        let single = word.chars().count() == 1;
        match out.last_mut() {
            Some(last) if single && after_single => last.push_str(word),
            _ => out.push((*word).to_owned()),
        }
        after_single = single;
    }
    out
}

/// The word with runs of three or more of one letter cut to `most`.
fn shortened(word: &str, most: usize) -> String {
    let letters: Vec<char> = word.chars().collect();
    letters
        .chunk_by(|a, b| a == b)
        .flat_map(|run| {
            let kept = if run.len() >= 3 { most } else { run.len() };
            run.iter().take(kept)
        })
        .collect()
}

/// How signs that look like letters are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signs {
    /// They end a word.
    Part,
    /// They are the letters they look like.
    Spell,
}

/// What a text looks like: lower-case Latin letters where they are meant, every other letter as it is,
/// and a space for everything between.
fn fold(text: &str, signs: Signs) -> String {
    text.nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .filter(|c| !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .map(|c| match (letter_of(c), signs) {
            (Some(letter), Signs::Spell) => letter,
            _ => letter_like(c),
        })
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect()
}

/// The letter that a sign looks like.
fn letter_of(sign: char) -> Option<char> {
    match sign {
        '!' | '|' => Some('i'),
        '@' => Some('a'),
        '$' => Some('s'),
        '+' => Some('t'),
        _ => None,
    }
}

/// Characters without a glyph that may stand in the middle of a word.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// The Latin letter for digits and letters of other scripts that look like one.
/// From Unicode's table of confusables, the part that shoppers' keyboards have.
fn letter_like(c: char) -> char {
    match c {
        '0' | 'о' | 'ο' | 'ø' => 'o',
        '1' | 'і' | 'ι' | 'ı' | 'ł' => 'i',
        '3' | 'е' | 'є' | 'ε' => 'e',
        '4' | 'а' | 'α' => 'a',
        '5' | 'ѕ' => 's',
        '7' | 'т' | 'τ' => 't',
        'с' | 'ϲ' => 'c',
        'р' | 'ρ' => 'p',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'к' | 'κ' => 'k',
        'н' => 'h',
        'м' => 'm',
        'в' | 'ß' => 'b',
        'ν' => 'v',
        'ո' => 'n',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> DenyList {
        DenyList::parse(text).unwrap()
    }

    #[test]
    fn a_word_is_found_however_it_is_dressed_up() {
        let list = list("# insults\nfool\nrotten egg  # two words\nnincom*\nдурак");
        for text in [
            "Fool",
            "you FOOL!",
            "f00l",
            "fo\u{200b}ol",
            "f.o.o.l",
            "F O O L",
            "fööl",
            "ｆｏｏｌ",
            "fоol",
            "fooool",
            "rotten, egg",
            "ROTTEN EGG",
            "nincompoop",
            "nincom",
            "дурак!",
        ] {
            assert!(list.denies(text), "{text}");
        }
    }

    #[test]
    fn other_words_are_left_in_peace() {
        let list = list("fool\nrotten egg\nass\nhell");
        for text in [
            "",
            "Foolscap",
            "rotten apple",
            "egg rotten",
            "Hello Cassandra",
            "class of 2026",
            "as",
            "Scunthorpe",
            "hel l",
            "shell",
            "日本語",
        ] {
            assert!(!list.denies(text), "{text}");
        }
        assert!(!DenyList::default().denies("fool"));
    }

    #[test]
    fn a_list_that_cannot_be_used_says_where() {
        for (text, line) in [("good\n***", 2), ("--- \n", 1), ("a*b", 1)] {
            let error = DenyList::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line {line}:")), "{error}");
        }
        assert!(DenyList::parse(&"a\n".repeat(MAX_BYTES)).is_err());
    }

    #[test]
    fn two_lists_deny_what_either_does() {
        let both = list("fool").and(&list("egg"));
        assert!(both.denies("fool") && both.denies("egg") && !both.denies("ring"));
    }

    proptest! {
        #[test]
        fn every_rule_finds_itself(word in "[a-zé]{1,12}( [a-z]{2,8}){0,2}") {
            prop_assert!(list(&word).denies(&word));
            let shouted = format!("so, {} !", word.to_uppercase());
            prop_assert!(list(&word).denies(&shouted));
        }

        #[test]
        fn no_text_panics(rule in any::<String>(), text in any::<String>()) {
            if let Ok(list) = DenyList::parse(&rule) {
                let _ = list.denies(&text);
            }
        }
    }
}
