//! Light and shadow, pixel by pixel.

use tiny_skia::PremultipliedColorU8;

use super::super::blur::Plane;
use super::super::style::blended;
use super::super::{Blend, Content, RenderStyle};
use super::finish::Finish;
use super::pixel::{Rgba, over, straight};
use super::scene::Scene;

/// How high the light stands: the sine and cosine of 42 degrees. Lower, and faces drown in shade;
/// higher, and bevels lose their sides.
const LIGHT_UP: f32 = 0.669;
const LIGHT_ALONG: f32 = 0.743;

impl Scene<'_> {
    /// The pixel as it comes out, `None` where nothing changes. `color` is the layer's own pixel.
    pub(super) fn lit(
        &self,
        x: usize,
        y: usize,
        color: Option<PremultipliedColorU8>,
        below: Rgba,
    ) -> Option<Rgba> {
        let index = y * self.coverage.width + x;
        let inside = self.coverage.samples[index];
        let (ix, iy) = (x as isize, y as isize);
        let side = self.side(ix, iy).max(inside);
        let shade = self.cast(ix, iy, side);
        let (light, gloss) = self.light(ix, iy);
        // The wall of a cut throws its shadow into the cut alone.
        let on_ground = if self.finish.raised > 0.0 { shade } else { 0.0 };
        if inside <= 0.0 && side <= 0.0 && on_ground <= 0.003 && (light - 1.0).abs() < 0.004 {
            return None;
        }
        let ground = self.ground(below, on_ground, light, gloss, 1.0 - inside);
        if side <= 0.0 {
            return Some(ground);
        }
        let face = self.face(index, color, below, light, gloss, shade);
        let wall = [face[0] * 0.45, face[1] * 0.45, face[2] * 0.45, face[3]];
        let thick = over(ground, wall, side);
        Some(over(
            if side > inside { thick } else { ground },
            face,
            inside,
        ))
    }

    /// The product beside the layer: shadow on it, and light on the lip of the edge.
    fn ground(&self, below: Rgba, shade: f32, light: f32, gloss: f32, outside: f32) -> Rgba {
        let lip = 1.0 + (light - 1.0) * outside;
        let dark = (1.0 - shade * outside) * lip.min(1.0);
        let bright = (lip - 1.0).max(0.0) * 0.6 + gloss * outside * 0.5;
        // A shadow on nothing is a veil of black.
        let alpha = below[3] + (1.0 - below[3]) * shade * outside;
        let kept = below[3] / alpha.max(f32::MIN_POSITIVE);
        let channel = |v: f32| (v * dark + bright * (0.25 + 0.75 * v) * (1.0 - v * dark)) * kept;
        [
            channel(below[0]),
            channel(below[1]),
            channel(below[2]),
            alpha,
        ]
    }

    /// The layer itself.
    fn face(
        &self,
        index: usize,
        color: Option<PremultipliedColorU8>,
        below: Rgba,
        light: f32,
        gloss: f32,
        shade: f32,
    ) -> Rgba {
        let Finish { corner, raised, .. } = self.finish;
        let bevel_px = (self.depth_px * self.finish.bevel).max(1.0);
        let depth = self.distance.samples[index].max(0.0) / bevel_px;
        // A wall that faces the light is neither in its corner's dark nor in a shadow.
        let away = (2.0 - light).clamp(0.0, 1.0);
        let near_wall = corner * (-2.0 * depth).exp() * away;
        let shaded = if raised > 0.0 {
            1.0
        } else {
            (1.0 - near_wall) * (1.0 - shade * (0.35 + 0.65 * away))
        };
        let shading = if raised < 0.0 && color.is_some() {
            self.shading
        } else {
            1.0
        };
        let lit = (1.0 + (light - 1.0) * shading) * (1.0 + (shaded - 1.0) * shading);
        let own = self.own(index, color, below);
        let channel = |v: f32| {
            let base = v * lit;
            base + gloss * (0.45 + 0.55 * v) * (1.0 - base.clamp(0.0, 1.0)) * shaded
        };
        [
            channel(own[0]),
            channel(own[1]),
            channel(own[2]),
            1.0_f32.min(own[3].max(0.35)),
        ]
    }

    /// The layer's colour in flat light.
    fn own(&self, index: usize, color: Option<PremultipliedColorU8>, below: Rgba) -> Rgba {
        let body = self.finish.body;
        // Tools press and polish: where they were, the texture is flatter.
        let flat = 1.0 / self.detail.samples[index].powf(0.55);
        let material = |v: f32| v * flat * self.material.factor + self.material.lift;
        match color {
            Some(pixel) => {
                let [r, g, b, a] = straight(pixel);
                let grain = 1.0 + (self.detail.samples[index] - 1.0) * self.grain();
                let tint = |i: usize, v: f32| {
                    let v = match self.layer.blend {
                        Blend::Normal => v,
                        mode => blended(mode, below[i], v),
                    };
                    material(below[i]) * (1.0 - body) + v * grain * body
                };
                [tint(0, r), tint(1, g), tint(2, b), a.max(below[3])]
            }
            None => [
                material(below[0]),
                material(below[1]),
                material(below[2]),
                below[3].max(0.35),
            ],
        }
    }

    /// How much of the product's texture shows through the layer's own colour: what is cut in or
    /// raised is of the product, what stands on it is not.
    fn grain(&self) -> f32 {
        match self.layer.style {
            RenderStyle::Engraved => 0.8,
            RenderStyle::Embossed => 0.5,
            RenderStyle::Print | RenderStyle::Shadow3d => 0.0,
        }
    }

    /// Brightness against the flat (1 is as bright), and sparkle.
    fn light(&self, x: isize, y: isize) -> (f32, f32) {
        let across = (self.height.near(x + 1, y) - self.height.near(x - 1, y)) * 0.5;
        let down = (self.height.near(x, y + 1) - self.height.near(x, y - 1)) * 0.5;
        let (nx, ny) = (-across * self.slope_px, -down * self.slope_px);
        if nx == 0.0 && ny == 0.0 {
            return (1.0, 0.0);
        }
        let length = (nx * nx + ny * ny + 1.0).sqrt();
        let along = (nx * self.light.0 + ny * self.light.1) * LIGHT_ALONG;
        let diffuse = ((along + LIGHT_UP) / length / LIGHT_UP).max(0.0);
        const AMBIENT: f32 = 0.34;
        // Half way between the light and the eye above.
        let half = (LIGHT_ALONG, LIGHT_UP + 1.0);
        let scale = 1.0 / half.0.hypot(half.1);
        let towards = (nx * self.light.0 + ny * self.light.1) * half.0 * scale + half.1 * scale;
        let facing = (towards / length).clamp(0.0, 1.0);
        let flat = half.1 * scale;
        let sparkle = (facing.powi(18) - flat.powi(18)).max(0.0) / (1.0 - flat.powi(18));
        (
            AMBIENT + (1.0 - AMBIENT) * diffuse,
            sparkle * self.finish.gloss,
        )
    }

    /// Shadow: of the layer on the product, or of the wall on the floor of a cut.
    fn cast(&self, x: isize, y: isize, side: f32) -> f32 {
        let Finish {
            raised,
            cast,
            cast_distance,
            corner,
            ..
        } = self.finish;
        let towards = |distance: f32| {
            let steps = distance * self.depth_px;
            self.shadow_at(
                x as f32 + self.light.0 * steps,
                y as f32 + self.light.1 * steps,
            )
        };
        if raised < 0.0 {
            return cast * (1.0 - towards(cast_distance));
        }
        let far = towards(cast_distance + self.finish.side);
        let contact = towards(0.35);
        (cast * far + corner * contact * (1.0 - side)).min(0.85)
    }

    fn shadow_at(&self, x: f32, y: f32) -> f32 {
        bilinear(&self.shadow, x, y)
    }

    /// How much of the pixel the visible side covers.
    fn side(&self, x: isize, y: isize) -> f32 {
        let thick = self.finish.side * self.depth_px * self.side_scale();
        if thick < 0.5 {
            return 0.0;
        }
        let steps = thick.ceil() as u16;
        (1..=steps)
            .map(|step| {
                let away = thick * f32::from(step) / f32::from(steps);
                let (x, y) = (
                    x as f32 + self.light.0 * away,
                    y as f32 + self.light.1 * away,
                );
                bilinear(&self.coverage, x, y)
            })
            .fold(0.0, f32::max)
    }

    /// A printed card is thin; letters are as thick as they are deep.
    fn side_scale(&self) -> f32 {
        match self.layer.content {
            Content::Text(_) => 1.0,
            Content::Picture(_) | Content::Fill(_) => 0.3,
        }
    }
}

fn bilinear(plane: &Plane, x: f32, y: f32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let (x0, y0) = (x0 as isize, y0 as isize);
    let top = plane.at(x0, y0) * (1.0 - fx) + plane.at(x0 + 1, y0) * fx;
    let bottom = plane.at(x0, y0 + 1) * (1.0 - fx) + plane.at(x0 + 1, y0 + 1) * fx;
    top * (1.0 - fy) + bottom * fy
}
