//! Render styles: light on the edges of a layer.
//!
//! A layer's alpha is read as the height of a surface. Blurred, it gives slopes; a slope towards
//! the light is brightened, one away from it darkened, the other way round for what is cut in. The
//! light stands at the upper left of the output, whichever way a zone is turned, as it does for
//! everything else in a photograph.

use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::RenderStyle;
use super::blur::{Plane, box_blur};

/// Towards the light, in pixels right and down; of length 1.
const LIGHT: (f32, f32) = (-0.6, -0.8);

/// What a style does with the layer and its edges; all parts from 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Finish {
    /// How much of the layer's own colour shows; the rest is the product's.
    body: f32,
    /// 1 raised, -1 cut in.
    height: f32,
    highlight: f32,
    shade: f32,
    /// Part of highlight and shade that also falls beside the layer, on the product.
    lip: f32,
    /// Darkness of the shadow cast on the product.
    cast: f32,
    /// Distance of that shadow, in depths.
    cast_distance: f32,
}

fn finish(style: RenderStyle) -> Option<Finish> {
    match style {
        RenderStyle::Print => None,
        RenderStyle::Engraved => Some(Finish {
            body: 0.8,
            height: -1.0,
            highlight: 0.75,
            shade: 0.75,
            lip: 0.85,
            cast: 0.0,
            cast_distance: 0.0,
        }),
        RenderStyle::Embossed => Some(Finish {
            body: 0.94,
            height: 1.0,
            highlight: 0.6,
            shade: 0.5,
            lip: 0.25,
            cast: 0.35,
            cast_distance: 1.0,
        }),
        RenderStyle::Shadow3d => Some(Finish {
            body: 1.0,
            height: 1.0,
            highlight: 0.35,
            shade: 0.25,
            lip: 0.0,
            cast: 0.55,
            cast_distance: 2.5,
        }),
    }
}

/// Depth of letters: small against their size, so that thin strokes keep a floor.
pub(super) fn text_depth_px(size_px: f32) -> f32 {
    (size_px / 26.0).clamp(0.8, 8.0)
}

/// Depth of plates and pictures by their shorter side.
pub(super) fn shape_depth_px(shorter_side_px: f32) -> f32 {
    (shorter_side_px / 60.0).clamp(1.0, 8.0)
}

/// Room that text leaves on every side, in ems, so that its relief stays inside the area as well.
/// The letters always do; of small text the soft edge, and of a 3D shadow the faint end, may reach
/// a little beyond.
pub(super) fn padding_em(style: RenderStyle) -> f32 {
    match style {
        RenderStyle::Print => 0.0,
        RenderStyle::Engraved => 0.06,
        RenderStyle::Embossed => 0.1,
        RenderStyle::Shadow3d => 0.14,
    }
}

/// How far a style paints beyond the layer's own pixels.
pub(super) fn reach_px(style: RenderStyle, depth_px: f32) -> f32 {
    finish(style).map_or(0.0, |finish| {
        (depth_px * (2.0 + 2.0 * finish.cast_distance)).ceil() + 1.0
    })
}

/// Gives a layer's surface its style.
pub(super) fn apply(style: RenderStyle, pixels: &mut Pixmap, depth_px: f32) {
    let Some(finish) = finish(style) else { return };
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let alpha = Plane {
        width,
        height,
        samples: pixels
            .pixels()
            .iter()
            .map(|pixel| f32::from(pixel.alpha()) / 255.0)
            .collect(),
    };
    let slope = box_blur(&alpha, depth_px * 0.6);
    let cast = (finish.cast > 0.0).then(|| box_blur(&alpha, depth_px * finish.cast_distance * 0.6));
    let shift = (
        (-LIGHT.0 * finish.cast_distance * depth_px).round() as isize,
        (-LIGHT.1 * finish.cast_distance * depth_px).round() as isize,
    );
    for y in 0..height {
        for x in 0..width {
            let index = y * width + x;
            let inside = alpha.samples[index];
            let lit = finish.height * towards_light(&slope, x as isize, y as isize, depth_px);
            let weight = inside + (1.0 - inside) * finish.lip;
            let under = cast.as_ref().map_or(0.0, |cast| {
                finish.cast * cast.at(x as isize - shift.0, y as isize - shift.1)
            });
            let pixel = &mut pixels.pixels_mut()[index];
            *pixel = shaded(*pixel, &finish, lit * weight, under);
        }
    }
}

/// How much the surface leans towards the light here: -1 (away) to 1.
fn towards_light(plane: &Plane, x: isize, y: isize, depth_px: f32) -> f32 {
    let across = plane.at(x + 1, y) - plane.at(x - 1, y);
    let down = plane.at(x, y + 1) - plane.at(x, y - 1);
    let steepness = (across * -LIGHT.0 + down * -LIGHT.1) * (depth_px * 0.6 + 0.5);
    steepness.clamp(-1.0, 1.0)
}

/// The layer's pixel with light or shade on it, over the shadow it casts.
fn shaded(
    pixel: PremultipliedColorU8,
    finish: &Finish,
    lit: f32,
    cast: f32,
) -> PremultipliedColorU8 {
    let (tone, strength) = if lit >= 0.0 {
        (255.0, lit * finish.highlight)
    } else {
        (0.0, -lit * finish.shade)
    };
    let alpha = f32::from(pixel.alpha()) * finish.body / 255.0;
    let behind = cast * (1.0 - alpha);
    let out_alpha = strength + (alpha + behind) * (1.0 - strength);
    let sample = |value: u8| tone * strength + f32::from(value) * finish.body * (1.0 - strength);
    let a = (out_alpha * 255.0).round().clamp(0.0, 255.0) as u8;
    // A sample rounded above its alpha would not be a premultiplied colour.
    let channel = |value: u8| (sample(value).round().clamp(0.0, 255.0) as u8).min(a);
    let (r, g, b) = (
        channel(pixel.red()),
        channel(pixel.green()),
        channel(pixel.blue()),
    );
    PremultipliedColorU8::from_rgba(r, g, b, a).unwrap_or(PremultipliedColorU8::TRANSPARENT)
}
