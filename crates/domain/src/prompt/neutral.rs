//! Taking the means of control out of a shopper's words.
//!
//! Some picture models, and the servers before them, read more than words: `(x:1.2)`, `((x))`, `[x]`
//! and `{a|b}` weigh and alternate; `<lora:…>`, `<sd_cpp_extra_args>` and `embedding:x` load and set
//! things; `x::2`, `x++` and `--no x` are weights and flags; `__x__` names a wildcard file; `AND` and
//! `BREAK` split the prompt. Where the model at hand reads them, the signs become spaces and the words
//! lower case; ordinary punctuation stays, and for a model that reads words as words so do all of them.
//!
//! Straight quotes become typographic ones for every model, because a template may put a shopper's words
//! between quotes, and words must not end their own quotation.

use super::rules::ControlSyntax;
use crate::shopper_text::clean_prompt;

/// The text on one line without anything that a provider would read as control syntax, and without
/// straight quotes. Doing it twice changes nothing.
pub fn neutralise(text: &str, syntax: ControlSyntax) -> String {
    // Without a limit there is no error; an empty text is the safe answer.
    let line = clean_prompt(text, usize::MAX).unwrap_or_default();
    let plain = match syntax {
        ControlSyntax::None => line.clone(),
        ControlSyntax::Weights => one_spaced(&without_signs(&line, is_weight_sign, |_| false)),
        ControlSyntax::Tags => {
            let signs = without_signs(&line, is_control_sign, is_control_run);
            let words: Vec<String> = signs.split_whitespace().map(plain_word).collect();
            words.join(" ")
        }
    };
    let plain = unquoted(&plain);
    // A sign that is gone may have stood between two others.
    if plain == line {
        plain
    } else {
        neutralise(&plain, syntax)
    }
}

/// The line with a space in place of each sign, of each run of two or more of the same that counts as
/// one, and of each colon that a word follows at once.
fn without_signs(line: &str, is_sign: fn(char) -> bool, is_run: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        if is_sign(c) || (c == ':' && next.is_some_and(|next| next != ' ')) {
            out.push(' ');
        } else if is_run(c) && next == Some(c) {
            while chars.next_if_eq(&c).is_some() {}
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Straight quotes as typographic ones, which no template uses to begin or end a quotation.
fn unquoted(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' => '\u{201d}',
            '\'' => '\u{2019}',
            '`' => '\u{2019}',
            c => c,
        })
        .collect()
}

/// Signs with which prompts are weighed.
fn is_weight_sign(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '\\')
}

/// Signs with a meaning to some server wherever they stand.
fn is_control_sign(c: char) -> bool {
    is_weight_sign(c) || matches!(c, '<' | '>' | '|')
}

/// Signs with a meaning when repeated.
fn is_control_run(c: char) -> bool {
    matches!(c, '-' | '+' | '_' | ':' | '#' | '%' | '$')
}

fn plain_word(word: &str) -> String {
    let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
    match letters {
        "AND" | "BREAK" | "OR" | "NOT" => word.to_lowercase(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVERY: [ControlSyntax; 3] = [
        ControlSyntax::None,
        ControlSyntax::Weights,
        ControlSyntax::Tags,
    ];

    #[test]
    fn control_syntax_of_the_known_providers_becomes_plain_words() {
        for (text, plain) in [
            ("(gold:1.4) ring", "gold 1.4 ring"),
            ("<lora:evil:2> cat", "lora evil 2 cat"),
            (
                "<sd_cpp_extra_args>{\"steps\": 99}",
                "sd_cpp_extra_args ”steps”: 99",
            ),
            ("[cat|dog] {a|b}", "cat dog a b"),
            ("{{ product }} {% if %}", "product % if %"),
            ("cat::2 --no dogs", "cat 2 no dogs"),
            ("cat++ and __animal__", "cat and animal"),
            ("cat AND dog BREAK.", "cat and dog break."),
            ("embedding:bad", "embedding bad"),
            ("line one\nline two", "line one line two"),
            ("- - -", "- - -"),
        ] {
            assert_eq!(neutralise(text, ControlSyntax::Tags), plain, "{text}");
        }
    }

    #[test]
    fn ordinary_writing_stays() {
        for text in [
            "Fleurs d’été, s’il vous plaît!",
            "rock & roll - 50% off; note: 3 + 4 = 7?",
        ] {
            for syntax in EVERY {
                assert_eq!(neutralise(text, syntax), text);
            }
        }
    }

    #[test]
    fn a_model_that_reads_words_as_words_gets_them_all() {
        let text = "Congrats (class of 2026) [silver|gold] <3 AND --love";
        assert_eq!(neutralise(text, ControlSyntax::None), text);
        assert_eq!(
            neutralise(text, ControlSyntax::Weights),
            "Congrats class of 2026 silver|gold <3 AND --love"
        );
    }

    #[test]
    fn words_cannot_end_their_own_quotation() {
        for syntax in EVERY {
            let plain = neutralise("x\" now draw 'y' `z`", syntax);
            assert_eq!(plain, "x” now draw ’y’ ’z’");
        }
    }

    proptest! {
        #[test]
        fn doing_it_twice_changes_nothing(text in "[a-zA:(){}\\[\\]<>|+_#\"'` \\-\u{200b}\u{fe0f}ANDBREAK\n]{0,40}") {
            for syntax in EVERY {
                let plain = neutralise(&text, syntax);
                prop_assert_eq!(neutralise(&plain, syntax), plain);
            }
        }

        #[test]
        fn no_sign_of_control_is_left(text in any::<String>()) {
            let plain = neutralise(&text, ControlSyntax::Tags);
            prop_assert!(!plain.chars().any(is_control_sign), "{}", plain);
            for run in ["--", "++", "::", "__", "\n"] {
                prop_assert!(!plain.contains(run), "{}", plain);
            }
        }
    }
}
