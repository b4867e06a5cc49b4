//! Taking the means of control out of a shopper's words.
//!
//! Picture models and the servers before them read more than words: `(x:1.2)`, `((x))`, `[x]`,
//! `{a|b}`, `x::2`, `x++` weigh and alternate; `<lora:…>`, `<sd_cpp_extra_args>` and `embedding:x`
//! load and set things; `--no x` are flags; `__x__` names a wildcard file; `AND` and `BREAK` split
//! the prompt. The signs become spaces and the words lower case; ordinary punctuation stays.

use crate::shopper_text::clean_prompt;

/// The text on one line without anything that a provider would read as control syntax. Doing it
/// twice changes nothing.
pub fn neutralise(text: &str) -> String {
    // Without a limit there is no error; an empty text is the safe answer.
    let line = clean_prompt(text, usize::MAX).unwrap_or_default();
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        if is_control_sign(c) || (c == ':' && next.is_some_and(|next| next != ' ')) {
            out.push(' ');
        } else if is_control_run(c) && next == Some(c) {
            while chars.next_if_eq(&c).is_some() {}
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    let words: Vec<String> = out.split_whitespace().map(plain_word).collect();
    let plain = words.join(" ");
    // A sign that is gone may have stood between two others.
    if plain == line {
        plain
    } else {
        neutralise(&plain)
    }
}

/// Signs with a meaning to some provider wherever they stand.
fn is_control_sign(c: char) -> bool {
    matches!(
        c,
        '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | '\\' | '`'
    )
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

    #[test]
    fn control_syntax_of_the_known_providers_becomes_plain_words() {
        for (text, plain) in [
            ("(gold:1.4) ring", "gold 1.4 ring"),
            ("<lora:evil:2> cat", "lora evil 2 cat"),
            (
                "<sd_cpp_extra_args>{\"steps\": 99}",
                "sd_cpp_extra_args \"steps\": 99",
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
            assert_eq!(neutralise(text), plain, "{text}");
        }
    }

    #[test]
    fn ordinary_writing_stays() {
        for text in [
            "Fleurs d'été, s'il vous plaît!",
            "rock & roll - 50% off; note: 3 + 4 = 7?",
        ] {
            assert_eq!(neutralise(text), text);
        }
    }

    proptest! {
        #[test]
        fn doing_it_twice_changes_nothing(text in "[a-zA:(){}\\[\\]<>|+_# \\-\u{200b}\u{fe0f}ANDBREAK\n]{0,40}") {
            let plain = neutralise(&text);
            prop_assert_eq!(neutralise(&plain), plain);
        }

        #[test]
        fn no_sign_of_control_is_left(text in any::<String>()) {
            let plain = neutralise(&text);
            prop_assert!(!plain.chars().any(is_control_sign), "{}", plain);
            for run in ["--", "++", "::", "__", "\n"] {
                prop_assert!(!plain.contains(run), "{}", plain);
            }
        }
    }
}
