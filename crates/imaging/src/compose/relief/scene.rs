//! What a layer with relief is made from: height, shadow, and the product around it.

use tiny_skia::Pixmap;

use super::super::Layer;
use super::super::blur::{Plane, box_blur, soften};
use super::super::field::signed_distance;
use super::finish::Finish;
use super::pixel::{Rgba, luminance};

/// What lies where the layer will, and the layer's light.
pub(super) struct Scene<'s> {
    pub(super) finish: Finish,
    pub(super) layer: &'s Layer,
    /// Towards the light.
    pub(super) light: (f32, f32),
    pub(super) coverage: Plane,
    /// 0 to 1 of the full height.
    pub(super) height: Plane,
    pub(super) distance: Plane,
    /// Blurred coverage, where the shadow comes from.
    pub(super) shadow: Plane,
    /// The product's brightness against its surroundings.
    pub(super) detail: Plane,
    /// What a layer without a colour of its own is made of.
    pub(super) material: Material,
    pub(super) slope_px: f32,
    pub(super) depth_px: f32,
    /// How much of the shading shows in a cut that has a colour of its own, 0 to 1.
    pub(super) shading: f32,
}

/// What a cut or raised place in the product's own material looks like, for the brightness of the
/// product around it.
#[derive(Clone, Copy)]
pub(super) struct Material {
    pub(super) factor: f32,
    pub(super) lift: f32,
}

impl Material {
    /// Cut places are darker than their surroundings, except in dark materials, where the cut shows a
    /// lighter core: slate and black metal do. Raised places are polished by every hand that passes.
    fn of(finish: &Finish, brightness: f32) -> Self {
        let light = ((brightness - 0.16) / 0.14).clamp(0.0, 1.0);
        if finish.raised > 0.0 {
            return Self {
                factor: 1.12,
                lift: 0.025 + 0.1 * (1.0 - light),
            };
        }
        Self {
            factor: 0.62,
            lift: 0.5 * (1.0 - light),
        }
    }
}

impl<'s> Scene<'s> {
    /// The scene of a layer, `surface`, on what is below it.
    pub(super) fn new(
        surface: &Pixmap,
        under: &[Rgba],
        layer: &'s Layer,
        finish: Finish,
        depth_px: f32,
    ) -> Self {
        let (width, height) = (surface.width() as usize, surface.height() as usize);
        let plane = |samples: Vec<f32>| Plane {
            width,
            height,
            samples,
        };
        let coverage = plane(
            surface
                .pixels()
                .iter()
                .map(|pixel| f32::from(pixel.alpha()) / 255.0)
                .collect(),
        );
        let distance = signed_distance(&coverage);
        let bevel_px = (depth_px * finish.bevel).max(1.0);
        let slope = |d: &f32| {
            // The slope begins half a pixel outside, so that the lip of the edge catches light as well.
            let t = ((d + 0.5) / (bevel_px + 0.5)).clamp(0.0, 1.0);
            (t * std::f32::consts::FRAC_PI_2).sin()
        };
        let bevel = plane(distance.samples.iter().map(slope).collect());
        let brightness = plane(under.iter().map(|&pixel| luminance(pixel)).collect());
        // Strong colours are no dark materials, however dark the eye finds them.
        let value = under.iter().map(|&[r, g, b, _]| r.max(g).max(b));
        let around = box_blur(&brightness, (depth_px * 3.0).max(5.0));
        let detail = plane(
            brightness
                .samples
                .iter()
                .zip(&around.samples)
                .map(|(own, around)| ((own + 0.03) / (around + 0.03)).clamp(0.55, 1.6))
                .collect(),
        );
        let weight: f32 = coverage.samples.iter().sum();
        let lit: f32 = coverage
            .samples
            .iter()
            .zip(value)
            .map(|(c, value)| c * value)
            .sum();
        let stroke_px = stroke_px(&coverage, &distance);
        Self {
            shading: (stroke_px / SHADED_STROKE_PX).clamp(0.4, 1.0),
            finish,
            layer,
            light: layer.relief.direction(),
            height: soften(&bevel, depth_px),
            shadow: box_blur(&coverage, depth_px * finish.cast_blur * 0.5),
            material: Material::of(&finish, lit / weight.max(1.0)),
            coverage,
            distance,
            detail,
            slope_px: bevel_px * finish.steepness * finish.raised,
            depth_px,
        }
    }
}

/// Half the width of a stroke that is shaded in full, in pixels. Narrower cuts are all slope; shaded in full they
/// would be dark whatever their colour.
const SHADED_STROKE_PX: f32 = 3.0;

/// Half the width of the usual stroke: twice the mean distance to its edge.
fn stroke_px(coverage: &Plane, distance: &Plane) -> f32 {
    let (mut sum, mut weight) = (0.0, 0.0_f32);
    for (covered, distance) in coverage.samples.iter().zip(&distance.samples) {
        sum += covered * distance.max(0.0);
        weight += covered;
    }
    2.0 * sum / weight.max(1.0)
}
