//! Text along an arc: the rim of a ring, a mug or a plate.
//!
//! The circle is set by the area and the radius alone, so that every text on a product follows the
//! same rim however long it is. Letters are bent, not merely turned one by one, so that joined letters
//! stay joined.

use tiny_skia::{Path, PathBuilder, PathSegment, Point};

use crate::Arc as Curve;
use crate::ArcSide;

/// Straight pieces that a curve of an outline is bent in; at 200 pixels per em a quarter of a round
/// letter is then off by under a tenth of a pixel.
const STEPS: u16 = 16;
/// Most of a circle that a text may take, so that its end does not run into its beginning.
const MAX_SWEEP_RADIANS: f32 = std::f32::consts::PI * 1.9;

/// The ring-shaped room for text in an area, in the area's pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    side: ArcSide,
    center_x: f32,
    center_y: f32,
    /// Of the middle of the letters.
    radius: f32,
    /// From the feet of the lowest letters to the tops of the highest.
    pub(super) height: f32,
    /// Along the middle.
    pub(super) length: f32,
}

impl Ring {
    /// The largest ring of this radius that an area holds; `None` if it holds none.
    pub(super) fn new(curve: Curve, width: f32, height: f32) -> Option<Self> {
        let radius = curve.radius_px;
        let room = if 2.0 * radius < width {
            // The whole circle fits in between the sides.
            (width - 2.0 * radius).min(height)
        } else {
            widest(radius, width, height)?
        };
        let half = room / 2.0;
        let outer = radius + half;
        // From the circle's centre, upwards: what of the circle lies in the area.
        let below = height - outer;
        let by_height = [outer, radius - half]
            .into_iter()
            .map(|r| (-below / r.max(f32::MIN_POSITIVE)).clamp(-1.0, 1.0).acos())
            .fold(f32::MAX, f32::min);
        let by_width = if outer * 2.0 <= width * 1.000_1 {
            f32::MAX
        } else {
            (width / 2.0 / outer).clamp(0.0, 1.0).asin()
        };
        let sweep = (2.0 * by_height.min(by_width)).min(MAX_SWEEP_RADIANS);
        let length = sweep * radius;
        (room > 1.0 && length > 1.0 && radius > half).then_some(Self {
            side: curve.side,
            center_x: width / 2.0,
            center_y: match curve.side {
                ArcSide::Outside => outer,
                ArcSide::Inside => height - outer,
            },
            radius,
            height: room,
            length,
        })
    }

    /// Where a point lies that is `x` along the middle line (0 at the top, or at the bottom for text
    /// inside) and `y` below it.
    pub(super) fn at(&self, x: f32, y: f32) -> Point {
        let angle = x / self.radius;
        match self.side {
            ArcSide::Outside => {
                let r = self.radius - y;
                Point::from_xy(
                    self.center_x + r * angle.sin(),
                    self.center_y - r * angle.cos(),
                )
            }
            ArcSide::Inside => {
                let r = self.radius + y;
                Point::from_xy(
                    self.center_x + r * angle.sin(),
                    self.center_y + r * angle.cos(),
                )
            }
        }
    }

    /// How far a letter at `x` is turned, in degrees clockwise.
    pub(super) fn turn_degrees(&self, x: f32) -> f32 {
        let turn = (x / self.radius).to_degrees();
        match self.side {
            ArcSide::Outside => turn,
            ArcSide::Inside => -turn,
        }
    }

    /// Bends a path whose x runs along the middle line and whose y lies below it.
    pub(super) fn bend(&self, path: &Path) -> Option<Path> {
        let mut bent = PathBuilder::new();
        let mut last = Point::zero();
        for segment in path.segments() {
            match segment {
                PathSegment::MoveTo(to) => {
                    let p = self.at(to.x, to.y);
                    bent.move_to(p.x, p.y);
                    last = to;
                }
                PathSegment::LineTo(to) => {
                    self.pieces(&mut bent, |t| mix(last, to, t));
                    last = to;
                }
                PathSegment::QuadTo(c, to) => {
                    self.pieces(&mut bent, |t| mix(mix(last, c, t), mix(c, to, t), t));
                    last = to;
                }
                PathSegment::CubicTo(a, b, to) => {
                    self.pieces(&mut bent, |t| {
                        let (one, two, three) = (mix(last, a, t), mix(a, b, t), mix(b, to, t));
                        mix(mix(one, two, t), mix(two, three, t), t)
                    });
                    last = to;
                }
                PathSegment::Close => bent.close(),
            }
        }
        bent.finish()
    }

    fn pieces(&self, bent: &mut PathBuilder, along: impl Fn(f32) -> Point) {
        for step in 1..=STEPS {
            let flat = along(f32::from(step) / f32::from(STEPS));
            let p = self.at(flat.x, flat.y);
            bent.line_to(p.x, p.y);
        }
    }
}

fn mix(a: Point, b: Point, t: f32) -> Point {
    Point::from_xy(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t)
}

/// The height of the highest ring whose arc from side to side fits into the area; `None` if the bare
/// arc is higher than the area.
fn widest(radius: f32, width: f32, height: f32) -> Option<f32> {
    let needed = |room: f32| {
        let (inner, outer) = (radius - room / 2.0, radius + room / 2.0);
        outer - inner * (1.0 - (width / 2.0 / outer).powi(2)).max(0.0).sqrt()
    };
    let (mut low, mut high) = (0.0, height);
    if needed(low) > height {
        return None;
    }
    // 24 halvings leave a millionth of the height.
    for _halving in 0..24 {
        let middle = f32::midpoint(low, high);
        if needed(middle) <= height {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(radius_px: f32, width: f32, height: f32, side: ArcSide) -> Option<Ring> {
        Ring::new(Curve { radius_px, side }, width, height)
    }

    #[test]
    fn every_corner_of_the_ring_lies_in_the_area() {
        for (radius, width, height) in [
            (300.0, 400.0, 150.0),
            (1000.0, 400.0, 60.0),
            (100.0, 260.0, 260.0),
            (100.0, 260.0, 90.0),
            (210.0, 400.0, 300.0),
        ] {
            for side in [ArcSide::Outside, ArcSide::Inside] {
                let ring = ring(radius, width, height, side).unwrap();
                for step in -20..=20_i8 {
                    let along = ring.length / 2.0 * f32::from(step) / 20.0;
                    for up in [-1.0, 1.0] {
                        let p = ring.at(along, up * ring.height / 2.0);
                        assert!(
                            (-0.1..=width + 0.1).contains(&p.x)
                                && (-0.1..=height + 0.1).contains(&p.y),
                            "{radius} {width} {height} {side:?}: {p:?} of {ring:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_arc_higher_than_its_area_is_refused() {
        assert!(ring(200.0, 400.0, 100.0, ArcSide::Outside).is_none());
        assert!(ring(1.0, 400.0, 100.0, ArcSide::Outside).is_none());
    }
}
