//! From a block's coefficients to samples: 1, 2, 4 or 8 each way.
//!
//! Fewer than eight samples are the transform of that length over the lowest frequencies, which is what
//! makes a block smaller without ever computing its full size.

use std::array::from_fn;
use std::ops::{Add, Mul, Sub};

use wide::{f32x4, i16x8, i32x8, u8x16};

/// Coefficients of a block, row by row, multiplied by their [`scale`].
pub(super) type Block = [f32; 64];

/// By frequency: what to multiply a coefficient with in one direction, before [`points`].
pub(super) fn scale(samples: usize) -> [f32; 8] {
    // Arai, Agui and Nakajima's factors over the square root of 8: cos(k * pi / 16) * sqrt(2).
    const EIGHT: [f32; 8] = [
        0.353_553_4,
        0.490_392_65,
        0.461_939_75,
        0.415_734_8,
        0.353_553_4,
        0.277_785_1,
        0.191_341_72,
        0.097_545_16,
    ];
    match samples {
        8 => EIGHT,
        // The cosine transform's own: a half, and a half over the square root of 2 for the mean.
        _ => from_fn(|frequency| if frequency == 0 { 0.353_553_4 } else { 0.5 }),
    }
}

/// Samples of a line, from its scaled frequencies. Entries beyond `N` are neither read nor written.
#[inline(always)]
fn points<const N: usize, V>(s: [V; 8]) -> [V; 8]
where
    V: Copy + Add<Output = V> + Sub<Output = V> + Mul<f32, Output = V>,
{
    const HALF_SQRT: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let mut out = s;
    match N {
        2 => {
            let b = s[1] * HALF_SQRT;
            out[0] = s[0] + b;
            out[1] = s[0] - b;
        }
        4 => {
            // Cosines of pi / 8 and 3 pi / 8.
            let (long, short) = (0.923_879_5, 0.382_683_43);
            let middle = s[2] * HALF_SQRT;
            let (outer, inner) = (s[0] + middle, s[0] - middle);
            let far = s[1] * long + s[3] * short;
            let near = s[1] * short - s[3] * long;
            out[0] = outer + far;
            out[1] = inner + near;
            out[2] = inner - near;
            out[3] = outer - far;
        }
        8 => out = eight(s),
        _ => {}
    }
    out
}

/// Arai, Agui and Nakajima, 1988: five multiplications.
#[inline(always)]
fn eight<V>(s: [V; 8]) -> [V; 8]
where
    V: Copy + Add<Output = V> + Sub<Output = V> + Mul<f32, Output = V>,
{
    let (sum, difference) = (s[0] + s[4], s[0] - s[4]);
    let both = s[2] + s[6];
    let turned = (s[2] - s[6]) * std::f32::consts::SQRT_2 - both;
    let even = [
        sum + both,
        difference + turned,
        difference - turned,
        sum - both,
    ];

    let (z13, z10) = (s[5] + s[3], s[5] - s[3]);
    let (z11, z12) = (s[1] + s[7], s[1] - s[7]);
    let o7 = z11 + z13;
    let z5 = (z10 + z12) * 1.847_759_1;
    let o6 = z5 - z10 * 2.613_126 - o7;
    let o5 = (z11 - z13) * std::f32::consts::SQRT_2 - o6;
    let o4 = z5 - z12 * 1.082_392_2 - o5;
    [
        even[0] + o7,
        even[1] + o6,
        even[2] + o5,
        even[3] + o4,
        even[3] - o4,
        even[2] - o5,
        even[1] - o6,
        even[0] - o7,
    ]
}

/// Writes `H` samples in each of `V` rows that lie `stride` apart.
#[inline(always)]
fn samples<const H: usize, const V: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let quarter = |row: usize, group: usize| {
        let rows = block.as_chunks::<4>().0;
        f32x4::new(rows.get(row * 2 + group).copied().unwrap_or_default())
    };
    // Lanes are horizontal frequencies, first low ones, then high ones.
    let high = H > 4;
    let low_lines = points::<V, f32x4>(from_fn(|row| {
        if row < V {
            quarter(row, 0)
        } else {
            f32x4::ZERO
        }
    }));
    let high_lines = if high {
        points::<V, f32x4>(from_fn(|row| {
            if row < V {
                quarter(row, 1)
            } else {
                f32x4::ZERO
            }
        }))
    } else {
        [f32x4::ZERO; 8]
    };
    for first in (0..V).step_by(4) {
        let four = |lines: &[f32x4; 8]| from_fn::<_, 4, _>(|line| lines[(first + line) & 7]);
        // Lanes are rows from here.
        let low = f32x4::transpose(four(&low_lines));
        let high = if high {
            f32x4::transpose(four(&high_lines))
        } else {
            [f32x4::ZERO; 4]
        };
        let across = points::<H, f32x4>(from_fn(
            |at| if at < 4 { low[at & 3] } else { high[at & 3] },
        ));
        let left = f32x4::transpose(from_fn(|at| across[at]));
        let right = if H > 4 {
            f32x4::transpose(from_fn(|at| across[at + 4]))
        } else {
            left
        };
        for (line, (left, right)) in left.into_iter().zip(right).enumerate().take(V) {
            let bytes = bytes(left, right);
            let start = (first + line) * stride;
            if let Some(to) = out.get_mut(start..start + H) {
                to.copy_from_slice(&bytes[..H]);
            }
        }
    }
}

/// Eight samples about 0 as bytes.
#[inline(always)]
fn bytes(left: f32x4, right: f32x4) -> [u8; 8] {
    let whole = |four: f32x4| (four + f32x4::splat(128.0)).fast_round_int().to_array();
    let [a, b, c, d] = whole(left);
    let [e, f, g, h] = whole(right);
    let words = i16x8::from_i32x8_saturate(i32x8::new([a, b, c, d, e, f, g, h]));
    let [a, b, c, d, e, f, g, h, ..] = u8x16::narrow_i16x8(words, words).to_array();
    [a, b, c, d, e, f, g, h]
}

/// A transform to so many samples across and down.
pub(super) type Transform = fn(&Block, &mut [u8], usize);

/// The transform to `across` times `down` samples, each 1, 2, 4 or 8.
pub(super) fn of(across: usize, down: usize) -> Option<Transform> {
    Some(match (across, down) {
        (1, 1) => samples::<1, 1>,
        (1, 2) => samples::<1, 2>,
        (1, 4) => samples::<1, 4>,
        (1, 8) => samples::<1, 8>,
        (2, 1) => samples::<2, 1>,
        (2, 2) => samples::<2, 2>,
        (2, 4) => samples::<2, 4>,
        (2, 8) => samples::<2, 8>,
        (4, 1) => samples::<4, 1>,
        (4, 2) => samples::<4, 2>,
        (4, 4) => samples::<4, 4>,
        (4, 8) => samples::<4, 8>,
        (8, 1) => samples::<8, 1>,
        (8, 2) => samples::<8, 2>,
        (8, 4) => samples::<8, 4>,
        (8, 8) => samples::<8, 8>,
        _ => return None,
    })
}
