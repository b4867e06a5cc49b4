//! One line of text to one outline.

use harfrust::{Buffer, ShapeOptions, ShaperFont};
use skrifa::font::glyph::outline::PathSink;
use skrifa::{DrawMemory, GlyphId, ScalerFont};
use tiny_skia::{Path, PathBuilder, Rect};
use unicode_segmentation::UnicodeSegmentation;

use super::fonts::Fonts;
use crate::ImagingError;

/// A shaped line. All lengths in ems, y downwards from the baseline.
pub(super) struct Line {
    /// How far the pen moved.
    pub(super) advance: f32,
    /// The letters, `None` if nothing of them is visible.
    pub(super) ink: Option<Ink>,
    /// Indices of the fonts that drew it.
    pub(super) fonts: Vec<usize>,
}

/// Visible letters and their exact bounds.
pub(super) struct Ink {
    pub(super) outline: Path,
    pub(super) bounds: Rect,
}

/// Shapes a line in the chosen font, taking characters it lacks from the others.
pub(super) fn shape_line(
    layer: &str,
    text: &str,
    chosen: usize,
    fonts: &Fonts,
) -> Result<Line, ImagingError> {
    let fault = |error| ImagingError::internal("shaping text", error);
    let mut outline = PathBuilder::new();
    let mut used = Vec::new();
    let mut pen_x = 0.0;
    for (index, run) in runs(layer, text, chosen, fonts)? {
        let font = &fonts.face(index).font;
        let em = f32::from(font.units_per_em());
        let mut buffer = Buffer::new();
        buffer.push_str(run);
        buffer.guess_segment_properties();
        harfrust::shape(&ShaperFont::new(font), &mut buffer, ShapeOptions::new()).map_err(fault)?;
        let scaler = ScalerFont::force_unhinted(font.clone(), None);
        for (glyph, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
            let mut sink = EmSink {
                path: &mut outline,
                em,
                x: pen_x + position.x_offset as f32 / em,
                y: -(position.y_offset as f32) / em,
            };
            if let Some(letter) = scaler.outline(GlyphId::new(glyph.glyph_id)) {
                letter
                    .draw(DrawMemory::Scratch, &mut sink)
                    .map_err(fault_scaling)?;
            }
            pen_x += position.x_advance as f32 / em;
        }
        if !used.contains(&index) {
            used.push(index);
        }
    }
    let ink = outline.finish().and_then(|outline| {
        let bounds = outline.compute_tight_bounds()?;
        Some(Ink { outline, bounds })
    });
    Ok(Line {
        advance: pen_x,
        ink,
        fonts: used,
    })
}

fn fault_scaling(error: skrifa::ScaleError) -> ImagingError {
    ImagingError::internal("outlining a letter", error)
}

/// Splits a line into stretches that one font can draw. What belongs together (a letter with its
/// accents) stays in one font.
fn runs<'t>(
    layer: &str,
    text: &'t str,
    chosen: usize,
    fonts: &Fonts,
) -> Result<Vec<(usize, &'t str)>, ImagingError> {
    let mut runs: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    for (start, grapheme) in text.grapheme_indices(true) {
        let covering = fonts
            .order(chosen)
            .find(|&index| grapheme.chars().all(|c| fonts.face(index).covers(c)));
        let Some(index) = covering else {
            return Err(missing(layer, grapheme, chosen, fonts));
        };
        let end = start + grapheme.len();
        match runs.last_mut() {
            Some((last, range)) if *last == index => range.end = end,
            _ => runs.push((index, start..end)),
        }
    }
    Ok(runs
        .into_iter()
        .map(|(index, range)| (index, &text[range]))
        .collect())
}

fn missing(layer: &str, grapheme: &str, chosen: usize, fonts: &Fonts) -> ImagingError {
    let nowhere = |&c: &char| !fonts.order(chosen).any(|index| fonts.face(index).covers(c));
    let character = grapheme
        .chars()
        .find(nowhere)
        .or_else(|| grapheme.chars().next());
    ImagingError::MissingGlyph {
        layer: layer.to_owned(),
        character: character.unwrap_or('\0'),
    }
}

/// Takes an outline in font units, y upwards, and adds it in ems, y downwards.
struct EmSink<'p> {
    path: &'p mut PathBuilder,
    em: f32,
    x: f32,
    y: f32,
}

impl EmSink<'_> {
    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x / self.em, self.y - y / self.em)
    }
}

impl PathSink for EmSink<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.point(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.point(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y)) = (self.point(cx0, cy0), self.point(x, y));
        self.path.quad_to(cx, cy, x, y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let (first, second) = (self.point(cx0, cy0), self.point(cx1, cy1));
        let (x, y) = self.point(x, y);
        self.path
            .cubic_to(first.0, first.1, second.0, second.1, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
