//! Fitting text into its area.
//!
//! Outlines are not hinted, so a layout at one size is every size's layout, only scaled: the
//! largest size that fits is computed, not searched. For each number of lines the pieces are spread
//! so that the longest line is shortest; the number that lets the text stand largest wins. Measured
//! on the ink itself, not on the font's line box, so that neither an accent on a capital nor the
//! swash of a script can leave the area.

use std::sync::Arc;

use tiny_skia::{Path, PathBuilder, Transform};
use unicode_bidi::Level;
use unicode_normalization::UnicodeNormalization;

use super::arc::Ring;
use super::breaks::pieces;
use super::fonts::Fonts;
use super::itemise::base_level;
use super::shape::{Line, Setting, shape_line};
use crate::{Align, Area, ImagingError, Picture, TextLayer, TextReport, VerticalAlign};

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

/// Text ready to be drawn, in the area's own pixels, origin at its top left corner.
pub(crate) struct TextBlock {
    /// `None` if there is no letter to see.
    pub(crate) outline: Option<Path>,
    /// Letters in colour.
    pub(crate) images: Vec<PlacedImage>,
    pub(crate) report: TextReport,
}

/// A letter in colour, and where its own pixels go.
pub(crate) struct PlacedImage {
    pub(crate) picture: Arc<Picture>,
    pub(crate) transform: Transform,
}

/// The room a block has.
#[derive(Clone, Copy)]
struct Room {
    width: f32,
    height: f32,
    /// Left free on every side.
    padding_em: f32,
    ring: Option<Ring>,
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
    let room = room(layer, content, area, padding_em)?;
    let setting = Setting {
        layer,
        fonts,
        chosen: fonts.find(&content.font),
        letter_spacing_em: content.letter_spacing_em,
    };
    // Composed letters, because fonts have a drawn glyph for those and only a stacked one for the
    // rest.
    let text: String = content.text.nfc().collect();
    let paragraphs = measure(setting, &text)?;
    let best = best(setting, content, &paragraphs, room)?;
    let size_px = best.size(room).min(content.max_size_px);
    let report = report(content, &best, size_px, setting);
    let (outline, images) = best.place(room, size_px, content);
    Ok(TextBlock {
        outline,
        images,
        report,
    })
}

fn room(
    layer: &str,
    content: &TextLayer,
    area: Area,
    padding_em: f32,
) -> Result<Room, ImagingError> {
    let (width, height) = (area.width as f32, area.height as f32);
    let ring = match content.arc {
        None => None,
        Some(curve) => {
            let ring = Ring::new(curve, width, height);
            let fault = || ImagingError::plan(layer, "the arc is too strong for the zone's height");
            Some(ring.ok_or_else(fault)?)
        }
    };
    let (width, height) = ring.map_or((width, height), |ring| (ring.length, ring.height));
    Ok(Room {
        width,
        height,
        padding_em,
        ring,
    })
}

/// The way to break the text that lets it stand largest.
fn best(
    setting: Setting<'_>,
    content: &TextLayer,
    paragraphs: &[Paragraph],
    room: Room,
) -> Result<Candidate, ImagingError> {
    let mut best: Option<Candidate> = None;
    for wanted in paragraphs.len()..=MAX_LINES.max(paragraphs.len()) {
        let lines = spread(paragraphs, wanted);
        let known = best.as_ref().map_or(0, |best| best.lines.len());
        if best.is_some() && known >= lines.len() {
            break;
        }
        let candidate = Candidate::shape(setting, lines)?;
        let size = candidate.size(room).min(content.max_size_px);
        let needed = best.as_ref().map_or(0.0, |best| {
            let more_lines = (candidate.lines.len() - known) as i32;
            best.size(room).min(content.max_size_px) * GAIN_PER_LINE.powi(more_lines)
        });
        if size > needed {
            best = Some(candidate);
        }
        // Text on an arc is broken only where its writer breaks it: an arc is one line by nature.
        let full = best
            .as_ref()
            .is_some_and(|b| b.size(room) >= content.max_size_px);
        if full || room.ring.is_some() {
            break;
        }
    }
    best.ok_or(ImagingError::Internal {
        what: "laying out text",
        source: None,
    })
}

fn report(content: &TextLayer, best: &Candidate, size_px: f32, setting: Setting<'_>) -> TextReport {
    let Setting { fonts, chosen, .. } = setting;
    let mut others: Vec<usize> = best
        .shaped
        .iter()
        .flat_map(|line| line.fonts.clone())
        .collect();
    others.retain(|&index| index != chosen);
    others.sort_unstable();
    others.dedup();
    let name = |index: usize| (*fonts.face(index).name).to_owned();
    TextReport {
        text: content.text.clone(),
        font: name(chosen),
        fallback_fonts: others.into_iter().map(name).collect(),
        size_px,
        lines: best.lines.iter().map(|line| line.text.clone()).collect(),
        below_min_size: size_px < content.min_size_px,
    }
}

/// What a line feed ends.
struct Paragraph {
    pieces: Vec<Measured>,
    /// The direction it is read in.
    level: Level,
}

/// A piece that is never broken, with its width in ems.
struct Measured {
    text: String,
    advance: f32,
    spaced: bool,
}

/// Splits into paragraphs and pieces and measures each piece once.
fn measure(setting: Setting<'_>, text: &str) -> Result<Vec<Paragraph>, ImagingError> {
    let mut paragraphs = Vec::new();
    for paragraph in text.trim().lines() {
        let level = base_level(paragraph);
        let mut measured = Vec::new();
        for piece in pieces(paragraph) {
            measured.push(Measured {
                text: piece.text.to_owned(),
                advance: shape_line(setting, piece.text, level)?.advance,
                spaced: piece.spaced,
            });
        }
        paragraphs.push(Paragraph {
            pieces: measured,
            level,
        });
    }
    Ok(paragraphs)
}

/// About the width of a space; only used to compare line breaks, never to place letters.
const SPACE_EM: f32 = 0.28;

/// A line as it is broken.
struct Broken {
    text: String,
    level: Level,
}

/// Breaks into at most `wanted` lines so that the longest is as short as can be.
fn spread(paragraphs: &[Paragraph], wanted: usize) -> Vec<Broken> {
    let total: f32 = paragraphs
        .iter()
        .flat_map(|paragraph| &paragraph.pieces)
        .map(|piece| piece.advance + SPACE_EM)
        .sum();
    let (mut narrow, mut wide) = (0.0, total + 1.0);
    // 24 halvings leave less than a millionth of the text's width.
    for _halving in 0..24 {
        let middle = f32::midpoint(narrow, wide);
        if wrap(paragraphs, middle).len() <= wanted {
            wide = middle;
        } else {
            narrow = middle;
        }
    }
    wrap(paragraphs, wide)
}

/// Fills lines up to a width; a single piece may be wider.
fn wrap(paragraphs: &[Paragraph], width_em: f32) -> Vec<Broken> {
    let mut lines = Vec::new();
    for Paragraph { pieces, level } in paragraphs {
        let mut line = String::new();
        let mut used = 0.0;
        for piece in pieces {
            let spaced = piece.spaced && !line.is_empty();
            let space = if spaced { SPACE_EM } else { 0.0 };
            if !line.is_empty() && used + space + piece.advance > width_em {
                let text = std::mem::take(&mut line);
                lines.push(Broken {
                    text,
                    level: *level,
                });
                used = 0.0;
            } else if spaced {
                line.push(' ');
                used += space;
            }
            line.push_str(&piece.text);
            used += piece.advance;
        }
        lines.push(Broken {
            text: line,
            level: *level,
        });
    }
    lines
}

/// One way to break the text.
struct Candidate {
    lines: Vec<Broken>,
    shaped: Vec<Line>,
    /// Widest ink of any line, in ems.
    width_em: f32,
    /// Ink from the top of the highest letter to the bottom of the lowest, relative to the first
    /// baseline.
    top_em: f32,
    bottom_em: f32,
}

impl Candidate {
    fn shape(setting: Setting<'_>, lines: Vec<Broken>) -> Result<Self, ImagingError> {
        let shaped: Result<Vec<Line>, ImagingError> = lines
            .iter()
            .map(|line| shape_line(setting, &line.text, line.level))
            .collect();
        let shaped = shaped?;
        let (mut width_em, mut top_em, mut bottom_em) = (0.0_f32, f32::MAX, f32::MIN);
        for (number, line) in shaped.iter().enumerate() {
            if let Some(bounds) = line.art.bounds() {
                let baseline = number as f32 * LINE_STEP_EM;
                width_em = width_em.max(bounds.width());
                top_em = top_em.min(baseline + bounds.top());
                bottom_em = bottom_em.max(baseline + bounds.bottom());
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
    fn size(&self, room: Room) -> f32 {
        let padding = 2.0 * room.padding_em;
        let height_em = (self.bottom_em - self.top_em).max(0.0);
        let by_width = room.width / (self.width_em + padding).max(f32::MIN_POSITIVE);
        let by_height = room.height / (height_em + padding).max(f32::MIN_POSITIVE);
        by_width.min(by_height)
    }

    /// The drawing of all lines in the area's pixels.
    fn place(
        &self,
        room: Room,
        size_px: f32,
        content: &TextLayer,
    ) -> (Option<Path>, Vec<PlacedImage>) {
        let padding = room.padding_em * size_px;
        let first_baseline = match content.vertical_align {
            VerticalAlign::Top => padding - self.top_em * size_px,
            VerticalAlign::Middle => (room.height - (self.top_em + self.bottom_em) * size_px) / 2.0,
            VerticalAlign::Bottom => room.height - padding - self.bottom_em * size_px,
        };
        let mut builder = PathBuilder::new();
        let mut images = Vec::new();
        for (number, line) in self.shaped.iter().enumerate() {
            let Some(bounds) = line.art.bounds() else {
                continue;
            };
            let left = match content.align {
                Align::Left => padding,
                Align::Center => (room.width - bounds.width() * size_px) / 2.0,
                Align::Right => room.width - padding - bounds.width() * size_px,
            };
            let x = left - bounds.left() * size_px;
            let y = first_baseline + number as f32 * LINE_STEP_EM * size_px;
            let to_room = Transform::from_row(size_px, 0.0, 0.0, size_px, x, y);
            let flat = line.art.outline.clone().and_then(|o| o.transform(to_room));
            if let Some(outline) = flat.and_then(|flat| room.bend(flat)) {
                builder.push_path(&outline);
            }
            for image in &line.art.images {
                let picture = Arc::clone(&image.picture);
                let (width, height) = (picture.width() as f32, picture.height() as f32);
                let place = image.place;
                let pixel = Transform::from_row(
                    place.width() * size_px / width,
                    0.0,
                    0.0,
                    place.height() * size_px / height,
                    -place.width() * size_px / 2.0,
                    -place.height() * size_px / 2.0,
                );
                let middle_x = x + (place.left() + place.right()) / 2.0 * size_px;
                let middle_y = y + (place.top() + place.bottom()) / 2.0 * size_px;
                images.push(PlacedImage {
                    picture,
                    transform: pixel.post_concat(room.upright(middle_x, middle_y)),
                });
            }
        }
        (builder.finish(), images)
    }
}

impl Room {
    /// From a straight room to the area: bends along the ring where there is one.
    fn bend(&self, flat: Path) -> Option<Path> {
        let Some(ring) = &self.ring else {
            return Some(flat);
        };
        let to_middle = Transform::from_translate(-self.width / 2.0, -self.height / 2.0);
        ring.bend(&flat.transform(to_middle)?)
    }

    /// Where something stiff goes whose middle is at this point of the straight room.
    fn upright(&self, x: f32, y: f32) -> Transform {
        let Some(ring) = &self.ring else {
            return Transform::from_translate(x, y);
        };
        let (along, below) = (x - self.width / 2.0, y - self.height / 2.0);
        let at = ring.at(along, below);
        Transform::from_rotate(ring.turn_degrees(along)).post_translate(at.x, at.y)
    }
}
