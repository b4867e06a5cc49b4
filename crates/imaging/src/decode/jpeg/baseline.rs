//! The usual JPEG: one scan, Huffman codes in sequence, grey or YCbCr, where all components come out at the
//! size that is asked for without being spread.
//!
//! That is every colour picture with half of the colour samples each way, decoded at a half, a quarter or an
//! eighth: there its colour blocks are simply not made smaller. Everything else, damaged files included, is
//! left to `jpeg-decoder`, which is slower, starts threads of its own and decides what is an error. See
//! docs/adr/0043.

mod bits;
mod color;
mod component;
mod huffman;
mod tables;
#[cfg(test)]
mod tests;
mod transform;

use self::bits::Entropy;
use self::component::Component;
use self::tables::Tables;
use super::segments::Segments;

/// RGB at a `denominator`-th of the size (1, 2, 4 or 8), sides rounded up. `None` for what is left to the other
/// decoder.
pub(super) fn read(segments: &Segments<'_>, denominator: u32) -> Option<Vec<u8>> {
    if !segments.is_baseline() {
        return None;
    }
    let (scan, data) = segments.first_scan?;
    let tables = Tables::read(&segments.tables)?;
    let denominator = denominator as usize;
    let components = Component::all(segments.described, scan, &tables, denominator)?;
    let first = components.first()?;
    let unit = (first.blocks.0 * first.side.0, first.blocks.1 * first.side.1);
    let (width, height) = (segments.width as usize, segments.height as usize);
    let grid = Grid {
        unit,
        units: (
            width.div_ceil(unit.0 * denominator),
            height.div_ceil(unit.1 * denominator),
        ),
        size: (width.div_ceil(denominator), height.div_ceil(denominator)),
    };
    grid.read(&components, &Entropy::new(data)?, tables.restart)
}

/// How the picture is made up of units.
struct Grid {
    /// Samples of a unit, across and down.
    unit: (usize, usize),
    /// Units, across and down.
    units: (usize, usize),
    /// Pixels, across and down.
    size: (usize, usize),
}

impl Grid {
    fn read(
        &self,
        components: &[Component<'_>],
        entropy: &Entropy,
        restart: usize,
    ) -> Option<Vec<u8>> {
        let (across, down) = self.units;
        let every = if restart == 0 { across * down } else { restart };
        let mut runs = entropy.runs();
        if runs.len() != (across * down).div_ceil(every) {
            return None;
        }
        let stride = across * self.unit.0;
        // A row of units.
        let mut planes: Vec<Vec<u8>> = components
            .iter()
            .map(|_| vec![0; stride * self.unit.1])
            .collect();
        let mut rgb = vec![0; self.size.0 * self.size.1 * 3];
        let mut bits = runs.next()?;
        let mut left = every;
        let mut means = [0; 3];
        for band in rgb.chunks_mut(self.size.0 * 3 * self.unit.1) {
            for unit in 0..across {
                if left == 0 {
                    if bits.is_overdrawn() {
                        return None;
                    }
                    (bits, left, means) = (runs.next()?, every, [0; 3]);
                }
                left -= 1;
                for ((component, plane), mean) in components.iter().zip(&mut planes).zip(&mut means)
                {
                    component.unit(
                        &mut bits,
                        mean,
                        plane.get_mut(unit * self.unit.0..)?,
                        stride,
                    )?;
                }
            }
            self.colored(&planes, stride, band);
        }
        (!bits.is_overdrawn()).then_some(rgb)
    }

    /// Turns a row of units into rows of pixels.
    fn colored(&self, planes: &[Vec<u8>], stride: usize, band: &mut [u8]) {
        let width = self.size.0;
        let mut lines = planes.iter().map(|plane| plane.chunks_exact(stride));
        match (lines.next(), lines.next(), lines.next()) {
            (Some(y), Some(cb), Some(cr)) => {
                for (rgb, ((y, cb), cr)) in band.chunks_mut(width * 3).zip(y.zip(cb).zip(cr)) {
                    color::row(&y[..width], &cb[..width], &cr[..width], rgb);
                }
            }
            (Some(grey), ..) => {
                for (rgb, grey) in band.chunks_mut(width * 3).zip(grey) {
                    color::grey_row(&grey[..width], rgb);
                }
            }
            _ => {}
        }
    }
}
