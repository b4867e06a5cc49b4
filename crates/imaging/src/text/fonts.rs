//! The fonts text is drawn from, and which of them draws what.

use std::sync::Arc;

use skrifa::Font;

use super::brand::BrandFont;
use super::bundled::BUNDLED;
use super::pack::{PACK, PackFont, Region, Role};

/// A font with the family it is asked for by.
#[derive(Clone)]
pub(super) struct Face {
    pub(super) name: Arc<str>,
    pub(super) font: Font,
    role: Role,
}

/// The fonts text is drawn from. System fonts are never used: the same text must look the same on
/// every machine. Cheap to clone.
///
/// A family is looked up in any case, with or without spaces and quotes; of a list ("Playfair
/// Display, serif") the first known one is taken. Well-known families that are not bundled stand
/// for one of the same kind: Georgia, Times and other book faces for EB Garamond, Pacifico and
/// other hands for Dancing Script. Everything else is drawn in Inter, which also lends the
/// characters that the other two lack. What no bundled font has comes from the font pack, where there
/// is one.
#[derive(Clone)]
pub struct Fonts {
    faces: Arc<Vec<Face>>,
}

/// What a cluster of characters wishes for, besides a font that has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The chosen font.
    Plain,
    /// A picture in colour.
    Emoji,
    /// A region's forms.
    Cjk(Region),
}

impl Fonts {
    /// Reads the bundled fonts: Inter (sans), EB Garamond (serif), Dancing Script (script).
    #[must_use]
    pub fn bundled() -> Self {
        let faces = BUNDLED.iter().filter_map(|bundled| {
            Font::new(bundled.file, 0).map(|font| Face {
                name: Arc::from(bundled.family),
                font,
                role: Role::FallBack,
            })
        });
        Self {
            faces: Arc::new(faces.collect()),
        }
    }

    /// Adds the fonts of the pack: `file` gives the bytes of the file of that name, `None` where the
    /// pack lacks it. Returns the files that were there and could not be read as fonts.
    pub fn with_pack(
        &self,
        mut file: impl FnMut(&str) -> Option<Vec<u8>>,
    ) -> (Self, Vec<&'static str>) {
        let mut faces = Vec::clone(&self.faces);
        let mut bad = Vec::new();
        // A collection is read once, however many of its fonts are used.
        let mut last: Option<(&str, Arc<Vec<u8>>)> = None;
        for PackFont {
            file: name,
            index,
            family,
            role,
        } in PACK.iter().copied()
        {
            if last.as_ref().is_none_or(|(known, _)| *known != name) {
                let Some(bytes) = file(name) else { continue };
                last = Some((name, Arc::new(bytes)));
            }
            let Some((_, bytes)) = &last else { continue };
            let shared: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::clone(bytes) as _;
            match Font::new(shared, index) {
                Some(font) => faces.push(Face {
                    name: Arc::from(family),
                    font,
                    role,
                }),
                None if bad.last() != Some(&name) => bad.push(name),
                None => {}
            }
        }
        (
            Self {
                faces: Arc::new(faces),
            },
            bad,
        )
    }

    /// Adds fonts of a brand's own. They are taken where a text asks for their family and never lend
    /// characters to other fonts.
    #[must_use]
    pub fn with_brand<'f>(&self, fonts: impl IntoIterator<Item = &'f BrandFont>) -> Self {
        let mut faces = Vec::clone(&self.faces);
        faces.extend(fonts.into_iter().map(|brand| Face {
            name: Arc::from(brand.family()),
            font: brand.font().clone(),
            role: Role::Brand,
        }));
        Self {
            faces: Arc::new(faces),
        }
    }

    /// The families, the first being the one that stands in for unknown names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.faces.iter().map(|face| &*face.name)
    }

    /// The family that a name is drawn in; see [`Fonts`] for the rule.
    #[must_use]
    pub fn resolve(&self, family: &str) -> &str {
        &self.face(self.find(family)).name
    }

    /// Whether a name means one of these fonts, and is not merely drawn in the one for unknown names.
    #[must_use]
    pub fn knows(&self, family: &str) -> bool {
        self.known(family).is_some()
    }

    /// The index of a family.
    pub(super) fn find(&self, family: &str) -> usize {
        self.known(family).unwrap_or(0)
    }

    fn known(&self, family: &str) -> Option<usize> {
        family.split(',').find_map(|name| {
            let name = folded(name);
            // The last one first: a brand's own font goes before one of ours of the same name.
            let named = self
                .faces
                .iter()
                .rposition(|face| folded(&face.name) == name);
            named.or_else(|| {
                let like = BUNDLED.iter().find(|b| b.also.contains(&name.as_str()))?;
                self.faces
                    .iter()
                    .position(|face| &*face.name == like.family)
            })
        })
    }

    pub(super) fn face(&self, index: usize) -> &Face {
        &self.faces[index]
    }

    /// The font that draws these characters together, if one does: where colour or a region's forms
    /// are wished for the font that has them, then the chosen one, then the others in their order.
    pub(super) fn covering(&self, grapheme: &str, chosen: usize, wish: Wish) -> Option<usize> {
        let covers = |index: &usize| grapheme.chars().all(|c| self.face(*index).covers(c));
        let wished = |index: &usize| match (wish, self.face(*index).role) {
            (Wish::Emoji, Role::Emoji) => true,
            (Wish::Cjk(region), Role::Cjk(forms)) => region == forms,
            _ => false,
        };
        let all = 0..self.faces.len();
        // A chosen font that has the Han characters is the brand's choice of their forms.
        let own = Some(chosen).filter(|_| wish != Wish::Emoji).filter(covers);
        own.or_else(|| all.clone().filter(wished).find(covers))
            .or_else(|| Some(chosen).filter(covers))
            .or_else(|| {
                all.filter(|index| self.face(*index).role != Role::Brand)
                    .find(covers)
            })
    }

    /// Whether any font that may draw for `chosen` has the character.
    pub(super) fn has(&self, character: char, chosen: usize) -> bool {
        let own = self.face(chosen).covers(character);
        own || self
            .faces
            .iter()
            .any(|face| face.role != Role::Brand && face.covers(character))
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

    pub(super) fn draws_in_colour(&self) -> bool {
        self.role == Role::Emoji
    }
}

/// Characters that only steer shaping and order; they never need a glyph.
fn is_invisible(character: char) -> bool {
    const STEERING: [std::ops::RangeInclusive<char>; 8] = [
        '\u{AD}'..='\u{AD}',
        '\u{61C}'..='\u{61C}',
        '\u{200B}'..='\u{200F}',
        '\u{202A}'..='\u{202E}',
        '\u{2060}'..='\u{2069}',
        '\u{FE00}'..='\u{FE0F}',
        '\u{FEFF}'..='\u{FEFF}',
        '\u{E0020}'..='\u{E007F}',
    ];
    STEERING.iter().any(|range| range.contains(&character))
}

pub(super) fn folded(name: &str) -> String {
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
        assert!(fonts.knows("georgia") && !fonts.knows("Comic Sans MS"));
    }

    #[test]
    fn a_pack_of_damaged_files_is_named_and_harmless() {
        let damaged = |file: &str| (file == "NotoSansCJK-Regular.ttc").then(|| vec![7; 99]);
        let (fonts, bad) = Fonts::bundled().with_pack(damaged);
        assert_eq!(bad, ["NotoSansCJK-Regular.ttc"]);
        assert_eq!(fonts.names().count(), BUNDLED.len());
    }
}
