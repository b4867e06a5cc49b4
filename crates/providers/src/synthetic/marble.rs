//! The picture itself: flowing marbled silk with fine veins, seamless from side to side, so that it
//! can run around a mug.
//!
//! The flow is computed on a coarse grid, because it is smooth and costs some fifty times a pixel's
//! colour; what lies between is interpolated by Catmull-Rom curves, which show no creases. Veins and colours are looked up per pixel and stay sharp.

use std::io;

use super::noise::Noise;
use super::palette::{Palette, Rgb};

/// Colours and vein strengths are tables this long: finer than 8-bit colour can show.
const TABLE: usize = 2048;
/// Cells of the flow along the shorter side: few, so that the picture stays calm behind a text.
const CELLS: f32 = 1.7;
/// How much longer than high a cell is: the flow runs along a band and not across it.
const STRETCH: f32 = 1.7;

/// What the flow says at one point: tone, vein position, vein strength, light.
const LAYERS: usize = 4;
const TONE: usize = 0;
const VEIN: usize = 1;
const VEIN_STRENGTH: usize = 2;
const LIGHT: usize = 3;

type Line = [Vec<f32>; LAYERS];

/// Gives the picture's rows of RGB bytes to `take`, from top to bottom. The caller has checked that
/// both sides are at least 1.
pub(crate) fn paint(
    width_px: u32,
    height_px: u32,
    seed: u64,
    palette: &Palette,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let flow = Flow::new(width_px, height_px, seed);
    let colours = Colours::new(palette);
    let width = width_px as usize;
    let mut row = vec![0; width * 3];
    let mut blended: Line = std::array::from_fn(|_| vec![0.0; width]);
    let mut window = [-1, 0, 1, 2].map(|line| flow.line(line, width));
    for y in 0..height_px as usize {
        if y > 0 && y % flow.step_px == 0 {
            window.rotate_left(1);
            window[3] = flow.line((y / flow.step_px) as i32 + 2, width);
        }
        let weights = curve((y % flow.step_px) as f32 / flow.step_px as f32);
        for (layer, out) in blended.iter_mut().enumerate() {
            blend(
                out,
                [0, 1, 2, 3].map(|line| window[line][layer].as_slice()),
                weights,
            );
        }
        colours.paint(&blended, &mut row);
        take(&row)?;
    }
    Ok(())
}

/// The weights of four neighbours for a point between the middle two (Catmull-Rom).
fn curve(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (2.0 * t2 - t - t3),
        0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
        0.5 * (t + 4.0 * t2 - 3.0 * t3),
        0.5 * (t3 - t2),
    ]
}

fn blend(out: &mut [f32], [a, b, c, d]: [&[f32]; 4], [wa, wb, wc, wd]: [f32; 4]) {
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out = a * wa + b * wb + c * wc + d * wd;
    }
}

/// The flow over the whole picture.
struct Flow {
    step_px: usize,
    warp_x: Noise,
    warp_y: Noise,
    tone: Noise,
    units_per_step: (f32, f32),
}

impl Flow {
    fn new(width_px: u32, height_px: u32, seed: u64) -> Self {
        let short = width_px.min(height_px) as f32;
        // Some hundred points along the shorter side show every bend.
        let step_px = [8, 4, 2]
            .into_iter()
            .find(|step| short / *step as f32 >= 90.0)
            .unwrap_or(1);
        // A whole number of cells fits the width: that closes the picture on itself.
        let cells_x = ((width_px as f32 / short * CELLS / STRETCH).round() as u32).max(2);
        let across = cells_x as f32 * step_px as f32 / width_px as f32;
        let down = CELLS * step_px as f32 / short;
        Self {
            step_px,
            warp_x: Noise::new(seed ^ 0x51, cells_x),
            warp_y: Noise::new(seed ^ 0xa2, cells_x),
            tone: Noise::new(seed ^ 0xf3, cells_x),
            units_per_step: (across, down),
        }
    }

    /// One line of grid points, spread over every pixel of a row.
    fn line(&self, line: i32, width: usize) -> Line {
        // One point before the first pixel and two behind the last, for the curve's neighbours.
        let points = width.div_ceil(self.step_px) as i32 + 3;
        let grid: Vec<[f32; LAYERS]> = (-1..points).map(|column| self.at(column, line)).collect();
        let weights: Vec<[f32; 4]> = (0..self.step_px)
            .map(|step| curve(step as f32 / self.step_px as f32))
            .collect();
        let mut spread: Line = std::array::from_fn(|_| vec![0.0; width]);
        for (layer, out) in spread.iter_mut().enumerate() {
            for (cell, pixels) in out.chunks_mut(self.step_px).enumerate() {
                let near = [0, 1, 2, 3].map(|offset| grid[cell + offset][layer]);
                for (pixel, weight) in pixels.iter_mut().zip(&weights) {
                    *pixel = near
                        .iter()
                        .zip(weight)
                        .map(|(value, part)| value * part)
                        .sum();
                }
            }
        }
        spread
    }

    fn at(&self, column: i32, line: i32) -> [f32; LAYERS] {
        let (across, down) = self.units_per_step;
        let (x, y) = (column as f32 * across, line as f32 * down);
        let bend_x = self.warp_x.layered(x, y, 2);
        let bend_y = self.warp_y.layered(x, y, 2);
        // The noise is read at a place that other noise has shifted: that is what makes it flow.
        let (x, y) = (x + 0.9 * bend_x, y + 1.3 * bend_y);
        let tone = self.tone.layered(x, y, 3);
        let lighter = self.tone.layered(x + 0.05, y - 0.09, 2) - self.tone.layered(x, y, 2);
        let vein = 1.1 * y + 1.2 * bend_x + 1.5 * tone;
        let strength = (0.6 + 1.6 * bend_x).clamp(0.0, 1.0);
        [
            0.5 + 0.85 * tone + 0.25 * bend_y,
            vein,
            strength,
            lighter * 2.6,
        ]
    }
}

/// Colours by tone, and how strongly a vein shows by its position.
struct Colours {
    by_tone: Vec<Rgb>,
    vein: Rgb,
    vein_by_position: Vec<f32>,
}

impl Colours {
    fn new(palette: &Palette) -> Self {
        let by_tone = (0..TABLE)
            .map(|index| tone_colour(palette, fraction(index)))
            .collect();
        let vein_by_position = (0..TABLE)
            .map(|index| vein_strength(fraction(index)))
            .collect();
        Self {
            by_tone,
            vein: palette.vein,
            vein_by_position,
        }
    }

    fn paint(&self, line: &Line, row: &mut [u8]) {
        let flow = line[TONE]
            .iter()
            .zip(&line[VEIN])
            .zip(&line[VEIN_STRENGTH])
            .zip(&line[LIGHT]);
        for (pixel, (((tone, vein), strength), light)) in row.chunks_exact_mut(3).zip(flow) {
            let colour = self.by_tone[index(*tone)];
            let part = self.vein_by_position[index(vein - vein.floor())] * strength;
            for ((out, base), vein) in pixel.iter_mut().zip(colour).zip(self.vein) {
                let lit = base + light * 90.0;
                // The cast saturates: below 0 is 0 and above 255 is 255.
                *out = (lit + (vein - lit) * part + 0.5) as u8;
            }
        }
    }
}

fn fraction(index: usize) -> f32 {
    index as f32 / (TABLE - 1) as f32
}

fn index(fraction: f32) -> usize {
    // The cast saturates at 0; the upper end is cut here.
    ((fraction * (TABLE - 1) as f32) as usize).min(TABLE - 1)
}

/// The colour at a tone from 0 to 1, softened between the stops and mixed as squares, which is
/// close to how light mixes.
fn tone_colour(palette: &Palette, tone: f32) -> Rgb {
    let place = tone * 3.0;
    let stop = (place as usize).min(2);
    let t = place - stop as f32;
    let soft = t * t * (3.0 - 2.0 * t);
    let (from, to) = (palette.stops[stop], palette.stops[stop + 1]);
    std::array::from_fn(|channel| {
        let (from, to) = (from[channel] * from[channel], to[channel] * to[channel]);
        (from + (to - from) * soft).sqrt()
    })
}

/// A hairline at position 0.5 and a faint wide one beside it.
fn vein_strength(position: f32) -> f32 {
    let line = |centre: f32, half_width: f32| {
        let t = (1.0 - (position - centre).abs() / half_width).max(0.0);
        t * t * (3.0 - 2.0 * t)
    };
    (0.9 * line(0.5, 0.02))
        .max(0.35 * line(0.56, 0.05))
        .max(0.25 * line(0.2, 0.012))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// The start of the SHA-256 of one small picture.
    const GOLDEN: [u8; 8] = [85, 155, 252, 38, 76, 147, 219, 89];

    fn pixels(width_px: u32, height_px: u32, seed: u64) -> Vec<u8> {
        let mut pixels = Vec::new();
        let palette = Palette::of("blue with gold", 0);
        paint(width_px, height_px, seed, &palette, |row| {
            pixels.extend_from_slice(row);
            Ok(())
        })
        .unwrap();
        pixels
    }

    #[test]
    fn the_same_seed_gives_the_same_pixels_on_every_machine_and_build() {
        let digest = Sha256::digest(pixels(96, 64, 5));
        assert_eq!(digest[..8], GOLDEN);
        assert_ne!(pixels(96, 64, 5), pixels(96, 64, 6));
    }

    #[test]
    fn every_size_down_to_one_pixel_is_painted_in_full() {
        for (width, height) in [
            (1, 1),
            (1, 40),
            (40, 1),
            (7, 9),
            (8, 8),
            (17, 33),
            (900, 190),
        ] {
            assert_eq!(pixels(width, height, 1).len() as u32, width * height * 3);
        }
    }

    #[test]
    fn a_picture_has_depth_and_is_not_one_flat_colour() {
        let pixels = pixels(320, 160, 5);
        let darkest = pixels.chunks(3).map(|rgb| rgb[2]).min().unwrap();
        let lightest = pixels.chunks(3).map(|rgb| rgb[2]).max().unwrap();
        assert!(lightest - darkest > 100, "{darkest} to {lightest}");
    }

    #[test]
    fn the_flow_meets_itself_at_the_other_side() {
        let flow = Flow::new(640, 320, 3);
        for line in 0..40 {
            let (left, right) = (flow.at(0, line), flow.at(640 / flow.step_px as i32, line));
            for (left, right) in left.iter().zip(right) {
                assert!((left - right).abs() < 2e-3, "{left} {right}");
            }
        }
    }
}
