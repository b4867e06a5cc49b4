//! Fitting text into its area.
//!
//! Outlines are not hinted, so a layout at one size is every size's layout, only scaled: the
//! largest size that fits is computed, not searched. For each number of lines the words are spread
//! so that the longest line is shortest; the number that lets the text stand largest wins. Measured
//! on the ink itself, not on the font's line box, so that neither an accent on a capital nor the
//! swash of a script can leave the area.

use tiny_skia::{Path, PathBuilder, Transform};
use unicode_normalization::UnicodeNormalization;

use super::fonts::Fonts;
use super::shape::{Line, shape_line};
use crate::{Align, Area, ImagingError, TextLayer, TextReport};

/// Longest text drawn, in bytes; zones hold names and short notes, and shaping time grows with the
/// text.
const MAX_TEXT_BYTES: usize = 2_000;
/// Most lines tried.
const MAX_LINES: usize = 24;
/// From baseline to baseline, in ems.
const LINE_STEP_EM: f32 = 1.15;
/// One more line must let the text stand this much larger: a name on one line reads better than a
/// slightly larger one on two.
const GAIN_PER_LINE: f32 = 1.15;

/// Text ready to be filled.
pub(crate) struct TextBlock {
    /// In the area's own pixels, origin at its top left corner; `None` if there is nothing to see.
    pub(crate) outline: Option<Path>,
    pub(crate) report: TextReport,
}

/// Lays text out in an area, leaving `padding_em` free on every side.
pub(crate) fn layout(
    layer: &str,
    content: &TextLayer,
    area: Area,
    padding_em: f32,
    fonts: &Fonts,
) -> Result<TextBlock, ImagingError> {
    if content.text.len() > MAX_TEXT_BYTES {
        return Err(ImagingError::plan(
            layer,
            "the text is longer than 2000 bytes",
        ));
    }
    let chosen = fonts.find(&content.font);
    let (width, height) = (area.width as f32, area.height as f32);
    let paragraphs = measure(layer, &content.text, chosen, fonts)?;
    let mut best: Option<Candidate> = None;
    for wanted in paragraphs.len()..=MAX_LINES.max(paragraphs.len()) {
        let lines = spread(&paragraphs, wanted);
        if best
            .as_ref()
            .is_some_and(|best| best.lines.len() >= lines.len())
        {
            break;
        }
        let candidate = Candidate::shape(layer, lines, chosen, fonts)?;
        let size = candidate.size(width, height, padding_em);
        let needed = best.as_ref().map_or(0.0, |best| {
            let more_lines = (candidate.lines.len() - best.lines.len()) as i32;
            best.size(width, height, padding_em)
                .min(content.max_size_px)
                * GAIN_PER_LINE.powi(more_lines)
        });
        if size.min(content.max_size_px) > needed {
            best = Some(candidate);
        }
        if best
            .as_ref()
            .is_some_and(|b| b.size(width, height, padding_em) >= content.max_size_px)
        {
            break;
        }
    }
    let Some(best) = best else {
        return Err(ImagingError::Internal {
            what: "laying out text",
            source: None,
        });
    };
    let size_px = best
        .size(width, height, padding_em)
        .min(content.max_size_px);
    let report = report(content, &best, size_px, chosen, fonts);
    let outline = best.place(width, height, padding_em, size_px, content.align);
    Ok(TextBlock { outline, report })
}

fn report(
    content: &TextLayer,
    best: &Candidate,
    size_px: f32,
    chosen: usize,
    fonts: &Fonts,
) -> TextReport {
    let mut others: Vec<usize> = best
        .shaped
        .iter()
        .flat_map(|line| line.fonts.clone())
        .collect();
    others.retain(|&index| index != chosen);
    others.sort_unstable();
    others.dedup();
    TextReport {
        text: content.text.clone(),
        font: fonts.face(chosen).name.to_owned(),
        fallback_fonts: others
            .into_iter()
            .map(|i| fonts.face(i).name.to_owned())
            .collect(),
        size_px,
        lines: best.lines.clone(),
        below_min_size: size_px < content.min_size_px,
    }
}

/// A piece that is never broken, with its width in ems.
struct Word {
    text: String,
    advance: f32,
    /// Whether a space stands before it; not so after a hyphen.
    spaced: bool,
}

/// Splits into paragraphs and words and measures each word once.
fn measure(
    layer: &str,
    text: &str,
    chosen: usize,
    fonts: &Fonts,
) -> Result<Vec<Vec<Word>>, ImagingError> {
    // Composed letters, because fonts have a drawn glyph for those and only a stacked one for the
    // rest.
    let text: String = text.nfc().collect();
    let mut paragraphs = Vec::new();
    for paragraph in text.trim().lines() {
        let mut words = Vec::new();
        for spaced_word in paragraph.split_whitespace() {
            for (position, piece) in spaced_word.split_inclusive('-').enumerate() {
                let advance = shape_line(layer, piece, chosen, fonts)?.advance;
                words.push(Word {
                    text: piece.to_owned(),
                    advance,
                    spaced: position == 0,
                });
            }
        }
        paragraphs.push(words);
    }
    Ok(paragraphs)
}

/// About the width of a space; only used to compare line breaks, never to place letters.
const SPACE_EM: f32 = 0.28;

/// Breaks into at most `wanted` lines so that the longest is as short as can be.
fn spread(paragraphs: &[Vec<Word>], wanted: usize) -> Vec<String> {
    let total: f32 = paragraphs
        .iter()
        .flatten()
        .map(|word| word.advance + SPACE_EM)
        .sum();
    let (mut narrow, mut wide) = (0.0, total + 1.0);
    // 24 halvings leave less than a millionth of the text's width.
    for _halving in 0..24 {
        let middle = (narrow + wide) / 2.0;
        if wrap(paragraphs, middle).len() <= wanted {
            wide = middle;
        } else {
            narrow = middle;
        }
    }
    wrap(paragraphs, wide)
}

/// Fills lines up to a width; a single word may be wider.
fn wrap(paragraphs: &[Vec<Word>], width_em: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for words in paragraphs {
        let mut line = String::new();
        let mut used = 0.0;
        for word in words {
            let space = if word.spaced && !line.is_empty() {
                SPACE_EM
            } else {
                0.0
            };
            if !line.is_empty() && used + space + word.advance > width_em {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            } else if space > 0.0 {
                line.push(' ');
                used += space;
            }
            line.push_str(&word.text);
            used += word.advance;
        }
        lines.push(line);
    }
    lines
}

/// One way to break the text.
struct Candidate {
    lines: Vec<String>,
    shaped: Vec<Line>,
    /// Widest ink of any line, in ems.
    width_em: f32,
    /// Ink from the top of the highest letter to the bottom of the lowest, relative to the first
    /// baseline.
    top_em: f32,
    bottom_em: f32,
}

impl Candidate {
    fn shape(
        layer: &str,
        lines: Vec<String>,
        chosen: usize,
        fonts: &Fonts,
    ) -> Result<Self, ImagingError> {
        let shaped: Result<Vec<Line>, ImagingError> = lines
            .iter()
            .map(|line| shape_line(layer, line, chosen, fonts))
            .collect();
        let shaped = shaped?;
        let (mut width_em, mut top_em, mut bottom_em) = (0.0_f32, f32::MAX, f32::MIN);
        for (number, line) in shaped.iter().enumerate() {
            if let Some(ink) = &line.ink {
                let baseline = number as f32 * LINE_STEP_EM;
                width_em = width_em.max(ink.bounds.width());
                top_em = top_em.min(baseline + ink.bounds.top());
                bottom_em = bottom_em.max(baseline + ink.bounds.bottom());
            }
        }
        Ok(Self {
            lines,
            shaped,
            width_em,
            top_em,
            bottom_em,
        })
    }

    /// The size at which the ink exactly fills the room, by width or by height.
    fn size(&self, width: f32, height: f32, padding_em: f32) -> f32 {
        let room = 2.0 * padding_em;
        let height_em = (self.bottom_em - self.top_em).max(0.0);
        let by_width = width / (self.width_em + room).max(f32::MIN_POSITIVE);
        let by_height = height / (height_em + room).max(f32::MIN_POSITIVE);
        by_width.min(by_height)
    }

    /// The outline of all lines in the area's pixels.
    fn place(
        &self,
        width: f32,
        height: f32,
        padding_em: f32,
        size_px: f32,
        align: Align,
    ) -> Option<Path> {
        let first_baseline = (height - (self.top_em + self.bottom_em) * size_px) / 2.0;
        let padding = padding_em * size_px;
        let mut builder = PathBuilder::new();
        for (number, line) in self.shaped.iter().enumerate() {
            let Some(ink) = &line.ink else { continue };
            let left = match align {
                Align::Left => padding,
                Align::Center => (width - ink.bounds.width() * size_px) / 2.0,
                Align::Right => width - padding - ink.bounds.width() * size_px,
            };
            let x = left - ink.bounds.left() * size_px;
            let y = first_baseline + number as f32 * LINE_STEP_EM * size_px;
            let to_area = Transform::from_row(size_px, 0.0, 0.0, size_px, x, y);
            if let Some(outline) = ink.outline.clone().transform(to_area) {
                builder.push_path(&outline);
            }
        }
        builder.finish()
    }
}
