//! A brand's own font: untrusted bytes until they are checked here.

use std::sync::Arc;

use skrifa::font::glyph::outline::PathSink;
use skrifa::raw::{FontRef, TableProvider};
use skrifa::{DrawMemory, Font, GlyphId, ScalerFont};

use super::fonts::folded;

/// What a font may cost. The parser is memory-safe; these bound its time and memory.
#[derive(Clone, Copy, Debug)]
pub struct BrandFontLimits {
    /// Size of the file.
    pub max_bytes: usize,
    /// Tables in its directory.
    pub max_tables: u16,
    /// Glyphs.
    pub max_glyphs: u32,
    /// Points in the outlines of all glyphs together.
    pub max_points: u64,
}

impl Default for BrandFontLimits {
    /// 4 MiB, 64 tables, 20 000 glyphs, 8 million points: the fonts of the SIL's and Google's
    /// collections without Han characters stay below a quarter of each.
    fn default() -> Self {
        Self {
            max_bytes: 4 * 1024 * 1024,
            max_tables: 64,
            max_glyphs: 20_000,
            max_points: 8_000_000,
        }
    }
}

/// A checked font with the family it is asked for by.
#[derive(Clone)]
pub struct BrandFont {
    family: Arc<str>,
    font: Font,
    glyphs: u32,
}

/// Why a file is not taken as a font.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrandFontFault {
    /// Too large a file.
    #[error("the file has {size_bytes} bytes, more than the {max_bytes} allowed")]
    TooManyBytes {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// Not the wanted container.
    #[error("the file is {found}; an uncompressed .ttf or .otf font is expected")]
    Container {
        /// What it looks like.
        found: &'static str,
    },
    /// Tables that cannot be read or are not there.
    #[error("the font cannot be read: {what}")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// More tables, glyphs or points than allowed.
    #[error("the font has {found} {what}, more than the {max} allowed")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// The font's own licence bits forbid it.
    #[error(
        "the font forbids embedding (fsType {fs_type:#06x}); ask its maker for a licence and a file that permits it"
    )]
    EmbeddingForbidden {
        /// `OS/2.fsType`.
        fs_type: u16,
    },
    /// A family without letters or digits.
    #[error("a family name with at least one letter or digit is expected, at most 100 bytes long")]
    Family,
}

impl BrandFont {
    /// Checks a font file and takes it under a family name.
    ///
    /// Every glyph is outlined once, so that no text can meet one that cannot be drawn, and so that
    /// the work a hostile font makes is counted here and not while somebody's picture waits.
    ///
    /// # Errors
    /// [`BrandFontFault`], naming what is wrong and what is allowed.
    pub fn check(
        family: &str,
        bytes: Vec<u8>,
        limits: &BrandFontLimits,
    ) -> Result<Self, BrandFontFault> {
        let family = family.trim();
        if folded(family).is_empty() || family.len() > 100 {
            return Err(BrandFontFault::Family);
        }
        check_container(&bytes, limits)?;
        let damaged = |what| BrandFontFault::Damaged { what };
        let tables = FontRef::new(&bytes).map_err(|_| damaged("its table directory"))?;
        check_embedding(&tables)?;
        let glyphs = tables
            .maxp()
            .map_err(|_| damaged("its glyph count (maxp)"))?
            .num_glyphs();
        let glyphs = u32::from(glyphs);
        at_most("glyphs", u64::from(glyphs), u64::from(limits.max_glyphs))?;
        let font = Font::new(bytes, 0).ok_or(damaged("no outlines of a known kind"))?;
        if !(16..=16_384).contains(&font.units_per_em()) {
            return Err(damaged("its units per em"));
        }
        let has = |c: char| font.charmap().map_unicode(c).is_some();
        if !('\u{21}'..='\u{24F}')
            .chain('\u{370}'..='\u{1FFF}')
            .any(has)
        {
            return Err(damaged("it maps no letters (cmap)"));
        }
        check_outlines(&font, glyphs, limits.max_points)?;
        Ok(Self {
            family: Arc::from(family),
            font,
            glyphs,
        })
    }

    /// The family it is asked for by.
    #[must_use]
    pub fn family(&self) -> &str {
        &self.family
    }

    /// How many glyphs it has.
    #[must_use]
    pub fn glyphs(&self) -> u32 {
        self.glyphs
    }

    pub(super) fn font(&self) -> &Font {
        &self.font
    }
}

impl std::fmt::Debug for BrandFont {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BrandFont({:?}, {} glyphs)", self.family, self.glyphs)
    }
}

fn at_most(what: &'static str, found: u64, max: u64) -> Result<(), BrandFontFault> {
    if found > max {
        return Err(BrandFontFault::TooMuch { what, found, max });
    }
    Ok(())
}

fn check_container(bytes: &[u8], limits: &BrandFontLimits) -> Result<(), BrandFontFault> {
    if bytes.len() > limits.max_bytes {
        return Err(BrandFontFault::TooManyBytes {
            size_bytes: bytes.len(),
            max_bytes: limits.max_bytes,
        });
    }
    let found = match bytes.get(..4) {
        Some([0, 1, 0, 0] | b"OTTO" | b"true") => None,
        Some(b"wOFF" | b"wOF2") => Some("a compressed web font (WOFF)"),
        Some(b"ttcf") => Some("a collection of fonts"),
        _ => Some("no font"),
    };
    if let Some(found) = found {
        return Err(BrandFontFault::Container { found });
    }
    let tables = match bytes.get(4..6) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    at_most("tables", u64::from(tables), u64::from(limits.max_tables))
}

/// `OS/2.fsType`: bit 1 forbids embedding altogether, bit 9 permits bitmaps only; preview and print
/// (bit 2) and editable (bit 3) permit what is done here, and a font without the table forbids nothing.
fn check_embedding(tables: &FontRef<'_>) -> Result<(), BrandFontFault> {
    const RESTRICTED: u16 = 0x0002;
    const BITMAP_ONLY: u16 = 0x0200;
    let fs_type = tables.os2().map_or(0, |os2| os2.fs_type());
    if fs_type & (RESTRICTED | BITMAP_ONLY) != 0 {
        return Err(BrandFontFault::EmbeddingForbidden { fs_type });
    }
    Ok(())
}

fn check_outlines(font: &Font, glyphs: u32, max_points: u64) -> Result<(), BrandFontFault> {
    let scaler = ScalerFont::force_unhinted(font.clone(), None);
    let mut counter = Counter(0);
    for glyph in 0..glyphs {
        if let Some(outline) = scaler.outline(GlyphId::new(glyph)) {
            let drawn = outline.draw(DrawMemory::Scratch, &mut counter);
            drawn.map_err(|_| BrandFontFault::Damaged { what: "an outline" })?;
        }
        at_most("points", counter.0, max_points)?;
    }
    if counter.0 == 0 {
        return Err(BrandFontFault::Damaged {
            what: "it has no outlines",
        });
    }
    Ok(())
}

/// Counts points.
struct Counter(u64);

impl PathSink for Counter {
    fn move_to(&mut self, _: f32, _: f32) {
        self.0 += 1;
    }
    fn line_to(&mut self, _: f32, _: f32) {
        self.0 += 1;
    }
    fn quad_to(&mut self, _: f32, _: f32, _: f32, _: f32) {
        self.0 += 2;
    }
    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
        self.0 += 3;
    }
    fn close(&mut self) {}
}
