//! The picture itself: flowing marbled silk with fine veins, seamless from side to side, so that it
//! can run around a mug.
//!
//! The flow is computed on a coarse grid (one point per `STEP_PX` pixels), because it is smooth and
//! costs some fifty times a pixel's colour; rows between are interpolated by Catmull-Rom curves,
//! which show no creases. Veins and colours are looked up per pixel and stay sharp.

use std::io;

use super::noise::Noise;
use super::palette::{Palette, Rgb};
use super::png_writer::PngWriter;

const STEP_PX: usize = 8;
/// Colours and vein strengths are tables this long: finer than 8-bit colour can show.
const TABLE: usize = 2048;
/// Cells of the flow along the shorter side: few, so that the picture stays calm behind a text.
const CELLS: f32 = 2.2;

/// What the flow says at one point: tone, vein position, vein strength, light.
const LAYERS: usize = 4;
const TONE: usize = 0;
const VEIN: usize = 1;
const VEIN_STRENGTH: usize = 2;
const LIGHT: usize = 3;

type Line = [Vec<f32>; LAYERS];

/// Draws a picture and returns it as a PNG file. The caller has checked that both sides are at
/// least 1.
pub(crate) fn draw(
    width_px: u32,
    height_px: u32,
    seed: u64,
    palette: &Palette,
) -> io::Result<Vec<u8>> {
    let flow = Flow::new(width_px, height_px, seed);
    let colours = Colours::new(palette);
    let width = width_px as usize;
    let mut png = PngWriter::new(width_px, height_px)?;
    let mut row = vec![0; width * 3];
    let mut blended: Line = std::array::from_fn(|_| vec![0.0; width]);
    let mut window = [-1, 0, 1, 2].map(|line| flow.line(line, width));
    for y in 0..height_px as usize {
        if y > 0 && y % STEP_PX == 0 {
            window.rotate_left(1);
            window[3] = flow.line((y / STEP_PX) as i32 + 2, width);
        }
        let weights = curve((y % STEP_PX) as f32 / STEP_PX as f32);
        for (layer, out) in blended.iter_mut().enumerate() {
            blend(
                out,
                [0, 1, 2, 3].map(|line| window[line][layer].as_slice()),
                weights,
            );
        }
        colours.paint(&blended, &mut row);
        png.row(&row)?;
    }
    png.finish()
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
    warp_x: Noise,
    warp_y: Noise,
    tone: Noise,
    units_per_step: (f32, f32),
}

impl Flow {
    fn new(width_px: u32, height_px: u32, seed: u64) -> Self {
        let short = width_px.min(height_px) as f32;
        // A whole number of cells fits the width: that closes the picture on itself.
        let cells_x = ((width_px as f32 / short * CELLS).round() as u32).max(2);
        let across = cells_x as f32 * STEP_PX as f32 / width_px as f32;
        let down = CELLS * STEP_PX as f32 / short;
        Self {
            warp_x: Noise::new(seed ^ 0x51, cells_x),
            warp_y: Noise::new(seed ^ 0xa2, cells_x),
            tone: Noise::new(seed ^ 0xf3, cells_x),
            units_per_step: (across, down),
        }
    }

    /// One line of grid points, spread over every pixel of a row.
    fn line(&self, line: i32, width: usize) -> Line {
        // One point before the first pixel and two behind the last, for the curve's neighbours.
        let points = width.div_ceil(STEP_PX) as i32 + 3;
        let grid: Vec<[f32; LAYERS]> = (-1..points).map(|column| self.at(column, line)).collect();
        let mut spread: Line = std::array::from_fn(|_| vec![0.0; width]);
        let weights: [[f32; 4]; STEP_PX] =
            std::array::from_fn(|step| curve(step as f32 / STEP_PX as f32));
        for (layer, out) in spread.iter_mut().enumerate() {
            for (cell, pixels) in out.chunks_mut(STEP_PX).enumerate() {
                let near = [0, 1, 2, 3].map(|offset| grid[cell + offset][layer]);
                for (pixel, weight) in pixels.iter_mut().zip(weights) {
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
        let bend_x = self.warp_x.layered(x, y, 3);
        let bend_y = self.warp_y.layered(x, y, 3);
        // The noise is read at a place that other noise has shifted: that is what makes it flow.
        let (x, y) = (x + 1.5 * bend_x, y + 1.5 * bend_y);
        let tone = self.tone.layered(x, y, 3);
        let towards_light = self.tone.layered(x + 0.06, y - 0.09, 2) - self.tone.layered(x, y, 2);
        let vein = 0.8 * y + 1.3 * bend_x + 1.9 * tone;
        let strength = 0.5 + 1.6 * bend_y;
        [
            0.5 + 0.75 * tone + 0.2 * bend_y,
            vein,
            strength.clamp(0.0, 1.0),
            towards_light * 2.6,
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
    (0.9 * line(0.5, 0.022))
        .max(0.35 * line(0.56, 0.05))
        .max(0.25 * line(0.2, 0.012))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette() -> Palette {
        Palette::of("blue with gold", 0)
    }

    #[test]
    fn the_same_seed_gives_the_same_file_and_another_gives_another() {
        let first = draw(96, 64, 5, &palette()).unwrap();
        assert_eq!(first, draw(96, 64, 5, &palette()).unwrap());
        assert_ne!(first, draw(96, 64, 6, &palette()).unwrap());
    }

    #[test]
    fn every_size_down_to_one_pixel_is_drawn() {
        for (width, height) in [(1, 1), (1, 40), (40, 1), (7, 9), (8, 8), (17, 33)] {
            let file = draw(width, height, 1, &palette()).unwrap();
            assert_eq!(file[16..20], width.to_be_bytes());
            assert_eq!(file[20..24], height.to_be_bytes());
        }
    }

    #[test]
    fn the_flow_meets_itself_at_the_other_side() {
        let flow = Flow::new(640, 320, 3);
        for line in 0..40 {
            let (left, right) = (flow.at(0, line), flow.at(640 / STEP_PX as i32, line));
            for (left, right) in left.iter().zip(right) {
                assert!((left - right).abs() < 2e-3, "{left} {right}");
            }
        }
    }
}
