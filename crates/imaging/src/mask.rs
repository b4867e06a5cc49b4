//! Masks: which part of a picture somebody else may draw anew.
//!
//! Providers read them in two ways: as a picture without transparency, white where it may change, or by
//! the alpha of a picture, transparent where it may change. Here a mask is neither; it becomes either.

use crate::{ImagingError, Picture};

/// Which pixels of a picture may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    /// Whether each may, rows from the top.
    changes: Vec<bool>,
}

impl Mask {
    /// Of a picture of `width` by `height` pixels, the rectangle that begins `x` from the left and `y` from
    /// the top may change, as far as it lies inside. Sides that are no whole pixels are rounded.
    ///
    /// # Errors
    /// [`ImagingError::Empty`] for a picture without pixels, [`ImagingError::InvalidPlan`] where no pixel of
    /// it lies in the rectangle: nothing could be drawn.
    pub fn of_rectangle(
        (width, height): (u32, u32),
        (x, y): (f64, f64),
        (area_width, area_height): (f64, f64),
    ) -> Result<Self, ImagingError> {
        if width == 0 || height == 0 {
            return Err(ImagingError::Empty { width, height });
        }
        let span = |from: f64, length: f64, most: u32| {
            let clamped = |px: f64| px.round().clamp(0.0, f64::from(most)) as u32;
            clamped(from)..clamped(from + length)
        };
        let (columns, rows) = (span(x, area_width, width), span(y, area_height, height));
        if columns.is_empty() || rows.is_empty() {
            let reason = "the part that may change lies outside of the picture";
            return Err(ImagingError::plan("", reason));
        }
        let changes = (0..height)
            .flat_map(|row| {
                let is_inside = rows.contains(&row);
                let columns = columns.clone();
                (0..width).map(move |column| is_inside && columns.contains(&column))
            })
            .collect();
        Ok(Self {
            width,
            height,
            changes,
        })
    }

    /// White where it may change, black elsewhere, without transparency.
    ///
    /// # Errors
    /// None: a mask always has a size.
    pub fn in_white(&self) -> Result<Picture, ImagingError> {
        let sample = |change: &bool| [if *change { 255 } else { 0 }; 3];
        let rgb: Vec<u8> = self.changes.iter().flat_map(sample).collect();
        Picture::from_rgb(self.width, self.height, rgb)
    }

    /// Transparent where it may change, opaque black elsewhere. A mask of which everything may change has
    /// no opaque pixel.
    ///
    /// # Errors
    /// None: a mask always has a size.
    pub fn in_transparency(&self) -> Result<Picture, ImagingError> {
        let pixel = |change: &bool| [0, 0, 0, if *change { 0 } else { 255 }];
        let rgba: Vec<u8> = self.changes.iter().flat_map(pixel).collect();
        Picture::from_straight_rgba(self.width, self.height, rgba)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, encode};

    /// The colour type in a PNG's header; 4 and 6 have an alpha channel.
    fn has_alpha(picture: &Picture) -> bool {
        let png = encode(picture, Format::Png).unwrap();
        matches!(png[25], 4 | 6)
    }

    #[test]
    fn both_conventions_name_the_same_pixels_and_their_files_tell_which_it_is() {
        let mask = Mask::of_rectangle((7, 5), (1.6, 1.0), (2.9, 2.0)).unwrap();
        let (white, transparent) = (mask.in_white().unwrap(), mask.in_transparency().unwrap());
        for y in 0..5 {
            for x in 0..7 {
                let inside = (2..5).contains(&x) && (1..3).contains(&y);
                let (in_white, in_alpha) = match inside {
                    true => ([255; 4], [0; 4]),
                    false => ([0, 0, 0, 255], [0, 0, 0, 255]),
                };
                assert_eq!(white.pixel(x, y), Some(in_white), "{x},{y}");
                assert_eq!(transparent.pixel(x, y), Some(in_alpha), "{x},{y}");
            }
        }
        assert!(!has_alpha(&white) && has_alpha(&transparent));
    }

    #[test]
    fn a_part_that_reaches_over_the_edge_ends_there_and_one_outside_is_refused() {
        let mask = Mask::of_rectangle((4, 4), (-3.0, 2.0), (5.0, 90.0)).unwrap();
        assert_eq!(mask.changes.iter().filter(|change| **change).count(), 4);
        let all = Mask::of_rectangle((4, 4), (0.0, 0.0), (4.0, 4.0)).unwrap();
        assert!(has_alpha(&all.in_transparency().unwrap()));
        for (at, size) in [((4.0, 0.0), (9.0, 9.0)), ((1.0, 1.0), (0.3, 2.0))] {
            let refused = Mask::of_rectangle((4, 4), at, size);
            assert!(matches!(refused, Err(ImagingError::InvalidPlan { .. })));
        }
        assert!(Mask::of_rectangle((0, 4), (0.0, 0.0), (1.0, 1.0)).is_err());
    }
}
