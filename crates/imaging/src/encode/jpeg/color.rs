//! RGB to luma and halved colour differences, as JFIF defines them (BT.601, full range), about 0.

use wide::{i16x8, i32x4, i32x8, u8x16};

/// Pixels at a time.
const LANES: usize = 16;
/// Bits behind the point in sums.
const FRACTION_BITS: u32 = 7;
const HALF: i16 = 1 << (FRACTION_BITS - 1);

/// Factors as fractions of 2^16; of green in luma, half of it.
const LUMA_RED: i16 = 19_595;
const LUMA_HALF_GREEN: i16 = 19_235;
const LUMA_BLUE: i16 = 7_471;
const BLUE_OF_RED: i16 = -11_059;
const BLUE_OF_GREEN: i16 = -21_709;
const RED_OF_GREEN: i16 = -27_439;
const RED_OF_BLUE: i16 = -5_329;
const WHOLE_HALF: i16 = 32_767;

/// Red, green and blue of sixteen pixels in two halves each.
type Lanes = [[i16x8; 2]; 3];

/// Two rows of RGB, as wide as the luma rows (a multiple of [`LANES`]), to two rows of luma and one of each colour
/// difference.
pub(super) fn rows(rgb: [&[u8]; 2], luma: [&mut [i16]; 2], cb: &mut [i16], cr: &mut [i16]) {
    let [upper, lower] = rgb;
    let [luma_upper, luma_lower] = luma;
    let sources = upper
        .as_chunks::<{ 3 * LANES }>()
        .0
        .iter()
        .zip(lower.as_chunks::<{ 3 * LANES }>().0);
    let lumas = luma_upper
        .as_chunks_mut::<LANES>()
        .0
        .iter_mut()
        .zip(luma_lower.as_chunks_mut::<LANES>().0);
    let colors = cb
        .as_chunks_mut::<{ LANES / 2 }>()
        .0
        .iter_mut()
        .zip(cr.as_chunks_mut::<{ LANES / 2 }>().0);
    for (((upper, lower), (luma_upper, luma_lower)), (cb, cr)) in sources.zip(lumas).zip(colors) {
        let (upper, lower) = (apart(upper), apart(lower));
        luma_of(&upper, luma_upper);
        luma_of(&lower, luma_lower);
        let sums = |color: usize| {
            let [a, b] =
                [0, 1].map(|half: usize| pairs(upper[color][half] + lower[color][half]).to_array());
            let [[a, b, c, d], [e, f, g, h]] = [a, b];
            let sums = i16x8::from_i32x8_saturate(i32x8::new([a, b, c, d, e, f, g, h]));
            // Of four pixels: two bits less.
            let up: i16x8 = sums << (FRACTION_BITS - 2);
            up
        };
        let (r, g, b) = (sums(0), sums(1), sums(2));
        *cb =
            rounded(part(r, BLUE_OF_RED) + part(g, BLUE_OF_GREEN) + part(b, WHOLE_HALF)).to_array();
        *cr =
            rounded(part(r, WHOLE_HALF) + part(g, RED_OF_GREEN) + part(b, RED_OF_BLUE)).to_array();
    }
}

#[inline(always)]
fn apart(rgb: &[u8; 3 * LANES]) -> Lanes {
    let mut planes = [[0; LANES]; 3];
    let [reds, greens, blues] = &mut planes;
    let outs = reds.iter_mut().zip(greens).zip(blues);
    for (((r, g), b), pixel) in outs.zip(rgb.as_chunks::<3>().0) {
        [*r, *g, *b] = *pixel;
    }
    let [r, g, b] = planes;
    let halves = |plane: [u8; LANES]| {
        let plane = u8x16::new(plane);
        [i16x8::from_u8x16_low(plane), i16x8::from_u8x16_high(plane)]
    };
    [halves(r), halves(g), halves(b)]
}

#[inline(always)]
fn luma_of([r, g, b]: &Lanes, luma: &mut [i16; LANES]) {
    let half = |half: usize| {
        let up = |color: &[i16x8; 2]| -> i16x8 { color[half] << FRACTION_BITS };
        let green: i16x8 = part(up(g), LUMA_HALF_GREEN) << 1_u32;
        let sum = part(up(r), LUMA_RED) + green + part(up(b), LUMA_BLUE);
        (rounded(sum) - 128).to_array()
    };
    let (first, second) = luma.split_at_mut(LANES / 2);
    first.copy_from_slice(&half(0));
    second.copy_from_slice(&half(1));
}

#[inline(always)]
fn part(value: i16x8, factor: i16) -> i16x8 {
    value.mul_keep_high(i16x8::splat(factor))
}

#[inline(always)]
fn rounded(sum: i16x8) -> i16x8 {
    (sum + HALF) >> FRACTION_BITS
}

/// Sums of neighbours.
#[inline(always)]
fn pairs(values: i16x8) -> i32x4 {
    values.dot(i16x8::splat(1))
}
