//! A blur of one plane of samples.

/// Samples of one channel, 0 to 1, in rows from the top.
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) samples: Vec<f32>,
}

impl Plane {
    /// A sample, 0 outside.
    pub(super) fn at(&self, x: isize, y: isize) -> f32 {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return 0.0;
        };
        if x >= self.width || y >= self.height {
            return 0.0;
        }
        self.samples[y * self.width + x]
    }
}

impl Plane {
    /// A sample, that of the nearest edge outside.
    pub(super) fn near(&self, x: isize, y: isize) -> f32 {
        let inside = |value: isize, side: usize| value.clamp(0, side as isize - 1) as usize;
        self.samples[inside(y, self.height) * self.width + inside(x, self.width)]
    }
}

/// Takes the stairs out of a height: by a neighbour's quarter for shallow reliefs, by a blur that grows
/// with the depth for deep ones.
pub(super) fn soften(plane: &Plane, depth_px: f32) -> Plane {
    const SHALLOW_PX: f32 = 3.0;
    if depth_px >= SHALLOW_PX {
        return box_blur(plane, depth_px * 0.3);
    }
    let mut samples = plane.samples.clone();
    let mut line = Vec::new();
    for y in 0..plane.height {
        tent_line(&mut samples, y * plane.width, 1, plane.width, &mut line);
    }
    for x in 0..plane.width {
        tent_line(&mut samples, x, plane.width, plane.height, &mut line);
    }
    Plane {
        width: plane.width,
        height: plane.height,
        samples,
    }
}

/// A half of each sample and a quarter of both neighbours.
fn tent_line(samples: &mut [f32], start: usize, step: usize, count: usize, line: &mut Vec<f32>) {
    line.clear();
    line.extend((0..count).map(|i| samples[start + i * step]));
    for i in 0..count {
        let before = line[i.saturating_sub(1)];
        let after = line[(i + 1).min(count - 1)];
        samples[start + i * step] = (before + 2.0 * line[i] + after) / 4.0;
    }
}

/// Two box blurs in each direction, which is close to a Gaussian; a radius under half a pixel still
/// softens a little, so that slopes exist.
pub(super) fn box_blur(plane: &Plane, radius_px: f32) -> Plane {
    let radius = (radius_px.round() as usize).max(1);
    let mut samples = plane.samples.clone();
    let mut line = Vec::new();
    for _pass in 0..2 {
        for y in 0..plane.height {
            let start = y * plane.width;
            blur_line(&mut samples, start, 1, plane.width, radius, &mut line);
        }
        for x in 0..plane.width {
            blur_line(
                &mut samples,
                x,
                plane.width,
                plane.height,
                radius,
                &mut line,
            );
        }
    }
    Plane {
        width: plane.width,
        height: plane.height,
        samples,
    }
}

/// Averages each sample with `radius` neighbours on both sides, by a running sum; outside counts as
/// 0.
fn blur_line(
    samples: &mut [f32],
    start: usize,
    step: usize,
    count: usize,
    radius: usize,
    line: &mut Vec<f32>,
) {
    line.clear();
    line.extend((0..count).map(|i| samples[start + i * step]));
    let scale = 1.0 / (2 * radius + 1) as f32;
    let mut sum: f32 = line.iter().take(radius).sum();
    for i in 0..count {
        sum += line.get(i + radius).copied().unwrap_or(0.0);
        samples[start + i * step] = (sum * scale).clamp(0.0, 1.0);
        if i >= radius {
            sum -= line[i - radius];
        }
    }
}
