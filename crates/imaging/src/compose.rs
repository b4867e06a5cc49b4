//! Drawing a plan.
//!
//! Every layer is drawn on a surface of its own that covers only the pixels it may touch, in the
//! output's own orientation (text is outlined after turning, never drawn and then resampled), gets
//! its render style there, and is blended once.

mod blur;
mod canvas;
mod field;
mod place;
mod plan;
mod relief;
mod report;
mod style;
mod surface;
mod turned;

pub use domain::RenderStyle;
pub use plan::{Area, Base, Composition, Content, Layer, PictureLayer, TextLayer};
pub use relief::Relief;
pub use report::{LayerReport, Report, TextReport};
pub use style::{Align, Arc, ArcSide, Blend, Color, Fit, VerticalAlign};

use tiny_skia::{Pixmap, PixmapPaint, Transform};

use canvas::Canvas;

use crate::{Fonts, ImagingError, Picture};

/// Draws a composition.
///
/// # Errors
///
/// [`ImagingError::InvalidPlan`], [`ImagingError::TooManyPixels`] and [`ImagingError::Empty`] for
/// plans that cannot be drawn, [`ImagingError::MissingGlyph`] for text no font covers. Nothing is
/// drawn half.
pub fn compose(plan: &Composition, fonts: &Fonts) -> Result<(Picture, Report), ImagingError> {
    plan.check()?;
    let mut canvas = match Canvas::of_base(plan) {
        Some(canvas) => canvas,
        None => {
            let mut canvas = Canvas::new(plan.width, plan.height, plan.background)?;
            if let Some(base) = &plan.base {
                draw_base(&mut canvas, base)?;
            }
            canvas
        }
    };
    let mut report = Report::default();
    for layer in &plan.layers {
        report.layers.push(draw_layer(&mut canvas, layer, fonts)?);
    }
    Ok((canvas.finish()?, report))
}

fn draw_base(canvas: &mut Canvas, base: &Base) -> Result<(), ImagingError> {
    let area = Area {
        x: 0.0,
        y: 0.0,
        width: f64::from(canvas.width),
        height: f64::from(canvas.height),
        rotation_degrees: 0.0,
    };
    canvas.draw(canvas.whole(), |pixels| {
        surface::draw_picture(pixels, Transform::identity(), area, &base.picture, base.fit)
    })
}

fn draw_layer(
    canvas: &mut Canvas,
    layer: &Layer,
    fonts: &Fonts,
) -> Result<LayerReport, ImagingError> {
    let (width, height) = (canvas.width, canvas.height);
    let drawn = surface::draw(layer, fonts, width, height)?;
    if let Some(surface) = drawn.surface {
        canvas.draw(surface.part(), |below| {
            if layer.style == RenderStyle::Print {
                print(below, &surface.pixels, layer);
            } else {
                let own_color = has_own_color(layer);
                relief::draw(below, &surface.pixels, layer, drawn.depth_px, own_color);
            }
            Ok(())
        })?;
    }
    Ok(LayerReport {
        id: layer.id.clone(),
        outside_output: layer.area.sticks_out(width, height),
        text: drawn.text,
    })
}

fn print(below: &mut Pixmap, pixels: &Pixmap, layer: &Layer) {
    let paint = PixmapPaint {
        opacity: layer.opacity,
        blend_mode: layer.blend.mode(),
        ..PixmapPaint::default()
    };
    below.draw_pixmap(0, 0, pixels.as_ref(), &paint, Transform::identity(), None);
}

/// Text without a colour is of the product's own material.
fn has_own_color(layer: &Layer) -> bool {
    !matches!(&layer.content, Content::Text(text) if text.color.is_none())
}
