//! The fonts that come with the crate.

use skrifa::Font;

/// A font file with the family it is asked for by.
pub(super) struct Face {
    pub(super) name: &'static str,
    pub(super) font: Font,
}

/// The fonts text is drawn from. System fonts are never used: the same text must look the same on
/// every machine.
///
/// A family is looked up in any case, with or without spaces and quotes; of a list ("Playfair
/// Display, serif") the first known one is taken. Well-known families that are not bundled stand
/// for one of the same kind: Georgia, Times and other book faces for EB Garamond, Pacifico and
/// other hands for Dancing Script. Everything else is drawn in Inter, which also lends the
/// characters that the other two lack.
pub struct Fonts {
    faces: Vec<Face>,
}

const SANS: usize = 0;
const SERIF: usize = 1;
const SCRIPT: usize = 2;

/// Family, file, and other names that it stands for, folded as [`folded`] does.
const BUNDLED: [(&str, &[u8], &[&str]); 3] = [
    (
        "Inter",
        include_bytes!("../../fonts/Inter-Medium.otf"),
        &[
            "sans",
            "sansserif",
            "systemui",
            "arial",
            "helvetica",
            "roboto",
            "opensans",
            "lato",
        ],
    ),
    (
        "EB Garamond",
        include_bytes!("../../fonts/EBGaramond12-Regular.otf"),
        &[
            "serif",
            "garamond",
            "georgia",
            "times",
            "timesnewroman",
            "playfairdisplay",
            "playfair",
            "merriweather",
            "lora",
            "cormorantgaramond",
        ],
    ),
    (
        "Dancing Script",
        include_bytes!("../../fonts/DancingScript-Bold.otf"),
        &[
            "script",
            "cursive",
            "handwriting",
            "pacifico",
            "greatvibes",
            "brushscript",
            "lobster",
        ],
    ),
];

impl Fonts {
    /// Reads the bundled fonts: Inter (sans), EB Garamond (serif), Dancing Script (script).
    #[must_use]
    pub fn bundled() -> Self {
        let faces = BUNDLED
            .iter()
            .filter_map(|&(name, file, _)| Font::new(file, 0).map(|font| Face { name, font }));
        Self {
            faces: faces.collect(),
        }
    }

    /// The families, the first being the one that stands in for unknown names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.faces.iter().map(|face| face.name)
    }

    /// The family that a name is drawn in; see [`Fonts`] for the rule.
    #[must_use]
    pub fn resolve(&self, family: &str) -> &'static str {
        BUNDLED[self.find(family)].0
    }

    /// The index of a family.
    pub(super) fn find(&self, family: &str) -> usize {
        family
            .split(',')
            .find_map(|name| known(&folded(name)))
            .unwrap_or(SANS)
    }

    pub(super) fn face(&self, index: usize) -> &Face {
        &self.faces[index]
    }

    /// Indices in the order they are tried for a character: the chosen one, then the one with most
    /// characters.
    pub(super) fn order(&self, chosen: usize) -> impl Iterator<Item = usize> + use<> {
        let rest = [SANS, SERIF, SCRIPT]
            .into_iter()
            .filter(move |&index| index != chosen);
        std::iter::once(chosen).chain(rest)
    }
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Face {
    pub(super) fn covers(&self, character: char) -> bool {
        is_invisible(character) || self.font.charmap().map_unicode(character).is_some()
    }
}

/// Characters that only steer shaping; they never need a glyph.
fn is_invisible(character: char) -> bool {
    const STEERING: [std::ops::RangeInclusive<char>; 5] = [
        '\u{AD}'..='\u{AD}',
        '\u{200B}'..='\u{200F}',
        '\u{2060}'..='\u{2060}',
        '\u{FE00}'..='\u{FE0F}',
        '\u{FEFF}'..='\u{FEFF}',
    ];
    STEERING.iter().any(|range| range.contains(&character))
}

fn known(name: &str) -> Option<usize> {
    BUNDLED
        .iter()
        .position(|(family, _, others)| folded(family) == name || others.contains(&name))
}

fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{BUNDLED, Fonts};

    #[test]
    fn every_bundled_file_is_a_font() {
        assert_eq!(Fonts::bundled().faces.len(), BUNDLED.len());
    }

    #[test]
    fn families_are_found_in_any_spelling_and_unknown_ones_fall_back() {
        let fonts = Fonts::bundled();
        for (asked, drawn) in [
            ("EB Garamond", "EB Garamond"),
            ("eb-garamond", "EB Garamond"),
            ("'Playfair Display', serif", "EB Garamond"),
            ("Nonesuch, cursive", "Dancing Script"),
            ("INTER", "Inter"),
            ("Comic Sans MS", "Inter"),
            ("", "Inter"),
        ] {
            assert_eq!(fonts.resolve(asked), drawn, "{asked}");
        }
    }
}
