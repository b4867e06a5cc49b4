//! What a glyph looks like: an outline, or a picture in colour.

use std::sync::Arc;

use skrifa::font::glyph::bitmap::Pixels;
use skrifa::font::glyph::outline::PathSink;
use skrifa::{DrawMemory, Font, GlyphId, ScalerFont};
use tiny_skia::{Path, PathBuilder, Rect};

use crate::{DecodeLimits, ImagingError, Picture, decode};

/// Largest side of a colour glyph's bitmap; Noto's have 136.
const MAX_BITMAP_SIDE_PX: u32 = 512;

/// Everything visible of a line or block, in ems, y downwards from the first baseline.
#[derive(Default)]
pub(super) struct Art {
    pub(super) outline: Option<Path>,
    pub(super) images: Vec<Image>,
}

/// A picture that stands for a glyph.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) picture: Arc<Picture>,
    pub(super) place: Rect,
}

impl Art {
    /// The exact bounds; `None` if nothing is visible.
    pub(super) fn bounds(&self) -> Option<Rect> {
        let outline = self.outline.as_ref().and_then(Path::compute_tight_bounds);
        let images = self.images.iter().map(|image| image.place);
        outline.into_iter().chain(images).reduce(|a, b| {
            Rect::from_ltrb(
                a.left().min(b.left()),
                a.top().min(b.top()),
                a.right().max(b.right()),
                a.bottom().max(b.bottom()),
            )
            .unwrap_or(a)
        })
    }
}

/// Where a glyph's origin stands, in ems.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// Adds a glyph's outline.
pub(super) fn outline(
    scaler: &ScalerFont,
    glyph: GlyphId,
    em: f32,
    at: Pen,
    path: &mut PathBuilder,
) -> Result<(), ImagingError> {
    let Some(letter) = scaler.outline(glyph) else {
        return Ok(());
    };
    let mut sink = EmSink { path, em, at };
    letter
        .draw(DrawMemory::Scratch, &mut sink)
        .map(drop)
        .map_err(|error| ImagingError::internal("outlining a letter", error))
}

/// A glyph's picture in colour, if the font has one. Bitmaps that are no PNG of a usual size count as
/// not there.
pub(super) fn image(font: &Font, glyph: GlyphId, at: Pen) -> Option<Image> {
    let bitmap = font.bitmap_strikes().select_bitmap(glyph, None)?;
    let Pixels::Png(bytes) = bitmap.pixels() else {
        return None;
    };
    let limits = DecodeLimits {
        max_side_px: MAX_BITMAP_SIDE_PX,
        ..DecodeLimits::default()
    };
    let picture = decode(bytes, &limits).ok()?;
    let em = f32::from(font.units_per_em());
    let extents = bitmap.extents();
    let left = at.x + extents.x_bearing / em;
    let top = at.y - extents.y_bearing / em;
    let place = Rect::from_xywh(left, top, extents.width / em, extents.height / em)?;
    Some(Image {
        picture: Arc::new(picture),
        place,
    })
}

/// Takes an outline in font units, y upwards, and adds it in ems, y downwards.
struct EmSink<'p> {
    path: &'p mut PathBuilder,
    em: f32,
    at: Pen,
}

impl EmSink<'_> {
    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        (self.at.x + x / self.em, self.at.y - y / self.em)
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
