//! One layer's own pixels.

use tiny_skia::{
    FillRule, FilterQuality, Paint, PathBuilder, Pattern, Pixmap, PixmapPaint, PixmapRef, Rect,
    Shader, SpreadMode, Transform,
};

use super::place::{PixelRect, place};
use super::{Area, Color, Content, Fit, Layer, RenderStyle, TextReport};
use super::{relief, turned};
use crate::resize::{resize, resize_crop};
use crate::text::{PlacedImage, TextBlock, layout};

/// Largest side of a letter in colour.
const MAX_LETTER_PX: u32 = 4_096;
use crate::{Fonts, ImagingError, Picture};

/// A layer's pixels and where their top left corner stands on the output.
pub(super) struct Surface {
    pub(super) pixels: Pixmap,
    pub(super) origin: (i32, i32),
}

impl Surface {
    /// The output's pixels under it.
    pub(super) fn part(&self) -> PixelRect {
        PixelRect {
            x: self.origin.0,
            y: self.origin.1,
            width: self.pixels.width(),
            height: self.pixels.height(),
        }
    }
}

/// A drawn layer; no surface where nothing of it lies on the output.
pub(super) struct Drawn {
    pub(super) surface: Option<Surface>,
    /// How deep its relief is.
    pub(super) depth_px: f32,
    pub(super) text: Option<TextReport>,
}

pub(super) fn blank(width: u32, height: u32) -> Result<Pixmap, ImagingError> {
    Pixmap::new(width, height).ok_or(ImagingError::Internal {
        what: "allocating a surface",
        source: None,
    })
}

/// Draws a layer, flat, for an output of the given size; with room for its render style around it.
pub(super) fn draw(
    layer: &Layer,
    fonts: &Fonts,
    width: u32,
    height: u32,
) -> Result<Drawn, ImagingError> {
    let (area, block) = match &layer.content {
        Content::Text(text) => {
            let padding_em = relief::padding_em(layer.style, layer.relief);
            (
                layer.area,
                Some(layout(&layer.id, text, layer.area, padding_em, fonts)?),
            )
        }
        Content::Picture(_) | Content::Fill(_) => (layer.area.snapped(), None),
    };
    let depth_px = match &block {
        Some(block) => relief::text_depth_px(block.report.size_px, layer.relief),
        None => relief::shape_depth_px(area.width.min(area.height) as f32, layer.relief),
    };
    let reach_px = relief::reach_px(layer.style, depth_px);
    let surface = match area.pixels(reach_px, width, height) {
        None => None,
        Some(rect) => {
            let mut pixels = blank(rect.width, rect.height)?;
            let to_surface = Transform::from_translate(-rect.x as f32, -rect.y as f32);
            draw_content(&mut pixels, to_surface, area, layer, block.as_ref())?;
            Some(Surface {
                pixels,
                origin: (rect.x, rect.y),
            })
        }
    };
    Ok(Drawn {
        surface,
        depth_px,
        text: block.map(|block| block.report),
    })
}

fn draw_content(
    pixels: &mut Pixmap,
    to_surface: Transform,
    area: Area,
    layer: &Layer,
    block: Option<&TextBlock>,
) -> Result<(), ImagingError> {
    match &layer.content {
        Content::Picture(content) => {
            draw_picture(pixels, to_surface, area, &content.picture, content.fit)
        }
        Content::Fill(color) => {
            draw_fill(pixels, to_surface, area, *color);
            Ok(())
        }
        Content::Text(text) => {
            let color = text.color.unwrap_or(Color::BLACK);
            let cut = (layer.style == RenderStyle::Engraved).then_some(color);
            if let Some(path) = block.and_then(|block| block.outline.as_ref()) {
                let transform = to_surface.pre_concat(area.transform());
                let paint = solid(color);
                pixels.fill_path(path, &paint, FillRule::Winding, transform, None);
            }
            let images = block.map_or(&[][..], |block| &block.images);
            let to_surface = to_surface.pre_concat(area.transform());
            images
                .iter()
                .try_for_each(|image| draw_letter(pixels, to_surface, image, cut))
        }
    }
}

/// A letter in colour, shrunk to about its size first, so that turning it does not alias.
fn draw_letter(
    pixels: &mut Pixmap,
    to_surface: Transform,
    image: &PlacedImage,
    cut: Option<Color>,
) -> Result<(), ImagingError> {
    let (width, height) = (image.picture.width(), image.picture.height());
    let (scale_x, scale_y) = image.transform.get_scale();
    let side = |px: u32, scale: f32| ((px as f32 * scale).round() as u32).clamp(1, MAX_LETTER_PX);
    let scaled = resize(&image.picture, side(width, scale_x), side(height, scale_y))?;
    let scaled = match cut {
        Some(color) => cut_by_darkness(&scaled, color)?,
        None => scaled,
    };
    let samples = scaled.premultiplied_rgba();
    let source = pixmap(&samples, &scaled)?;
    let back = Transform::from_scale(
        width as f32 / scaled.width() as f32,
        height as f32 / scaled.height() as f32,
    );
    let transform = to_surface.pre_concat(image.transform).pre_concat(back);
    let shader = Pattern::new(
        source,
        SpreadMode::Pad,
        FilterQuality::Bicubic,
        1.0,
        Transform::identity(),
    );
    let size = (scaled.width() as f32, scaled.height() as f32);
    fill_rect(pixels, size, &paint_with(shader), transform);
    Ok(())
}

/// A cut has one colour, so pictures among the letters are cut as deep as they are dark, and their
/// colours go.
fn cut_by_darkness(picture: &Picture, color: Color) -> Result<Picture, ImagingError> {
    let mut pixels = picture.to_straight_rgba()?;
    for [r, g, b, a] in pixels.as_chunks_mut::<4>().0 {
        let light = 0.2126 * f32::from(*r) + 0.7152 * f32::from(*g) + 0.0722 * f32::from(*b);
        let kept = 1.0 - 0.85 * light / 255.0;
        *a = (f32::from(*a) * kept).round() as u8;
        (*r, *g, *b) = (color.r, color.g, color.b);
    }
    Picture::from_straight_rgba(picture.width(), picture.height(), pixels)
}

/// Draws a picture into an area. Upright pictures are copied sample by sample, turned ones sampled
/// with smooth edges.
pub(super) fn draw_picture(
    pixels: &mut Pixmap,
    to_surface: Transform,
    area: Area,
    picture: &Picture,
    fit: Fit,
) -> Result<(), ImagingError> {
    let placement = place(
        fit,
        (picture.width(), picture.height()),
        (area.width, area.height),
    )?;
    let scaled = resize_crop(picture, placement.crop, placement.width, placement.height)?;
    let transform = to_surface.pre_concat(area.transform());
    if !area.is_turned() {
        let x = (transform.tx + placement.offset_x).round() as i32;
        let y = (transform.ty + placement.offset_y).round() as i32;
        let all_of_it = (0, 0, pixels.width(), pixels.height());
        if (x, y, scaled.width(), scaled.height()) == all_of_it && scaled.is_opaque() {
            // Laying it over would give the same pixels; it was a third of a composition's time.
            scaled.write_premultiplied_rgba(pixels.data_mut());
            return Ok(());
        }
        let samples = scaled.premultiplied_rgba();
        let source = pixmap(&samples, &scaled)?;
        let paint = PixmapPaint::default();
        pixels.draw_pixmap(x, y, source, &paint, Transform::identity(), None);
        return Ok(());
    }
    let transform = transform.pre_translate(placement.offset_x, placement.offset_y);
    let source = turned::Source {
        samples: &scaled.premultiplied_rgba(),
        width: scaled.width(),
        height: scaled.height(),
    };
    turned::draw(pixels, transform, &source);
    Ok(())
}

fn pixmap<'a>(rgba: &'a [u8], picture: &Picture) -> Result<PixmapRef<'a>, ImagingError> {
    PixmapRef::from_bytes(rgba, picture.width(), picture.height()).ok_or(ImagingError::Internal {
        what: "reading a placed picture",
        source: None,
    })
}

fn draw_fill(pixels: &mut Pixmap, to_surface: Transform, area: Area, color: Color) {
    let size = (area.width as f32, area.height as f32);
    fill_rect(
        pixels,
        size,
        &solid(color),
        to_surface.pre_concat(area.transform()),
    );
}

fn fill_rect(pixels: &mut Pixmap, size: (f32, f32), paint: &Paint<'_>, transform: Transform) {
    if let Some(rect) = Rect::from_xywh(0.0, 0.0, size.0, size.1) {
        let path = PathBuilder::from_rect(rect);
        pixels.fill_path(&path, paint, FillRule::Winding, transform, None);
    }
}

fn solid(color: Color) -> Paint<'static> {
    paint_with(Shader::SolidColor(color.skia()))
}

fn paint_with(shader: Shader<'_>) -> Paint<'_> {
    Paint {
        shader,
        anti_alias: true,
        ..Paint::default()
    }
}
