//! The one font of the page, and text set in it.
//!
//! It is Inter, whose file the crate `imaging` keeps for pictures: Latin, Greek and Cyrillic. What it
//! cannot draw stands as a question mark on the page; the XML has the character.

use harfrust::{Buffer, Feature, ShapeOptions, ShaperFont, Tag};
use krilla::text::{Font, GlyphId, KrillaGlyph};

use crate::error::RenderError;

const FILE: &[u8] = include_bytes!("../../../imaging/fonts/Inter-Medium.otf");

pub(super) struct Typeface {
    shaped_with: skrifa::Font,
    pub(super) drawn_with: Font,
}

/// Text with its glyphs.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// Width in ems.
    pub(super) width: f32,
}

impl Typeface {
    pub(super) fn bundled() -> Result<Self, RenderError> {
        Ok(Self {
            shaped_with: skrifa::Font::new(FILE, 0).ok_or(RenderError::Font)?,
            drawn_with: Font::new(FILE.into(), 0).ok_or(RenderError::Font)?,
        })
    }

    /// Shapes one line. Figures are all of one width, so that columns of amounts align.
    pub(super) fn shape(&self, text: &str) -> Run {
        let text: String = text.chars().map(|c| self.drawable(c)).collect();
        let mut buffer = Buffer::new();
        buffer.push_str(&text);
        buffer.guess_segment_properties();
        let figures = [Feature::new(Tag::new(b"tnum"), 1, ..)];
        let font = ShaperFont::new(&self.shaped_with);
        let em = f32::from(self.shaped_with.units_per_em());
        let mut glyphs = Vec::new();
        if harfrust::shape(&font, &mut buffer, ShapeOptions::new().features(&figures)).is_ok() {
            let infos = buffer.glyph_infos();
            for (index, (info, position)) in infos.iter().zip(buffer.glyph_positions()).enumerate()
            {
                let start = info.cluster as usize;
                let next = infos.iter().skip(index).map(|i| i.cluster as usize);
                let end = next.into_iter().find(|c| *c > start).unwrap_or(text.len());
                glyphs.push(KrillaGlyph {
                    glyph_id: GlyphId::new(info.glyph_id),
                    text_range: start..end,
                    x_advance: position.x_advance as f32 / em,
                    x_offset: position.x_offset as f32 / em,
                    y_offset: position.y_offset as f32 / em,
                    y_advance: 0.0,
                    location: None,
                });
            }
        }
        let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
        Run {
            text,
            glyphs,
            width,
        }
    }

    fn drawable(&self, c: char) -> char {
        match c {
            // Spaces of other widths, and what is no letter at all.
            '\u{202f}' | '\u{2009}' | '\t' => '\u{a0}',
            c if c.is_control() || c.is_whitespace() && c != '\u{a0}' => ' ',
            c if self.shaped_with.charmap().map_unicode(c).is_some() => c,
            _ => '?',
        }
    }

    /// Breaks text into lines of `width` points at `size`; a word that is longer is broken within.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let fits = |line: &str| self.shape(line).width * size <= width;
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
            let longer = match line.as_str() {
                "" => word.to_owned(),
                line => format!("{line} {word}"),
            };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if !fits(&line) && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_lose_no_word() {
        let typeface = Typeface::bundled().unwrap();
        let text =
            "Pictures beyond those included, Donaudampfschifffahrtsgesellschaftskapitänsmütze";
        let lines = typeface.wrap(text, 9.0, 100.0);
        assert!(lines.len() > 2);
        for line in &lines {
            assert!(typeface.shape(line).width * 9.0 <= 100.0, "{line}");
        }
        let plain = |text: &str| text.replace(' ', "");
        assert_eq!(plain(&lines.concat()), plain(text));
    }

    #[test]
    fn figures_have_one_width_and_strangers_become_question_marks() {
        let typeface = Typeface::bundled().unwrap();
        let width = |text: &str| typeface.shape(text).width;
        assert!((width("1111") - width("8888")).abs() < 1e-4);
        assert_eq!(typeface.shape("Zoé 株 Ω Ж").text, "Zoé ? Ω Ж");
        assert!(
            typeface
                .shape("Zoé 株")
                .glyphs
                .iter()
                .all(|g| g.glyph_id.to_u32() != 0)
        );
    }
}
