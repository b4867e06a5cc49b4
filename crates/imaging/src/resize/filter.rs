//! Lanczos's filter of three lobes, from a table.
//!
//! The resizer asks for each weight anew whenever it is called, and two sines a weight were a
//! noticeable part of resizing in bands. The table is interpolated to within a millionth of the
//! largest weight; the resizer's own weights have fourteen bits.

use std::cell::Cell;
use std::sync::LazyLock;

use fast_image_resize::{Filter, FilterType};

use crate::ImagingError;

/// Half the width of the filter, in output pixels (where it shrinks).
pub(super) const LOBES: f64 = 3.0;
/// Entries of the table for each lobe.
const STEPS: f64 = 1024.0;

static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let sinc = |x: f64| match x * std::f64::consts::PI {
        0.0 => 1.0,
        x => x.sin() / x,
    };
    let entries = 0..=(LOBES * STEPS) as u32 + 1;
    entries
        .map(|entry| f64::from(entry) / STEPS)
        .map(|x| {
            if x < LOBES {
                sinc(x) * sinc(x / LOBES)
            } else {
                0.0
            }
        })
        .collect()
});

thread_local! {
    /// See [`of_halved`]: the resizer takes a bare function, which cannot carry it.
    static HALF_APART: Cell<f64> = const { Cell::new(0.0) };
}

/// The filter itself.
pub(super) fn lanczos() -> Result<FilterType, ImagingError> {
    made("Lanczos3", weight, LOBES)
}

/// The filter for rows that were halved by their mean first, `scale` source rows an output row.
///
/// A mean of two takes a little of what is fine away. To the same degree the mean of two weights so
/// far apart takes from the filter; added back, the two together are Lanczos again but for what is
/// finer still. On the photographs of `benches/peers/imaging`, shrunk four times, this is 56.1 dB
/// from 64-bit floats, where Lanczos on halved rows is 53.0 and Lanczos on all rows 58.0.
pub(super) fn of_halved(scale: f64) -> Result<FilterType, ImagingError> {
    let apart = 0.5 / scale;
    HALF_APART.set(apart);
    made("Lanczos3 of halved rows", sharpened, LOBES + apart)
}

fn made(name: &'static str, of: fn(f64) -> f64, reach: f64) -> Result<FilterType, ImagingError> {
    Filter::new(name, of, reach)
        .map(FilterType::Custom)
        .map_err(|error| ImagingError::internal("a filter", error))
}

fn sharpened(x: f64) -> f64 {
    let apart = HALF_APART.get();
    2.0 * weight(x) - (weight(x - apart) + weight(x + apart)) / 2.0
}

fn weight(x: f64) -> f64 {
    let place = x.abs() * STEPS;
    let Some([before, after]) = TABLE
        .get(place as usize..)
        .and_then(|t| t.first_chunk::<2>())
    else {
        return 0.0;
    };
    before + (after - before) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_filter() {
        for step in -40_000..40_000 {
            let x = f64::from(step) / 10_000.0;
            let sinc = |x: f64| {
                let x = x * std::f64::consts::PI;
                if x == 0.0 { 1.0 } else { x.sin() / x }
            };
            let expected = if x.abs() < 3.0 {
                sinc(x) * sinc(x / 3.0)
            } else {
                0.0
            };
            assert!((weight(x) - expected).abs() < 1e-6, "{x}");
        }
    }
}
