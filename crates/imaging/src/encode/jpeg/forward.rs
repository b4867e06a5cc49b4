//! From samples to quantised coefficients.

use std::array::from_fn;

use wide::{f32x4, i16x8, i32x8};

/// What coefficients are multiplied with: one over their step, and over the factor that [`eight`] leaves in them.
pub(super) type Scale = [f32; 64];

/// From steps of quantisation, rows first.
pub(super) fn scale(steps: &[u8; 64]) -> Scale {
    // Arai, Agui and Nakajima's factors: cos(k * pi / 16) * sqrt(2).
    const LEFT: [f64; 8] = [
        1.0,
        1.387_039_845,
        1.306_562_965,
        1.175_875_602,
        1.0,
        0.785_694_958,
        0.541_196_1,
        0.275_899_379,
    ];
    from_fn(|at| (1.0 / (f64::from(steps[at]) * LEFT[at / 8] * LEFT[at % 8] * 8.0)) as f32)
}

/// Arai, Agui and Nakajima, 1988, on four lines at a time.
#[inline(always)]
fn eight(s: [f32x4; 8]) -> [f32x4; 8] {
    const HALF_SQRT: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let sum: [f32x4; 4] = from_fn(|i| s[i] + s[7 - i]);
    let apart: [f32x4; 4] = from_fn(|i| s[i] - s[7 - i]);
    let (outer, inner) = (sum[0] + sum[3], sum[1] + sum[2]);
    let (outer_apart, inner_apart) = (sum[0] - sum[3], sum[1] - sum[2]);
    let turned = (inner_apart + outer_apart) * HALF_SQRT;

    let (a, b, c) = (
        apart[3] + apart[2],
        apart[2] + apart[1],
        apart[1] + apart[0],
    );
    let z5 = (a - c) * 0.382_683_43;
    let (z2, z4) = (a * 0.541_196_1 + z5, c * 1.306_563 + z5);
    let z3 = b * HALF_SQRT;
    let (z11, z13) = (apart[0] + z3, apart[0] - z3);
    [
        outer + inner,
        z11 + z4,
        outer_apart + turned,
        z13 - z2,
        outer - inner,
        z13 + z2,
        outer_apart - turned,
        z11 - z4,
    ]
}

/// The block's coefficients, rows first, from samples about 0 in rows that lie `stride` apart.
#[inline(always)]
pub(super) fn quantised(samples: &[i16], stride: usize, scale: &Scale) -> [i16; 64] {
    let mut left = [f32x4::ZERO; 8];
    let mut right = [f32x4::ZERO; 8];
    for (row, (left, right)) in left.iter_mut().zip(&mut right).enumerate() {
        let samples = samples
            .get(row * stride..)
            .and_then(|row| row.first_chunk::<8>());
        let eight = i32x8::from_i16x8(i16x8::new(samples.copied().unwrap_or_default())).to_array();
        let [a, b, c, d, e, f, g, h] = eight.map(|v| v as f32);
        *left = f32x4::new([a, b, c, d]);
        *right = f32x4::new([e, f, g, h]);
    }
    // Lanes are columns: down first.
    let (left, right) = (eight(left), eight(right));
    let mut out = [0; 64];
    for half in 0..2 {
        let four = |lines: &[f32x4; 8]| f32x4::transpose(from_fn(|row| lines[half * 4 + row]));
        let ([a, b, c, d], [e, f, g, h]) = (four(&left), four(&right));
        // Lanes are rows from here.
        let across = eight([a, b, c, d, e, f, g, h]);
        let low = f32x4::transpose(from_fn(|at| across[at]));
        let high = f32x4::transpose(from_fn(|at| across[4 + at]));
        for row in 0..4 {
            let at = (half * 4 + row) * 8;
            let (Some(scales), Some(out)) = (scale.get(at..at + 8), out.get_mut(at..at + 8)) else {
                continue;
            };
            let scales = |from: usize| f32x4::new(from_fn(|i| scales[from + i]));
            let low = (low[row] * scales(0)).fast_round_int().to_array();
            let high = (high[row] * scales(4)).fast_round_int().to_array();
            let [a, b, c, d] = low;
            let [e, f, g, h] = high;
            let words = i16x8::from_i32x8_saturate(i32x8::new([a, b, c, d, e, f, g, h]));
            out.copy_from_slice(&words.to_array());
        }
    }
    out
}
