//! Smooth noise that closes on itself from side to side.
//!
//! Only additions, multiplications and `floor` are used: those round the same on every machine, so
//! the same seed gives the same picture everywhere.

/// Gradient noise on a lattice that repeats after a whole number of cells in x.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    seed: u64,
    period: u32,
}

impl Noise {
    /// Noise that repeats every `period` units of x.
    pub(crate) fn new(seed: u64, period: u32) -> Self {
        Self {
            seed,
            period: period.max(1),
        }
    }

    /// Octaves summed, each of half the size and half the strength. Mostly within -0.7 to 0.7.
    pub(crate) fn layered(self, x: f32, y: f32, octaves: u32) -> f32 {
        let mut sum = 0.0;
        let (mut scale, mut strength) = (1, 1.0);
        for octave in 0..octaves {
            let layer = Self {
                seed: mix(self.seed, octave, 0),
                period: self.period * scale,
            };
            let scale_f = scale as f32;
            sum += strength * layer.at(x * scale_f, y * scale_f);
            scale *= 2;
            strength *= 0.5;
        }
        sum
    }

    fn at(self, x: f32, y: f32) -> f32 {
        let (cell_x, cell_y) = (x.floor(), y.floor());
        let (dx, dy) = (x - cell_x, y - cell_y);
        let (left, top) = (cell_x as i32, cell_y as i32);
        let corner = |right: i32, down: i32| {
            self.slope(
                left + right,
                top + down,
                dx - right as f32,
                dy - down as f32,
            )
        };
        let (along, across) = (ease(dx), ease(dy));
        let upper = lerp(corner(0, 0), corner(1, 0), along);
        let lower = lerp(corner(0, 1), corner(1, 1), along);
        lerp(upper, lower, across)
    }

    /// The height that a corner's slope gives at a distance from it.
    fn slope(self, x: i32, y: i32, dx: f32, dy: f32) -> f32 {
        const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;
        let column = x.rem_euclid(self.period.cast_signed());
        match mix(self.seed, column.cast_unsigned(), y.cast_unsigned()) >> 61 {
            0 => dx,
            1 => -dx,
            2 => dy,
            3 => -dy,
            4 => (dx + dy) * DIAGONAL,
            5 => (dx - dy) * DIAGONAL,
            6 => (dy - dx) * DIAGONAL,
            _ => -(dx + dy) * DIAGONAL,
        }
    }
}

/// A hash of a lattice point.
fn mix(seed: u64, x: u32, y: u32) -> u64 {
    let mut bits = seed ^ (u64::from(x) << 32 | u64::from(y)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^ (bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)
}

fn ease(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

fn lerp(from: f32, to: f32, t: f32) -> f32 {
    from + (to - from) * t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_closes_on_itself() {
        let noise = Noise::new(9, 3);
        for step in 0..60 {
            let (x, y) = (step as f32 * 0.05, step as f32 * 0.11);
            assert!((noise.layered(x, y, 4) - noise.layered(x + 3.0, y, 4)).abs() < 1e-3);
        }
    }

    #[test]
    fn noise_is_smooth_bounded_and_not_flat() {
        let noise = Noise::new(1, 8);
        let line: Vec<f32> = (0..800)
            .map(|step| noise.layered(step as f32 / 100.0, 0.37, 4))
            .collect();
        assert!(line.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.08));
        assert!(line.iter().all(|value| value.abs() < 1.5));
        assert!(line.iter().any(|value| *value > 0.15) && line.iter().any(|value| *value < -0.15));
    }
}
