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

use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::blur::{Plane, box_blur, soften};
use super::field::signed_distance;
use super::style::blended;
use super::{Blend, Layer, RenderStyle};

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

/// How high the light stands: the sine and cosine of 42 degrees. Lower, and faces drown in shade;
/// higher, and bevels lose their sides.
const LIGHT_UP: f32 = 0.669;
const LIGHT_ALONG: f32 = 0.743;

/// What a style does with the layer and its edges; strengths from 0 to 1, lengths in depths.
#[derive(Clone, Copy, Debug)]
struct Finish {
    /// 1 raised, -1 cut in.
    raised: f32,
    /// Width of the slope along the edge.
    bevel: f32,
    /// Height of the slope against its width.
    steepness: f32,
    /// How much of the layer's own colour shows; the rest is the product's.
    body: f32,
    /// Sparkle on slopes that face the light.
    gloss: f32,
    /// Darkening where wall and floor meet.
    corner: f32,
    /// Darkness of the shadow on the product, or of the wall's shadow on the floor of a cut.
    cast: f32,
    /// How far that shadow falls.
    cast_distance: f32,
    /// How soft it is.
    cast_blur: f32,
    /// Thickness of the visible side, for what stands on the product.
    side: f32,
}

fn finish(style: RenderStyle) -> Option<Finish> {
    let raised = Finish {
        raised: 1.0,
        bevel: 1.3,
        steepness: 0.95,
        body: 0.96,
        gloss: 0.5,
        corner: 0.3,
        cast: 0.5,
        cast_distance: 1.1,
        cast_blur: 0.9,
        side: 0.0,
    };
    match style {
        RenderStyle::Print => None,
        RenderStyle::Engraved => Some(Finish {
            raised: -1.0,
            bevel: 1.4,
            steepness: 1.15,
            body: 0.88,
            gloss: 0.42,
            corner: 0.34,
            cast: 0.46,
            cast_distance: 1.0,
            cast_blur: 0.6,
            ..raised
        }),
        RenderStyle::Embossed => Some(raised),
        RenderStyle::Shadow3d => Some(Finish {
            bevel: 0.5,
            steepness: 0.6,
            body: 1.0,
            gloss: 0.3,
            corner: 0.45,
            cast: 0.5,
            cast_distance: 2.2,
            cast_blur: 1.3,
            side: 0.75,
            ..raised
        }),
    }
}

/// Depth of letters: small against their size, so that thin strokes keep a floor.
pub(super) fn text_depth_px(size_px: f32, relief: Relief) -> f32 {
    (size_px / 26.0).clamp(0.8, 8.0) * relief.depth
}

/// Depth of plates and pictures by their shorter side.
pub(super) fn shape_depth_px(shorter_side_px: f32, relief: Relief) -> f32 {
    (shorter_side_px / 60.0).clamp(1.0, 8.0) * relief.depth
}

/// Room that text leaves on every side, in ems, so that its relief stays inside the area as well.
/// The letters always do; of small text the soft edge, and of a 3D shadow the faint end, may reach
/// a little beyond.
pub(super) fn padding_em(style: RenderStyle, relief: Relief) -> f32 {
    let usual = match style {
        RenderStyle::Print => 0.0,
        RenderStyle::Engraved => 0.06,
        RenderStyle::Embossed => 0.1,
        RenderStyle::Shadow3d => 0.16,
    };
    usual * relief.depth
}

/// How far a style paints beyond the layer's own pixels.
pub(super) fn reach_px(style: RenderStyle, depth_px: f32) -> f32 {
    finish(style).map_or(0.0, |finish| {
        let cast = finish.cast_distance + finish.side + 2.0 * finish.cast_blur;
        let beyond = if finish.raised > 0.0 { cast } else { 1.0 };
        (depth_px * beyond).ceil() + 3.0
    })
}

/// What lies where the layer will, and the layer's light.
struct Scene<'s> {
    finish: Finish,
    layer: &'s Layer,
    /// Towards the light.
    light: (f32, f32),
    coverage: Plane,
    /// 0 to 1 of the full height.
    height: Plane,
    distance: Plane,
    /// Blurred coverage, where the shadow comes from.
    shadow: Plane,
    /// The product's brightness against its surroundings.
    detail: Plane,
    /// What a layer without a colour of its own is made of.
    material: Material,
    slope_px: f32,
    depth_px: f32,
}

/// What a cut or raised place in the product's own material looks like, for the brightness of the
/// product around it.
#[derive(Clone, Copy)]
struct Material {
    factor: f32,
    lift: f32,
}

impl Material {
    /// Cut places are darker than their surroundings, except in dark materials, where the cut shows a
    /// lighter core: slate and black metal do.
    fn of(finish: &Finish, brightness: f32) -> Self {
        if finish.raised > 0.0 {
            return Self {
                factor: 1.06,
                lift: 0.025,
            };
        }
        let light = ((brightness - 0.16) / 0.14).clamp(0.0, 1.0);
        Self {
            factor: 0.62,
            lift: 0.5 * (1.0 - light),
        }
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
    let scene = scene(surface, &under, layer, finish, depth_px);
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

/// Straight red, green and blue from 0 to 1, and alpha.
type Rgba = [f32; 4];

fn straight(pixel: PremultipliedColorU8) -> Rgba {
    let alpha = f32::from(pixel.alpha()) / 255.0;
    let scale = if alpha > 0.0 {
        1.0 / (255.0 * alpha)
    } else {
        0.0
    };
    [
        f32::from(pixel.red()) * scale,
        f32::from(pixel.green()) * scale,
        f32::from(pixel.blue()) * scale,
        alpha,
    ]
}

fn packed([r, g, b, a]: Rgba) -> PremultipliedColorU8 {
    let a8 = (a * 255.0).round().clamp(0.0, 255.0) as u8;
    // A sample rounded above its alpha would not be a premultiplied colour.
    let sample = |v: f32| ((v.clamp(0.0, 1.0) * a * 255.0).round() as u8).min(a8);
    PremultipliedColorU8::from_rgba(sample(r), sample(g), sample(b), a8)
        .unwrap_or(PremultipliedColorU8::TRANSPARENT)
}

fn mixed(from: Rgba, to: Rgba, part: f32) -> Rgba {
    if part >= 1.0 {
        return to;
    }
    let alpha = from[3] + (to[3] - from[3]) * part;
    let channel = |i: usize| {
        let premultiplied = from[i] * from[3] * (1.0 - part) + to[i] * to[3] * part;
        premultiplied / alpha.max(f32::MIN_POSITIVE)
    };
    [channel(0), channel(1), channel(2), alpha]
}

fn luminance([r, g, b, _]: Rgba) -> f32 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn scene<'s>(
    surface: &Pixmap,
    under: &[Rgba],
    layer: &'s Layer,
    finish: Finish,
    depth_px: f32,
) -> Scene<'s> {
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
    Scene {
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

impl Scene<'_> {
    /// The pixel as it comes out, `None` where nothing changes. `color` is the layer's own pixel.
    fn lit(
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
        let Finish {
            body,
            corner,
            raised,
            ..
        } = self.finish;
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
        // Tools press and polish: where they were, the texture is flatter.
        let flat = 1.0 / self.detail.samples[index].powf(0.55);
        let material = |v: f32| v * flat * self.material.factor + self.material.lift;
        let own = match color {
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
        };
        let channel = |v: f32| {
            let base = v * light * shaded;
            base + gloss * (0.45 + 0.55 * v) * (1.0 - base.clamp(0.0, 1.0)) * shaded
        };
        [
            channel(own[0]),
            channel(own[1]),
            channel(own[2]),
            1.0_f32.min(own[3].max(0.35)),
        ]
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
            super::Content::Text(_) => 1.0,
            super::Content::Picture(_) | super::Content::Fill(_) => 0.3,
        }
    }
}

fn over(below: Rgba, above: Rgba, coverage: f32) -> Rgba {
    let part = above[3] * coverage;
    let alpha = part + below[3] * (1.0 - part);
    let channel = |i: usize| {
        (above[i] * part + below[i] * below[3] * (1.0 - part)) / alpha.max(f32::MIN_POSITIVE)
    };
    [channel(0), channel(1), channel(2), alpha]
}

fn bilinear(plane: &Plane, x: f32, y: f32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let (x0, y0) = (x0 as isize, y0 as isize);
    let top = plane.at(x0, y0) * (1.0 - fx) + plane.at(x0 + 1, y0) * fx;
    let bottom = plane.at(x0, y0 + 1) * (1.0 - fx) + plane.at(x0 + 1, y0 + 1) * fx;
    top * (1.0 - fy) + bottom * fy
}
