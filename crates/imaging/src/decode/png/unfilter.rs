//! Undoing PNG's filters, four rows at a time.
//!
//! A filtered byte is the difference to a guess from the pixels to the left (`a`), above (`b`) and
//! above left (`c`). Each pixel waits for the one before it, so a row alone leaves most of a
//! processor idle: for a photograph this was a third of the time of decoding. Four rows are
//! therefore undone together, each one pixel behind the row above: the pixel above is then what that
//! row gave a step ago, and stands in a register already. Which guess a row takes is a mask, so rows
//! of different filters go together.

use bytemuck::cast;
use wide::{i16x8, u8x16};

/// Rows that are undone together.
pub(super) const ROWS: usize = 4;
/// Rows shorter than this are not worth a beginning and an end of their own.
const SHORTEST_PX: usize = 16;
/// Pixels of the first row that are undone before the last row begins.
const LEAD_PX: usize = ROWS - 1;

/// What a row's first byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    None,
    Sub,
    Up,
    Average,
    Paeth,
}

impl Filter {
    /// `None` for a number that the specification does not give.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::None,
            1 => Self::Sub,
            2 => Self::Up,
            3 => Self::Average,
            4 => Self::Paeth,
            _ => return None,
        })
    }
}

/// A row with its filter taken off the front.
#[derive(Clone, Copy)]
pub(super) struct Filtered<'a> {
    pub(super) filter: Filter,
    pub(super) bytes: &'a [u8],
}

impl Filtered<'_> {
    pub(super) const EMPTY: Self = Self {
        filter: Filter::None,
        bytes: &[],
    };
}

/// Undoes some rows, at most [`ROWS`], into `out`, which has exactly their size. `above` is the row
/// before them, zeros at the top. `BPP` is 3 or 4, the bytes of a pixel.
pub(super) fn rows<const BPP: usize>(filtered: &[Filtered<'_>], above: &[u8], out: &mut [u8]) {
    let stride = above.len();
    let slow = |row: &Filtered<'_>| matches!(row.filter, Filter::Average | Filter::Paeth);
    if let Ok(four) = <&[Filtered<'_>; ROWS]>::try_from(filtered)
        && stride >= SHORTEST_PX * BPP
        && filtered.iter().any(slow)
    {
        let (first, rest) = out.split_at_mut(stride);
        let (second, rest) = rest.split_at_mut(stride);
        let (third, fourth) = rest.split_at_mut(stride);
        return together::<BPP>(four, above, [first, second, third, fourth]);
    }
    let mut above = above;
    for (row, to) in filtered.iter().zip(out.chunks_exact_mut(stride)) {
        alone::<BPP>(*row, above, to, 0);
        above = to;
    }
}

/// One row from the byte `from` on; what is before it is undone already.
fn alone<const BPP: usize>(row: Filtered<'_>, above: &[u8], out: &mut [u8], from: usize) {
    let upto = out.len();
    part::<BPP>(row, above, out, from..upto);
}

fn part<const BPP: usize>(
    row: Filtered<'_>,
    above: &[u8],
    out: &mut [u8],
    range: std::ops::Range<usize>,
) {
    let (Some(raw), Some(up)) = (row.bytes.get(range.clone()), above.get(range.clone())) else {
        return;
    };
    if row.filter == Filter::None || row.filter == Filter::Up {
        let out = out.get_mut(range).unwrap_or_default();
        for ((out, raw), up) in out.iter_mut().zip(raw).zip(up) {
            *out = match row.filter {
                Filter::Up => raw.wrapping_add(*up),
                _ => *raw,
            };
        }
        return;
    }
    let before = |samples: &[u8]| -> [u8; BPP] {
        let start = range.start.checked_sub(BPP);
        let pixel = start.and_then(|start| samples.get(start..)?.first_chunk::<BPP>());
        pixel.copied().unwrap_or([0; BPP])
    };
    let (mut left, mut corner) = (before(out), before(above));
    let out = out.get_mut(range).unwrap_or_default();
    let pixels = raw.as_chunks::<BPP>().0.iter().zip(up.as_chunks::<BPP>().0);
    for (to, (raw, up)) in out.as_chunks_mut::<BPP>().0.iter_mut().zip(pixels) {
        *to = std::array::from_fn(|channel| {
            let (a, b, c) = (left[channel], up[channel], corner[channel]);
            let guess = match row.filter {
                Filter::Sub => a,
                Filter::Average => ((u16::from(a) + u16::from(b)) / 2) as u8,
                _ => paeth(a, b, c),
            };
            raw[channel].wrapping_add(guess)
        });
        (left, corner) = (*to, *up);
    }
}

/// Whichever of the three is nearest to `a + b - c`, as the specification words it.
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let [wide_a, wide_b, wide_c] = [a, b, c].map(i16::from);
    let guess = wide_a + wide_b - wide_c;
    let (pa, pb, pc) = (
        (guess - wide_a).abs(),
        (guess - wide_b).abs(),
        (guess - wide_c).abs(),
    );
    match (pa <= pb && pa <= pc, pb <= pc) {
        (true, _) => a,
        (false, true) => b,
        (false, false) => c,
    }
}

/// Four rows: the first pixels of the first three one by one, then all four in step, then what is
/// left at their ends.
fn together<const BPP: usize>(
    rows: &[Filtered<'_>; ROWS],
    above: &[u8],
    [first, second, third, fourth]: [&mut [u8]; ROWS],
) {
    let [one, two, three, four] = *rows;
    part::<BPP>(one, above, first, 0..3 * BPP);
    part::<BPP>(two, first, second, 0..2 * BPP);
    part::<BPP>(three, second, third, 0..BPP);

    let pixel = |samples: &[u8], index: usize| -> [u8; 4] {
        let mut wide = [0; 4];
        let from = samples.get(index * BPP..).unwrap_or_default();
        for (to, sample) in wide.iter_mut().zip(from.iter().take(BPP)) {
            *to = *sample;
        }
        wide
    };
    let mut state = State {
        left: lanes([pixel(first, 2), pixel(second, 1), pixel(third, 0), [0; 4]]),
        corner: lanes([pixel(above, 2), pixel(first, 1), pixel(second, 0), [0; 4]]),
    };
    let source = Source {
        rows: [
            tail::<BPP>(one.bytes, 3),
            tail::<BPP>(two.bytes, 2),
            tail::<BPP>(three.bytes, 1),
            four.bytes,
        ],
        above: tail::<BPP>(above, 3),
    };
    let to = [
        first.get_mut(3 * BPP..).unwrap_or_default(),
        second.get_mut(2 * BPP..).unwrap_or_default(),
        third.get_mut(BPP..).unwrap_or_default(),
        &mut *fourth,
    ];
    let done = if rows.iter().all(|row| row.filter == Filter::Paeth) {
        in_step::<BPP>(&source, to, &mut state, Guess::paeth)
    } else {
        let guess = Guess::of(rows.map(|row| row.filter));
        in_step::<BPP>(&source, to, &mut state, |half, a, b, c| {
            guess.masked(half, a, b, c)
        })
    };
    alone::<BPP>(one, above, first, (done + LEAD_PX) * BPP);
    alone::<BPP>(two, first, second, (done + 2) * BPP);
    alone::<BPP>(three, second, third, (done + 1) * BPP);
    alone::<BPP>(four, third, fourth, done * BPP);
}

fn tail<const BPP: usize>(row: &[u8], pixels: usize) -> &[u8] {
    row.get(pixels * BPP..).unwrap_or_default()
}

/// Four lanes of sixteen bits for each of the four rows' pixel: two rows a vector.
type Lanes = [i16x8; 2];

fn lanes(pixels: [[u8; 4]; ROWS]) -> Lanes {
    let bytes: u8x16 = cast(pixels);
    [
        cast(u8x16::unpack_low(bytes, u8x16::ZERO)),
        cast(u8x16::unpack_high(bytes, u8x16::ZERO)),
    ]
}

/// What one step leaves for the next: the pixels that were undone, and those above them.
struct State {
    left: Lanes,
    corner: Lanes,
}

struct Source<'a> {
    /// Each begins with the pixel of the first step.
    rows: [&'a [u8]; ROWS],
    above: &'a [u8],
}

/// Undoes a pixel of each row per step, and says how many steps that were. Pixels are moved as four
/// bytes; with three bytes a pixel the fourth is overwritten by the next step, and the last pixel of
/// the first row is left over.
#[inline(always)]
fn in_step<const BPP: usize>(
    source: &Source<'_>,
    to: [&mut [u8]; ROWS],
    state: &mut State,
    guess: impl Fn(usize, i16x8, i16x8, i16x8) -> i16x8,
) -> usize {
    // The first row is the shortest by its lead, so its length bounds every access; cut to it, no
    // row has to be checked again in the loop.
    let len = source.above.len();
    let [r0, r1, r2, r3] = source.rows.map(|row| row.get(..len).unwrap_or_default());
    let [w0, w1, w2, w3] = to.map(|row| row.get_mut(..len).unwrap_or_default());
    let shorter = |row: &[u8]| row.len() != len;
    if [r0, r1, r2, r3].into_iter().any(shorter)
        || [&*w0, &*w1, &*w2, &*w3].into_iter().any(shorter)
    {
        return 0;
    }
    let [mut a0, mut a1] = state.left;
    let [mut c0, mut c1] = state.corner;
    let byte = i16x8::splat(255);
    let mut at = 0;
    while at + 4 <= len {
        let [x0, x1] = lanes([word(r0, at), word(r1, at), word(r2, at), word(r3, at)]);
        // Above each row's pixel is what the row before it gave in the last step.
        let [top, _]: [u64; 2] = cast(lanes([word(source.above, at), [0; 4], [0; 4], [0; 4]])[0]);
        let ([first, second], [third, _]): ([u64; 2], [u64; 2]) = (cast(a0), cast(a1));
        let b0: i16x8 = cast([top, first]);
        let b1: i16x8 = cast([second, third]);
        (a0, c0) = ((x0 + guess(0, a0, b0, c0)) & byte, b0);
        (a1, c1) = ((x1 + guess(1, a1, b1, c1)) & byte, b1);
        let pixels: [[u8; 4]; ROWS] = cast(u8x16::narrow_i16x8(a0, a1));
        put(w0, at, pixels[0]);
        put(w1, at, pixels[1]);
        put(w2, at, pixels[2]);
        put(w3, at, pixels[3]);
        at += BPP;
    }
    at / BPP
}

#[inline(always)]
fn word(row: &[u8], at: usize) -> [u8; 4] {
    match row.get(at..at + 4) {
        Some(&[a, b, c, d]) => [a, b, c, d],
        _ => [0; 4],
    }
}

#[inline(always)]
fn put(row: &mut [u8], at: usize, pixel: [u8; 4]) {
    if let Some(to) = row.get_mut(at..at + 4) {
        to.copy_from_slice(&pixel);
    }
}

/// Which guess each lane takes, all bits set where it does.
struct Guess {
    sub: Lanes,
    up: Lanes,
    average: Lanes,
    paeth: Lanes,
}

impl Guess {
    fn of(filters: [Filter; ROWS]) -> Self {
        let mask = |wanted: Filter| -> Lanes {
            let half = |pair: [Filter; 2]| -> i16x8 {
                let row = |filter| if filter == wanted { u64::MAX } else { 0 };
                cast(pair.map(row))
            };
            let [one, two, three, four] = filters;
            [half([one, two]), half([three, four])]
        };
        Self {
            sub: mask(Filter::Sub),
            up: mask(Filter::Up),
            average: mask(Filter::Average),
            paeth: mask(Filter::Paeth),
        }
    }

    /// Paeth's choice without absolute values. With `t = 3c - (a + b)`: the smaller of `a` and `b`
    /// where `t` is at least the larger, the larger where `t` is at most the smaller, else `c`. It
    /// gives the same for all 16.8 million inputs, which a test holds.
    #[inline(always)]
    fn paeth(_half: usize, a: i16x8, b: i16x8, c: i16x8) -> i16x8 {
        let threshold = (c + c + c) - (a + b);
        let (low, high) = (a.min(b), a.max(b));
        let between = high.simd_gt(threshold);
        let chosen = (between & c) | (!between & low);
        let above = threshold.simd_gt(low);
        (above & chosen) | (!above & high)
    }

    #[inline(always)]
    fn masked(&self, half: usize, a: i16x8, b: i16x8, c: i16x8) -> i16x8 {
        let average: i16x8 = (a + b) >> 1_i32;
        let paeth = Self::paeth(half, a, b, c);
        (a & self.sub[half])
            | (b & self.up[half])
            | (average & self.average[half])
            | (paeth & self.paeth[half])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paeth_without_absolute_values_is_paeth() {
        for c in 0..=255_u8 {
            for b in 0..=255_u8 {
                for first in (0..=255_u8).step_by(8) {
                    let a: [i16; 8] = std::array::from_fn(|i| i16::from(first) + i as i16);
                    let guess = Guess::paeth(
                        0,
                        i16x8::from(a),
                        i16x8::splat(i16::from(b)),
                        i16x8::splat(i16::from(c)),
                    );
                    let expected = a.map(|a| i16::from(paeth(a as u8, b, c)));
                    assert_eq!(guess.to_array(), expected, "b {b}, c {c}");
                }
            }
        }
    }

    /// Rows of every width and mixture of filters, against each row undone on its own.
    fn check<const BPP: usize>() {
        let mut seed = 1_u32;
        let mut random = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        for width in (1..40).chain([255, 256, 257]) {
            let stride = width * BPP;
            let above: Vec<u8> = (0..stride).map(|_| random()).collect();
            for mixture in 0..5_usize.pow(4) {
                let bytes: Vec<u8> = (0..stride * ROWS).map(|_| random()).collect();
                let filtered: Vec<_> = bytes
                    .chunks(stride)
                    .enumerate()
                    .map(|(row, bytes)| Filtered {
                        filter: Filter::from_byte((mixture / 5_usize.pow(row as u32) % 5) as u8)
                            .unwrap_or(Filter::None),
                        bytes,
                    })
                    .collect();
                let mut out = vec![0; stride * ROWS];
                rows::<BPP>(&filtered, &above, &mut out);
                let mut expected = vec![0; stride * ROWS];
                let mut before = above.as_slice();
                for (row, to) in filtered.iter().zip(expected.chunks_mut(stride)) {
                    alone::<BPP>(*row, before, to, 0);
                    before = to;
                }
                assert_eq!(out, expected, "{width} wide, filters {mixture}");
            }
        }
    }

    #[test]
    fn four_rows_together_are_four_rows_alone() {
        check::<3>();
        check::<4>();
    }
}
