//! Geometry: where an area lies on the output, and how a picture fills it.

use tiny_skia::{Point, Transform};

use super::plan::MAX_SIDE_PX;
use super::{Area, Fit};
use crate::ImagingError;
use crate::resize::Crop;

/// A rectangle of whole pixels of the output, not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelRect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Area {
    /// With edges on whole pixels unless turned, so that upright pictures and plates have sharp
    /// edges.
    pub(super) fn snapped(self) -> Self {
        if self.is_turned() {
            return self;
        }
        let (x, y) = (self.x.round(), self.y.round());
        Self {
            x,
            y,
            width: ((self.x + self.width).round() - x).max(1.0),
            height: ((self.y + self.height).round() - y).max(1.0),
            rotation_degrees: 0.0,
        }
    }

    pub(super) fn is_turned(self) -> bool {
        self.rotation_degrees.rem_euclid(360.0).abs() > f64::EPSILON
    }

    /// From the area's own pixels, origin at its top left corner, to the output's.
    pub(super) fn transform(self) -> Transform {
        let (x, y) = (self.x as f32, self.y as f32);
        if !self.is_turned() {
            return Transform::from_translate(x, y);
        }
        let center_x = (self.x + self.width / 2.0) as f32;
        let center_y = (self.y + self.height / 2.0) as f32;
        let degrees = self.rotation_degrees.rem_euclid(360.0) as f32;
        Transform::from_rotate_at(degrees, center_x, center_y).pre_translate(x, y)
    }

    /// The upright rectangle around the turned area, `reach_px` wider on every side.
    fn bounds(self, reach_px: f32) -> [f32; 4] {
        let (width, height) = (self.width as f32, self.height as f32);
        let mut corners = [
            Point::from_xy(0.0, 0.0),
            Point::from_xy(width, 0.0),
            Point::from_xy(0.0, height),
            Point::from_xy(width, height),
        ];
        self.transform().map_points(&mut corners);
        let start = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        let [left, top, right, bottom] = corners.iter().fold(start, |[l, t, r, b], corner| {
            [
                l.min(corner.x),
                t.min(corner.y),
                r.max(corner.x),
                b.max(corner.y),
            ]
        });
        [
            left - reach_px,
            top - reach_px,
            right + reach_px,
            bottom + reach_px,
        ]
    }

    /// The output's pixels that the area may touch; `None` if it lies outside altogether.
    pub(super) fn pixels(self, reach_px: f32, width: u32, height: u32) -> Option<PixelRect> {
        let [left, top, right, bottom] = self.bounds(reach_px);
        let clamp = |value: f32, side: u32| (value.max(0.0) as u32).min(side);
        let (x0, y0) = (clamp(left.floor(), width), clamp(top.floor(), height));
        let (x1, y1) = (clamp(right.ceil(), width), clamp(bottom.ceil(), height));
        (x1 > x0 && y1 > y0).then(|| PixelRect {
            x: x0 as i32,
            y: y0 as i32,
            width: x1 - x0,
            height: y1 - y0,
        })
    }

    /// Whether part of the area lies outside the output. Half a pixel is forgiven to rounding.
    pub(super) fn sticks_out(self, width: u32, height: u32) -> bool {
        let [left, top, right, bottom] = self.bounds(0.0);
        left < -0.5 || top < -0.5 || right > width as f32 + 0.5 || bottom > height as f32 + 0.5
    }
}

/// A part of the source, the size it gets, and where that stands in the area.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) crop: Crop,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) offset_x: f32,
    pub(super) offset_y: f32,
}

/// Places a picture of `source` pixels into a rectangle of `target` pixels.
pub(super) fn place(
    fit: Fit,
    source: (u32, u32),
    target: (f64, f64),
) -> Result<Placement, ImagingError> {
    let (source_width, source_height) = (f64::from(source.0), f64::from(source.1));
    let (scale_x, scale_y) = (target.0 / source_width, target.1 / source_height);
    let whole = Crop {
        x: 0.0,
        y: 0.0,
        width: source_width,
        height: source_height,
    };
    let (crop, width, height) = match fit {
        Fit::Fill => (whole, target.0, target.1),
        Fit::Contain => {
            let scale = scale_x.min(scale_y);
            (whole, source_width * scale, source_height * scale)
        }
        Fit::Cover => {
            let scale = scale_x.max(scale_y);
            let width = (target.0 / scale).min(source_width);
            let height = (target.1 / scale).min(source_height);
            let crop = Crop {
                x: (source_width - width) / 2.0,
                y: (source_height - height) / 2.0,
                width,
                height,
            };
            (crop, target.0, target.1)
        }
    };
    let side = |px: f64| (px.round() as u32).clamp(1, MAX_SIDE_PX);
    let (out_width, out_height) = (side(width), side(height));
    if u64::from(out_width) * u64::from(out_height) > super::plan::MAX_OUTPUT_PIXELS {
        return Err(ImagingError::plan("", "a picture's area is too large"));
    }
    Ok(Placement {
        crop,
        width: out_width,
        height: out_height,
        offset_x: ((target.0 - f64::from(out_width)) / 2.0) as f32,
        offset_y: ((target.1 - f64::from(out_height)) / 2.0) as f32,
    })
}
