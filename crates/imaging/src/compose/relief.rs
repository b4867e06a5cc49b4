//! Render styles: light on a layer's edges, and its shadow on the product.
//!
//! The distance to the layer's edge makes a height: a rounded bevel along the edge, flat beyond it, a
//! groove or a ridge where a stroke is thinner than two bevels. The slope of that height, lit from one
//! side, brightens or darkens **what is there**: the product's own pixels, texture and all, or the
//! layer's colour on that texture. So a cut in dark slate looks like slate and one in red leather like
//! leather. The light stands where it stands in the output, whichever way a zone is turned, as it does
//! for everything else in a photograph.
//!
//! Only pixels within [`reach_px`] of the layer are touched.

mod finish;
mod light;
mod pixel;
mod scene;

use tiny_skia::Pixmap;

use self::finish::finish;
pub(super) use self::finish::{padding_em, reach_px, shape_depth_px, text_depth_px};
use self::pixel::{Rgba, mixed, packed, straight};
use self::scene::Scene;
use super::{Layer, RenderStyle};

/// The light on a relief.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relief {
    /// Where the light comes from, in degrees clockwise from the top of the picture.
    pub light_degrees: f32,
    /// Times the depth that the layer's size suggests; 0.1 to 5.
    pub depth: f32,
}

impl Default for Relief {
    /// Light from the upper left, as most product photographs have it; the usual depth.
    fn default() -> Self {
        Self {
            light_degrees: 315.0,
            depth: 1.0,
        }
    }
}

impl Relief {
    pub(super) fn is_valid(self) -> bool {
        self.light_degrees.is_finite() && (0.1..=5.0).contains(&self.depth)
    }

    /// Towards the light, in pixels right and down; of length 1.
    fn direction(self) -> (f32, f32) {
        let (sin, cos) = self.light_degrees.rem_euclid(360.0).to_radians().sin_cos();
        (sin, -cos)
    }
}

/// Lays a layer with relief on what is below it, which has its size. `own_color` is false where the
/// layer is to have the product's material.
pub(super) fn draw(
    canvas: &mut Pixmap,
    surface: &Pixmap,
    layer: &Layer,
    depth_px: f32,
    own_color: bool,
) {
    let Some(finish) = finish(layer.style) else {
        return;
    };
    let under: Vec<Rgba> = canvas.pixels().iter().map(|&p| straight(p)).collect();
    let scene = Scene::new(surface, &under, layer, finish, depth_px);
    let width = surface.width() as usize;
    let pixels = surface.pixels().iter().zip(&under);
    for (index, (to, (&above, &below))) in canvas.pixels_mut().iter_mut().zip(pixels).enumerate() {
        let (x, y) = (index % width, index / width);
        let color = if own_color { Some(above) } else { None };
        if let Some(lit) = scene.lit(x, y, color, below) {
            *to = packed(mixed(below, lit, layer.opacity));
        }
    }
}
