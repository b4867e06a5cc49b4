//! Luma and colour differences to RGB, as JFIF defines it (BT.601, full range).

use wide::{i16x8, u8x16};

/// Pixels at a time.
const LANES: usize = 16;

/// Factors as fractions of 2^16, without the whole that is added apart: 1.402, 0.344136, 0.714136, 1.772.
const RED_PAST_1: i16 = 26_345;
const GREEN_OF_BLUE: i16 = -22_554;
const GREEN_OF_RED_PAST_1: i16 = 18_734;
const BLUE_BELOW_2: i16 = -14_942;
/// Products keep so many bits behind the point until they are rounded.
const FRACTION_BITS: u32 = 4;
const HALF: i16 = 1 << (FRACTION_BITS - 1);

/// Writes a row of RGB from a row of each component.
pub(super) fn row(y: &[u8], cb: &[u8], cr: &[u8], rgb: &mut [u8]) {
    let parts = y.chunks(LANES).zip(cb.chunks(LANES)).zip(cr.chunks(LANES));
    for (((y, cb), cr), rgb) in parts.zip(rgb.chunks_mut(3 * LANES)) {
        let [reds, greens, blues] = colors(lanes(y), lanes(cb), lanes(cr));
        let colors = reds.iter().zip(&greens).zip(&blues);
        for (pixel, ((&red, &green), &blue)) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(colors) {
            *pixel = [red, green, blue];
        }
    }
}

/// The end of a row has fewer samples.
#[inline(always)]
fn lanes(samples: &[u8]) -> u8x16 {
    match samples.first_chunk::<LANES>() {
        Some(samples) => u8x16::new(*samples),
        None => {
            let mut all = [0; LANES];
            for (lane, &sample) in all.iter_mut().zip(samples) {
                *lane = sample;
            }
            u8x16::new(all)
        }
    }
}

#[inline(always)]
fn colors(y: u8x16, cb: u8x16, cr: u8x16) -> [[u8; LANES]; 3] {
    let low = half(
        i16x8::from_u8x16_low(y),
        i16x8::from_u8x16_low(cb),
        i16x8::from_u8x16_low(cr),
    );
    let high = half(
        i16x8::from_u8x16_high(y),
        i16x8::from_u8x16_high(cb),
        i16x8::from_u8x16_high(cr),
    );
    let bytes = |color: usize| u8x16::narrow_i16x8(low[color], high[color]).to_array();
    [bytes(0), bytes(1), bytes(2)]
}

#[inline(always)]
fn half(y: i16x8, cb: i16x8, cr: i16x8) -> [i16x8; 3] {
    let (cb, cr) = (cb - 128, cr - 128);
    [
        y + cr + rounded(part(cr, RED_PAST_1)),
        y - cr + rounded(part(cb, GREEN_OF_BLUE) + part(cr, GREEN_OF_RED_PAST_1)),
        y + cb + cb + rounded(part(cb, BLUE_BELOW_2)),
    ]
}

#[inline(always)]
fn part(difference: i16x8, factor: i16) -> i16x8 {
    let up: i16x8 = difference << FRACTION_BITS;
    up.mul_keep_high(i16x8::splat(factor))
}

#[inline(always)]
fn rounded(sum: i16x8) -> i16x8 {
    (sum + HALF) >> FRACTION_BITS
}

/// Writes a row of RGB from a row of grey.
pub(super) fn grey_row(grey: &[u8], rgb: &mut [u8]) {
    for (pixel, &l) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(grey) {
        *pixel = [l; 3];
    }
}
