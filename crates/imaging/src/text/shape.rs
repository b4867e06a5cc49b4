//! One line of text to one drawing.

use harfrust::{Buffer, Direction, Feature, Script, ShapeOptions, ShaperFont, Tag};
use skrifa::{GlyphId, ScalerFont};
use tiny_skia::PathBuilder;
use unicode_bidi::Level;

use super::art::{self, Art, Image, Pen};
use super::fonts::Fonts;
use super::itemise::{Run, missing, runs};
use crate::ImagingError;

/// A shaped line. All lengths in ems, y downwards from the baseline.
pub(super) struct Line {
    /// How far the pen moved.
    pub(super) advance: f32,
    /// The letters.
    pub(super) art: Art,
    /// Indices of the fonts that drew it.
    pub(super) fonts: Vec<usize>,
}

/// How lines are set.
#[derive(Clone, Copy)]
pub(super) struct Setting<'s> {
    pub(super) layer: &'s str,
    pub(super) fonts: &'s Fonts,
    /// Index of the font asked for.
    pub(super) chosen: usize,
    /// Added after each cluster.
    pub(super) letter_spacing_em: f32,
}

/// Scripts whose letters are joined: space between them would tear words apart.
const JOINED: [&str; 7] = ["Arab", "Syrc", "Mong", "Nkoo", "Mand", "Phag", "Rohg"];

/// Shapes a line in the chosen font, taking characters it lacks from the others.
pub(super) fn shape_line(
    setting: Setting<'_>,
    text: &str,
    base: Level,
) -> Result<Line, ImagingError> {
    let mut drawing = Drawing::default();
    for run in runs(setting.layer, text, base, setting.chosen, setting.fonts)? {
        drawing.add(setting, &run)?;
    }
    Ok(Line {
        advance: drawing.pen_x,
        art: Art {
            outline: drawing.outline.finish(),
            images: drawing.images,
        },
        fonts: drawing.fonts,
    })
}

#[derive(Default)]
struct Drawing {
    outline: PathBuilder,
    images: Vec<Image>,
    fonts: Vec<usize>,
    pen_x: f32,
}

impl Drawing {
    fn add(&mut self, setting: Setting<'_>, run: &Run<'_>) -> Result<(), ImagingError> {
        let face = setting.fonts.face(run.font);
        let em = f32::from(face.font.units_per_em());
        let spacing = if JOINED.contains(&run.script) {
            0.0
        } else {
            setting.letter_spacing_em
        };
        let buffer = shaped(run, setting, spacing)?;
        let scaler = ScalerFont::force_unhinted(face.font.clone(), None);
        let infos = buffer.glyph_infos();
        for (i, (glyph, position)) in infos.iter().zip(buffer.glyph_positions()).enumerate() {
            let id = GlyphId::new(glyph.glyph_id);
            if glyph.glyph_id == 0 {
                let grapheme = run.text.get(glyph.cluster as usize..).unwrap_or(run.text);
                return Err(missing(
                    setting.layer,
                    grapheme,
                    setting.chosen,
                    setting.fonts,
                ));
            }
            let at = Pen {
                x: self.pen_x + position.x_offset as f32 / em,
                y: -(position.y_offset as f32) / em,
            };
            let image = face
                .draws_in_colour()
                .then(|| art::image(&face.font, id, at));
            match image.flatten() {
                Some(image) => self.images.push(image),
                None => art::outline(&scaler, id, em, at, &mut self.outline)?,
            }
            self.pen_x += position.x_advance as f32 / em;
            if infos
                .get(i + 1)
                .is_none_or(|next| next.cluster != glyph.cluster)
            {
                self.pen_x += spacing;
            }
        }
        if !self.fonts.contains(&run.font) {
            self.fonts.push(run.font);
        }
        Ok(())
    }
}

fn shaped(run: &Run<'_>, setting: Setting<'_>, spacing: f32) -> Result<Buffer, ImagingError> {
    let mut buffer = Buffer::new();
    buffer.push_str(run.text);
    buffer.set_direction(run.direction);
    buffer.set_script(run.script.parse::<Script>().ok());
    // Letters that stand apart are not joined into ligatures.
    let apart = [
        Feature::new(Tag::new(b"liga"), 0, ..),
        Feature::new(Tag::new(b"clig"), 0, ..),
    ];
    let features: &[Feature] = if spacing == 0.0 { &[] } else { &apart };
    let font = ShaperFont::new(&setting.fonts.face(run.font).font);
    harfrust::shape(&font, &mut buffer, ShapeOptions::new().features(features))
        .map_err(|error| ImagingError::internal("shaping text", error))?;
    debug_assert!(buffer.direction() != Direction::Invalid);
    Ok(buffer)
}
