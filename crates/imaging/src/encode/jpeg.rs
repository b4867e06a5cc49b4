//! JPEG: one scan, half of the colour samples each way, steps and codes that the standard suggests. See
//! docs/adr/0044.

mod codes;
mod color;
mod forward;
mod scan;

use self::codes::{COLOR_AC, COLOR_DC, Codes, LUMA_AC, LUMA_DC, Table};
use self::forward::{Scale, quantised, scale};
use self::scan::Bits;
use super::{JPEG_BACKGROUND, Origin};
use crate::zigzag::ZIGZAG;
use crate::{ImagingError, Picture};

/// What a segment that carries XMP begins with.
const XMP_NAMESPACE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Pixels of a unit, each way.
const UNIT: usize = 16;

/// Steps of quantisation that the standard suggests (ITU T.81, annex K.1), rows first.
const LUMA_STEPS: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const COLOR_STEPS: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

const LUMA_DC_CODES: Codes = LUMA_DC.codes();
const LUMA_AC_CODES: Codes = LUMA_AC.codes();
const COLOR_DC_CODES: Codes = COLOR_DC.codes();
const COLOR_AC_CODES: Codes = COLOR_AC.codes();

/// The steps at a quality from 1 to 100, as the Independent JPEG Group's encoder has them.
fn steps(suggested: &[u8; 64], quality: u8) -> [u8; 64] {
    let quality = u32::from(quality);
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    suggested.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8)
}

/// Encodes at a quality from 1 to 100; transparent pixels become [`JPEG_BACKGROUND`].
///
/// # Errors
///
/// [`ImagingError::InvalidPlan`] for a side that JPEG cannot have.
pub(super) fn encode(
    picture: &Picture,
    quality: u8,
    origin: Option<Origin>,
) -> Result<Vec<u8>, ImagingError> {
    let sides = (
        u16::try_from(picture.width()),
        u16::try_from(picture.height()),
    );
    let (Ok(width), Ok(height)) = sides else {
        return Err(ImagingError::plan(
            "",
            "a JPEG has at most 65535 pixels a side",
        ));
    };
    let rgb = picture.rgb_over(JPEG_BACKGROUND);
    let tables = [&LUMA_STEPS, &COLOR_STEPS].map(|suggested| steps(suggested, quality));
    let mut out = Vec::with_capacity(rgb.len() / 8 + 1024);
    head(&mut out, (width, height), &tables, origin);
    let mut bits = Bits::new(out);
    let scales = tables.map(|steps| scale(&steps));
    scan(&rgb, usize::from(width), &scales, &mut bits);
    let mut out = bits.finish();
    out.extend_from_slice(&[0xFF, 0xD9]);
    Ok(out)
}

/// A segment: marker, length, body.
fn segment(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&[0xFF, marker]);
    out.extend_from_slice(&((len + 2) as u16).to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Everything before the scan's bits.
fn head(
    out: &mut Vec<u8>,
    (width, height): (u16, u16),
    tables: &[[u8; 64]; 2],
    origin: Option<Origin>,
) {
    out.extend_from_slice(&[0xFF, 0xD8]);
    // JFIF 1.2, square pixels, no small picture.
    segment(out, 0xE0, &[b"JFIF\0", &[1, 2, 0, 0, 1, 0, 1, 0, 0]]);
    if let Some(origin) = origin {
        segment(out, 0xE1, &[XMP_NAMESPACE, origin.xmp().as_bytes()]);
    }
    for (number, steps) in (0..).zip(tables) {
        let ordered = ZIGZAG.map(|at| steps[usize::from(at) & 63]);
        segment(out, 0xDB, &[&[number], &ordered]);
    }
    let [w0, w1] = width.to_be_bytes();
    let [h0, h1] = height.to_be_bytes();
    let components = [1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    segment(out, 0xC0, &[&[8, h0, h1, w0, w1, 3], &components]);
    for (number, Table { counts, symbols }) in [
        (0, &LUMA_DC),
        (0x10, &LUMA_AC),
        (1, &COLOR_DC),
        (0x11, &COLOR_AC),
    ] {
        segment(out, 0xC4, &[&[number], counts, symbols]);
    }
    segment(out, 0xDA, &[&[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]]);
}

/// The picture's units, row by row.
fn scan(rgb: &[u8], width: usize, scales: &[Scale; 2], bits: &mut Bits) {
    let mut band = Band::new(width);
    let mut means = [0; 3];
    let height = rgb.len() / (width * 3);
    for top in (0..height).step_by(UNIT) {
        let row = |number: usize| {
            // The last row is repeated to the end of the unit.
            let y = (top + number).min(height - 1);
            rgb.get(y * width * 3..(y + 1) * width * 3)
                .unwrap_or_default()
        };
        band.fill(row);
        band.write(scales, &mut means, bits);
    }
}

/// A row of units, as samples about 0.
struct Band {
    /// Luma samples of a row, a multiple of [`UNIT`]; colour has half as many.
    stride: usize,
    luma: Vec<i16>,
    cb: Vec<i16>,
    cr: Vec<i16>,
    /// Two rows of RGB whose last pixel is repeated to the end of the unit.
    widened: [Vec<u8>; 2],
}

impl Band {
    fn new(width: usize) -> Self {
        let stride = width.next_multiple_of(UNIT);
        Self {
            stride,
            luma: vec![0; stride * UNIT],
            cb: vec![0; stride * UNIT / 4],
            cr: vec![0; stride * UNIT / 4],
            widened: [vec![0; stride * 3], vec![0; stride * 3]],
        }
    }

    fn fill<'p>(&mut self, row: impl Fn(usize) -> &'p [u8]) {
        let stride = self.stride;
        let lumas = self.luma.chunks_exact_mut(stride * 2);
        let cbs = self.cb.chunks_exact_mut(stride / 2);
        let crs = self.cr.chunks_exact_mut(stride / 2);
        for (pair, (lumas, (cb, cr))) in lumas.zip(cbs.zip(crs)).enumerate() {
            let mut rows = [row(pair * 2), row(pair * 2 + 1)];
            if rows[0].len() != stride * 3 {
                for (to, from) in self.widened.iter_mut().zip(rows) {
                    widen(from, to);
                }
                rows = [&self.widened[0], &self.widened[1]];
            }
            let (upper, lower) = lumas.split_at_mut(stride);
            color::rows(rows, [upper, lower], cb, cr);
        }
    }

    fn write(&self, [luma_scale, color_scale]: &[Scale; 2], means: &mut [i16; 3], bits: &mut Bits) {
        let stride = self.stride;
        for unit in 0..stride / UNIT {
            for at in [0, 8, stride * 8, stride * 8 + 8] {
                let samples = self.luma.get(unit * UNIT + at..).unwrap_or_default();
                let block = quantised(samples, stride, luma_scale);
                bits.put_block(&block, means[0], &LUMA_DC_CODES, &LUMA_AC_CODES);
                means[0] = block[0];
            }
            for (plane, mean) in [&self.cb, &self.cr].into_iter().zip(&mut means[1..]) {
                let samples = plane.get(unit * UNIT / 2..).unwrap_or_default();
                let block = quantised(samples, stride / 2, color_scale);
                bits.put_block(&block, *mean, &COLOR_DC_CODES, &COLOR_AC_CODES);
                *mean = block[0];
            }
        }
    }
}

/// Repeats the last pixel to the end.
fn widen(row: &[u8], to: &mut [u8]) {
    let (own, rest) = to.split_at_mut(row.len().min(to.len()));
    own.copy_from_slice(row);
    if let Some(last) = row.last_chunk::<3>() {
        rest.as_chunks_mut::<3>().0.fill(*last);
    }
}

#[cfg(test)]
mod tests;
