//! Slugs: a product's name as the part of an address that people can read.
//!
//! A slug consists of `a`–`z`, `0`–`9` and single inner hyphens, has 1 to [`MAX_SLUG_BYTES`] bytes, and
//! depends on nothing but its arguments. [`slug`] gives the one a name asks for, [`SlugBook`] makes
//! it unique among those of one brand. Letters are folded to ASCII: accents fall off, Latin letters
//! without a decomposition, Greek and Cyrillic are written as their usual transliterations. Other
//! scripts have no folding that their readers would accept without knowing the language, so a name
//! that has nothing else becomes `product-` and a digest of the product's id.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most bytes of a slug, its number included. Addresses with longer parts get cut by mail clients;
/// it also keeps the unique index of slugs far below PostgreSQL's limit for one entry (2,704 bytes).
pub const MAX_SLUG_BYTES: usize = 80;

/// Room for `-` and the number of a duplicate (`u32` has at most ten digits).
const NUMBER_BYTES: usize = 11;

/// Letters that Unicode does not decompose, in lower case, by the usual transliteration.
const LETTERS: &[(char, &str)] = &[
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('þ', "th"),
    ('ł', "l"),
    ('ħ', "h"),
    ('ı', "i"),
    ('ŋ', "n"),
    ('ŧ', "t"),
    ('ĸ', "k"),
    ('ə', "e"),
    ('ƒ', "f"),
    ('α', "a"),
    ('β', "v"),
    ('γ', "g"),
    ('δ', "d"),
    ('ε', "e"),
    ('ζ', "z"),
    ('η', "i"),
    ('θ', "th"),
    ('ι', "i"),
    ('κ', "k"),
    ('λ', "l"),
    ('μ', "m"),
    ('ν', "n"),
    ('ξ', "x"),
    ('ο', "o"),
    ('π', "p"),
    ('ρ', "r"),
    ('σ', "s"),
    ('ς', "s"),
    ('τ', "t"),
    ('υ', "y"),
    ('φ', "f"),
    ('χ', "ch"),
    ('ψ', "ps"),
    ('ω', "o"),
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('ґ', "g"),
    ('д', "d"),
    ('е', "e"),
    ('є', "ie"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('і', "i"),
    ('ј', "j"),
    ('к', "k"),
    ('л', "l"),
    ('љ', "lj"),
    ('м', "m"),
    ('н', "n"),
    ('њ', "nj"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('ћ', "c"),
    ('ђ', "dj"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "kh"),
    ('ц', "ts"),
    ('ч', "ch"),
    ('џ', "dz"),
    ('ш', "sh"),
    ('щ', "shch"),
    ('ъ', ""),
    ('ы', "y"),
    ('ь', ""),
    ('э', "e"),
    ('ю', "iu"),
    ('я', "ia"),
];

/// The slug that `name` asks for, before it is made unique. `id` is the product's, for names that have
/// no letter or digit: the same product then always gets the same one.
pub fn slug(name: &str, id: &str) -> String {
    let mut text = String::new();
    for character in name.nfkd().filter(|c| !is_combining_mark(*c)) {
        if text.len() > MAX_SLUG_BYTES {
            break;
        }
        fold(character, &mut text);
    }
    text.truncate(MAX_SLUG_BYTES - NUMBER_BYTES);
    let text = text.trim_end_matches('-');
    if text.is_empty() {
        format!("product-{:012x}", digest(id) >> 16)
    } else {
        text.to_owned()
    }
}

/// Appends what one decomposed character stands for; what stands for nothing separates words.
fn fold(character: char, text: &mut String) {
    for lower in character.to_lowercase() {
        if lower.is_ascii_alphanumeric() {
            text.push(lower);
        } else if let Some((_, letters)) = LETTERS.iter().find(|(letter, _)| *letter == lower) {
            text.push_str(letters);
        } else if !is_silent(lower) && !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
    }
}

/// Characters within a word that nobody sees: marks, soft hyphens, zero-width ones. They separate
/// nothing.
fn is_silent(character: char) -> bool {
    is_combining_mark(character)
        || matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
}

/// FNV-1a, 64 bits: stable for ever, which the standard library's hash is not.
fn digest(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The slugs of one brand: hands out each one once.
///
/// The first product of a name gets the plain slug, the next ones `-2`, `-3` and so on, leaving out
/// numbers that another name has. Fed in the same order it hands out the same slugs, in one book or in
/// several, each filled with what the ones before it handed out.
#[derive(Debug, Clone, Default)]
pub struct SlugBook {
    taken: HashSet<String>,
    last: HashMap<String, u32>,
}

impl SlugBook {
    /// Notes a slug that somebody has.
    pub fn take(&mut self, slug: impl Into<String>) {
        self.taken.insert(slug.into());
    }

    /// Notes the highest number given to `base` so far, so that the search starts behind it.
    pub fn resume(&mut self, base: impl Into<String>, last: u32) {
        self.last.insert(base.into(), last);
    }

    /// The highest number given for each plain slug that was asked for more than once.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, u32)> {
        self.last.iter().map(|(base, last)| (base.as_str(), *last))
    }

    /// The next number to be tried for `base`, from 2.
    pub fn next_number(&self, base: &str) -> u32 {
        self.last.get(base).map_or(2, |last| last.saturating_add(1))
    }

    /// Hands out `base`, or `base-2` and so on where it is taken.
    pub fn assign(&mut self, base: &str) -> String {
        if self.taken.insert(base.to_owned()) {
            return base.to_owned();
        }
        let mut number = self.next_number(base);
        loop {
            let candidate = format!("{base}-{number}");
            self.last.insert(base.to_owned(), number);
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
            number = number.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::{MAX_SLUG_BYTES, SlugBook, slug};

    #[test]
    fn names_become_what_a_person_would_write() {
        for (name, expected) in [
            ("Bague dorée n°1", "bague-doree-n-1"),
            ("  Tasse -- « À toi »  ", "tasse-a-toi"),
            ("Smørrebrød & Œufs", "smorrebrod-oeufs"),
            ("STRASSE / straße", "strasse-strasse"),
            ("İstanbul ığüşöç", "istanbul-igusoc"),
            ("Łódź Đakovo þing", "lodz-dakovo-thing"),
            ("Кольцо «Щука»", "koltso-shchuka"),
            ("Δαχτυλίδι", "dachtylidi"),
            ("ＡＢＣ １２３ ﬁne ½", "abc-123-fine-1-2"),
            ("e\u{301}te\u{301} zero\u{200b}width", "ete-zerowidth"),
            ("../../etc/passwd?x=%00#", "etc-passwd-x-00"),
        ] {
            assert_eq!(slug(name, "id"), expected, "{name}");
        }
    }

    #[test]
    fn a_name_without_letters_is_called_after_the_products_id() {
        for name in ["", "   ", "指輪", "💍💍", "!!!", "\u{301}"] {
            let first = slug(name, "clq1");
            assert!(
                first.starts_with("product-") && first.len() == 20,
                "{first}"
            );
            assert_eq!(first, slug(name, "clq1"));
            assert_ne!(first, slug(name, "clq2"));
        }
    }

    #[test]
    fn duplicates_are_numbered_around_names_that_look_numbered() {
        let mut book = SlugBook::default();
        let given: Vec<String> = ["ring", "ring-2", "ring", "ring", "ring-2", "ring"]
            .iter()
            .map(|base| book.assign(base))
            .collect();
        assert_eq!(
            given,
            ["ring", "ring-2", "ring-3", "ring-4", "ring-2-2", "ring-5"]
        );
    }

    /// Names as shops really have them, and any Unicode at all.
    fn names() -> impl Strategy<Value = Vec<String>> {
        let name = prop_oneof![
            any::<String>(),
            Just(String::new()),
            "(ring|Ring|RING|ring-2|Ring 2|ring 3|bague dorée)",
            "[a-z\u{e9}\u{df} -]{0,200}",
            "\\PC{60,120}",
        ];
        prop::collection::vec(name, 0..60)
    }

    /// Slugs of a brand's products in order, the book being closed and filled again every `batch`.
    fn assign_in_batches(names: &[String], batch: usize) -> Vec<String> {
        let mut given: Vec<String> = Vec::new();
        let mut numbers: Vec<(String, u32)> = Vec::new();
        for (at, chunk) in names.chunks(batch).enumerate() {
            let mut book = SlugBook::default();
            given.iter().for_each(|slug| book.take(slug.clone()));
            numbers
                .iter()
                .for_each(|(base, last)| book.resume(base.clone(), *last));
            for (place, name) in chunk.iter().enumerate() {
                let id = format!("p{}", at * batch + place);
                given.push(book.assign(&slug(name, &id)));
            }
            numbers = book
                .numbers()
                .map(|(base, last)| (base.to_owned(), last))
                .collect();
        }
        given
    }

    proptest! {
        #[test]
        fn slugs_are_never_empty_url_safe_unique_and_the_same_again(
            names in names(),
            batch in 1usize..20,
        ) {
            let all = assign_in_batches(&names, names.len().max(1));
            let mut seen = HashSet::new();
            for one in &all {
                prop_assert!(!one.is_empty() && one.len() <= MAX_SLUG_BYTES, "{one:?}");
                prop_assert!(one.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{one:?}");
                prop_assert!(!one.starts_with('-') && !one.ends_with('-') && !one.contains("--"), "{one:?}");
                let address = url::Url::parse(&format!("https://shop.example/{one}")).unwrap();
                prop_assert_eq!(address.path(), format!("/{one}"));
                prop_assert!(seen.insert(one.clone()), "{one:?} twice");
            }
            prop_assert_eq!(&all, &assign_in_batches(&names, names.len().max(1)));
            prop_assert_eq!(&all, &assign_in_batches(&names, batch), "batches of {}", batch);
        }
    }
}
