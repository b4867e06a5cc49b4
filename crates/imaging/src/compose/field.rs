//! How far every pixel is from a layer's edge.
//!
//! The exact Euclidean distance transform of Felzenszwalb and Huttenlocher ("Distance Transforms of
//! Sampled Functions", 2012), one parabola envelope per row and column. The edge itself lies where the
//! coverage is a half, so edge pixels keep their fraction and outlines stay smooth.

use super::blur::Plane;

/// Signed distances in pixels: positive inside, negative outside. Where there is no edge at all, the
/// distance is larger than the picture.
pub(super) fn signed_distance(coverage: &Plane) -> Plane {
    let inside = to_nearest(coverage, |c| c < 0.5);
    let outside = to_nearest(coverage, |c| c >= 0.5);
    let samples = coverage
        .samples
        .iter()
        .zip(inside.iter().zip(&outside))
        .map(|(&c, (&to_out, &to_in))| {
            if to_out <= 1.0 && to_in <= 1.0 || (c > 0.02 && c < 0.98) {
                c - 0.5
            } else if c >= 0.5 {
                to_out - 0.5
            } else {
                0.5 - to_in
            }
        })
        .collect();
    Plane {
        width: coverage.width,
        height: coverage.height,
        samples,
    }
}

/// The distance from each pixel to the nearest one that is wanted.
fn to_nearest(plane: &Plane, wanted: impl Fn(f32) -> bool) -> Vec<f32> {
    let far = (plane.width + plane.height) as f32;
    let far = far * far;
    let mut squares: Vec<f32> = plane
        .samples
        .iter()
        .map(|&c| if wanted(c) { 0.0 } else { far })
        .collect();
    let mut envelope = Envelope::default();
    for x in 0..plane.width {
        envelope.transform(&mut squares, x, plane.width, plane.height);
    }
    for y in 0..plane.height {
        envelope.transform(&mut squares, y * plane.width, 1, plane.width);
    }
    squares.iter().map(|square| square.sqrt()).collect()
}

/// The lower envelope of the parabolas that stand on a line's samples.
#[derive(Default)]
struct Envelope {
    line: Vec<f32>,
    /// Where the lowest parabolas stand.
    feet: Vec<usize>,
    /// From where on each of them is the lowest.
    from: Vec<f32>,
}

impl Envelope {
    fn transform(&mut self, squares: &mut [f32], start: usize, step: usize, count: usize) {
        self.line.clear();
        self.line
            .extend((0..count).map(|i| squares[start + i * step]));
        self.feet.clear();
        self.from.clear();
        for foot in 0..count {
            let mut from = f32::MIN;
            while let (Some(&last), Some(&last_from)) = (self.feet.last(), self.from.last()) {
                from = self.crossing(last, foot);
                if from > last_from {
                    break;
                }
                self.feet.pop();
                self.from.pop();
                from = f32::MIN;
            }
            self.feet.push(foot);
            self.from.push(from);
        }
        let mut lowest = 0;
        for i in 0..count {
            while self
                .from
                .get(lowest + 1)
                .is_some_and(|&from| from <= i as f32)
            {
                lowest += 1;
            }
            let foot = self.feet[lowest];
            let away = i as f32 - foot as f32;
            squares[start + i * step] = away * away + self.line[foot];
        }
    }

    /// Where the parabola of a later foot becomes lower than that of an earlier one.
    fn crossing(&self, earlier: usize, later: usize) -> f32 {
        let (a, b) = (earlier as f32, later as f32);
        ((self.line[later] + b * b) - (self.line[earlier] + a * a)) / (2.0 * (b - a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_a_search_over_all_pixels() {
        let (width, height) = (23_usize, 17_usize);
        // A few scattered pixels, by a fixed rule.
        let samples: Vec<f32> = (0..width * height)
            .map(|i| if (i * 7919) % 31 < 3 { 1.0 } else { 0.0 })
            .collect();
        let plane = Plane {
            width,
            height,
            samples,
        };
        let found = to_nearest(&plane, |c| c >= 0.5);
        for y in 0..height {
            for x in 0..width {
                let nearest = (0..width * height)
                    .filter(|&i| plane.samples[i] >= 0.5)
                    .map(|i| {
                        let (dx, dy) =
                            ((i % width) as f32 - x as f32, (i / width) as f32 - y as f32);
                        dx.hypot(dy)
                    })
                    .fold(f32::MAX, f32::min);
                let ours = found[y * width + x];
                assert!((ours - nearest).abs() < 1e-3, "{x} {y}: {ours} {nearest}");
            }
        }
    }
}
