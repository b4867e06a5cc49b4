//! The names a template may use, and what they stand for.

use std::collections::BTreeMap;

use minijinja::Value;
use unicode_normalization::UnicodeNormalization;

use super::{ControlSyntax, PromptInput, describe, neutralise};
use crate::customization::{Customizations, ZoneValue};
use crate::zones::{Zone, ZoneType};

/// Names that are not zones; a zone of such a name can be used by its id only.
pub(crate) const RESERVED_NAMES: [&str; 3] = ["customizations", "product", "user_prompt"];

/// The identifier form of a zone's name or id: accents dropped, everything but ASCII letters and
/// digits as one `_`, words of `camelCase` parted, lower case. `None` when nothing remains of it.
///
/// `Name on ring`, `name-on-ring` and `nameOnRing` are all `name_on_ring`; `2nd line` is `_2nd_line`.
pub fn identifier(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut after_small = false;
    for c in text
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
    {
        let parts_words = !c.is_ascii_alphanumeric() || (after_small && c.is_ascii_uppercase());
        if parts_words && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        }
        after_small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let name = out.trim_end_matches('_');
    match name.chars().next() {
        None => None,
        Some(first) if first.is_ascii_digit() => Some(format!("_{name}")),
        Some(_) => Some(name.to_owned()),
    }
}

/// Every spelling by which templates may name the zone.
pub(crate) fn spellings(zone: &Zone) -> Vec<String> {
    let is_name = |text: &&str| {
        let mut chars = text.chars();
        chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let texts = [zone.name.as_str(), zone.id.as_str()];
    let forms = texts.into_iter().filter_map(identifier);
    let literal = texts.into_iter().filter(is_name).map(str::to_owned);
    let mut all: Vec<String> = forms.chain(literal).collect();
    all.sort();
    all.dedup();
    all
}

/// All names that a template over these zones may use.
pub(super) fn known_names(zones: &[Zone]) -> Vec<String> {
    let reserved = RESERVED_NAMES.into_iter().map(str::to_owned);
    let mut names: Vec<String> = zones.iter().flat_map(spellings).chain(reserved).collect();
    names.sort();
    names.dedup();
    names
}

/// What each zone's names stand for: its description, or nothing when it is not filled. Where two
/// zones share a name the first keeps it; the catalog refuses that.
pub(super) fn names_of(
    zones: &[Zone],
    filled: &Customizations,
    syntax: ControlSyntax,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for zone in zones {
        let value = filled.get(&zone.id);
        let words = value
            .map(|value| describe(value, syntax))
            .unwrap_or_default();
        for name in spellings(zone) {
            names.entry(name).or_insert_with(|| words.clone());
        }
    }
    names
}

/// The values a template is rendered with.
pub(super) fn context(
    names: &BTreeMap<String, String>,
    wish: &str,
    input: &PromptInput<'_>,
    syntax: ControlSyntax,
) -> Value {
    let product = input.product;
    let all = sentence(&product.zones, input.customizations, syntax);
    assemble(
        names,
        [("name", &product.name), ("slug", &product.slug)],
        &all,
        wish,
    )
}

/// Values like those of a real rendering, for a test of the template.
pub(super) fn sample_context(zones: &[Zone], filled: bool, wish: &str) -> Value {
    let word = if filled { "sample" } else { "" };
    let names = zones
        .iter()
        .flat_map(spellings)
        .map(|name| (name, word.to_owned()))
        .collect();
    let product = [
        ("name", &"Sample".to_owned()),
        ("slug", &"sample".to_owned()),
    ];
    assemble(&names, product, word, wish)
}

fn assemble(
    names: &BTreeMap<String, String>,
    product: [(&str, &String); 2],
    customizations: &str,
    wish: &str,
) -> Value {
    let mut all: BTreeMap<&str, Value> = names
        .iter()
        .map(|(name, words)| (name.as_str(), Value::from(words.as_str())))
        .collect();
    all.insert("customizations", Value::from(customizations));
    all.insert("user_prompt", Value::from(wish));
    all.insert(
        "product",
        Value::from_pairs(product.map(|(name, text)| (name, text.as_str()))),
    );
    Value::from_pairs(all)
}

/// The filled zones as one sentence without its full stop: `Band: gold leaves; Gem: color #ff0000`.
fn sentence(zones: &[Zone], filled: &Customizations, syntax: ControlSyntax) -> String {
    let clause = |zone: &Zone| {
        let value = filled.get(&zone.id)?;
        let name = neutralise(&zone.name, syntax);
        let words = describe(value, syntax);
        Some(match value {
            ZoneValue::Text(_) => format!("leave the area of {name} plain, without lettering"),
            ZoneValue::Pattern { .. } if words.is_empty() => return None,
            ZoneValue::Pattern { .. } | ZoneValue::Image(_) | ZoneValue::Position { .. } => {
                format!("{name}: {words}")
            }
            value => format!("{name}: {} {words}", kind_word(value.kind())),
        })
    };
    zones
        .iter()
        .filter_map(clause)
        .collect::<Vec<_>>()
        .join("; ")
}

fn kind_word(kind: ZoneType) -> String {
    kind.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_identifiers() {
        for (text, name) in [
            ("Name on ring", Some("name_on_ring")),
            ("name-on-ring", Some("name_on_ring")),
            ("nameOnRing", Some("name_on_ring")),
            ("NAME", Some("name")),
            ("Gravure dorée n°1", Some("gravure_doree_n_1")),
            ("zone_1", Some("zone_1")),
            ("2nd line", Some("_2nd_line")),
            ("日本", None),
            ("!", None),
        ] {
            assert_eq!(identifier(text).as_deref(), name, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_identifier_is_its_own_identifier_but_for_the_digit_mark(text in "[A-Za-z][\\PC]{0,20}") {
            if let Some(name) = identifier(&text) {
                prop_assert_eq!(identifier(&name), Some(name));
            }
        }
    }
}
