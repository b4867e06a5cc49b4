//! What to draw: a base and one layer per zone, in pixels of the output.

use std::sync::Arc;

use super::{Align, Arc as Curve, Blend, Color, Fit, Relief, RenderStyle, VerticalAlign};
use crate::{ImagingError, Picture};

/// Most pixels an output may have; the same bound as for what is decoded.
pub(super) const MAX_OUTPUT_PIXELS: u64 = 40_000_000;
/// Longest side an output or a placed picture may have.
pub(super) const MAX_SIDE_PX: u32 = 16_384;
/// Largest text, in pixels per em.
const MAX_TEXT_PX: f32 = 16_384.0;
/// Least width and height of an area that holds text: no letter can be told from a dot in less.
const MIN_TEXT_AREA_PX: f64 = 1.0;
/// Bounds of the space between letters, in ems: beyond them letters overlap or lose each other.
const LETTER_SPACING_EM: std::ops::RangeInclusive<f32> = -0.2..=2.0;
/// Most layers of one composition. A product has a handful of zones.
pub(super) const MAX_LAYERS: usize = 256;

/// A picture to make.
#[derive(Clone, Debug)]
pub struct Composition {
    /// Width of the output in pixels.
    pub width: u32,
    /// Height of the output in pixels.
    pub height: u32,
    /// What shows where nothing else is drawn.
    pub background: Color,
    /// The product's photograph.
    pub base: Option<Base>,
    /// Drawn in this order, the last on top.
    pub layers: Vec<Layer>,
}

/// The photograph under all layers.
#[derive(Clone, Debug)]
pub struct Base {
    /// The pixels.
    pub picture: Arc<Picture>,
    /// How it fills the output.
    pub fit: Fit,
}

/// One zone with its content.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Names the layer in the report and in errors; usually the zone's id.
    pub id: String,
    /// Where.
    pub area: Area,
    /// 0 (unseen) to 1.
    pub opacity: f32,
    /// How it mixes with what lies below.
    pub blend: Blend,
    /// How it sits on the product.
    pub style: RenderStyle,
    /// The light on it, for the styles that have relief.
    pub relief: Relief,
    /// What.
    pub content: Content,
}

impl Layer {
    /// A fully opaque layer that is printed on the product.
    #[must_use]
    pub fn new(id: impl Into<String>, area: Area, content: Content) -> Self {
        Self {
            id: id.into(),
            area,
            opacity: 1.0,
            blend: Blend::Normal,
            style: RenderStyle::Print,
            relief: Relief::default(),
            content,
        }
    }
}

/// A rectangle, turned about its own centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge before turning, in pixels of the output.
    pub x: f64,
    /// Top edge before turning.
    pub y: f64,
    /// Width, above zero.
    pub width: f64,
    /// Height, above zero.
    pub height: f64,
    /// Clockwise.
    pub rotation_degrees: f64,
}

/// What a layer shows.
#[derive(Clone, Debug)]
pub enum Content {
    /// A picture: generated, or the shopper's own.
    Picture(PictureLayer),
    /// One colour over the whole area.
    Fill(Color),
    /// Text, drawn exactly as given.
    Text(TextLayer),
}

/// A picture placed into an area.
#[derive(Clone, Debug)]
pub struct PictureLayer {
    /// The pixels.
    pub picture: Arc<Picture>,
    /// How it fills the area.
    pub fit: Fit,
}

/// Text fitted into an area.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLayer {
    /// What to write. A line feed starts a new line; other lines break between words where that
    /// lets the text stand larger.
    pub text: String,
    /// Family name, looked up by [`crate::Fonts`].
    pub font: String,
    /// Colour of the letters. `None` is black in print, and in relief the product's own material.
    pub color: Option<Color>,
    /// Smallest wanted size in pixels per em. Text that only fits below it is drawn smaller and
    /// reported.
    pub min_size_px: f32,
    /// Largest size in pixels per em.
    pub max_size_px: f32,
    /// Where lines stand in the area, from left to right.
    pub align: Align,
    /// Where the block of lines stands, from top to bottom.
    pub vertical_align: VerticalAlign,
    /// Added between letters, in ems; scripts with joined letters stay joined.
    pub letter_spacing_em: f32,
    /// A curved baseline.
    pub arc: Option<Curve>,
}

impl Default for TextLayer {
    /// No text, of any size up to 16 384 pixels, in the middle.
    fn default() -> Self {
        Self {
            text: String::new(),
            font: String::new(),
            color: None,
            min_size_px: 1.0,
            max_size_px: MAX_TEXT_PX,
            align: Align::Center,
            vertical_align: VerticalAlign::Middle,
            letter_spacing_em: 0.0,
            arc: None,
        }
    }
}

impl Composition {
    /// Refuses what cannot be drawn before anything is allocated.
    pub(super) fn check(&self) -> Result<(), ImagingError> {
        if self.width == 0 || self.height == 0 {
            return Err(ImagingError::Empty {
                width: self.width,
                height: self.height,
            });
        }
        let pixels = u64::from(self.width) * u64::from(self.height);
        if pixels > MAX_OUTPUT_PIXELS || self.width.max(self.height) > MAX_SIDE_PX {
            return Err(ImagingError::TooManyPixels {
                width: self.width,
                height: self.height,
                max_pixels: MAX_OUTPUT_PIXELS,
                max_side_px: MAX_SIDE_PX,
            });
        }
        if self.layers.len() > MAX_LAYERS {
            return Err(ImagingError::plan("", "too many layers"));
        }
        self.layers.iter().try_for_each(Layer::check)
    }
}

impl Layer {
    fn check(&self) -> Result<(), ImagingError> {
        let Area {
            x,
            y,
            width,
            height,
            rotation_degrees,
        } = self.area;
        let limit = f64::from(MAX_SIDE_PX);
        let fault = |reason| Err(ImagingError::plan(&self.id, reason));
        if !(rotation_degrees.is_finite() && x.abs() <= limit && y.abs() <= limit) {
            return fault("position or rotation out of range");
        }
        if !(width > 0.0 && width <= limit && height > 0.0 && height <= limit) {
            return fault("width and height must be above zero and at most 16384");
        }
        if !self.relief.is_valid() {
            return fault("a relief's depth must be from 0.1 to 5, its light a finite angle");
        }
        if !(0.0..=1.0).contains(&self.opacity) {
            return fault("opacity must be from 0 to 1");
        }
        if let Content::Text(text) = &self.content {
            if width < MIN_TEXT_AREA_PX || height < MIN_TEXT_AREA_PX {
                return fault("text needs an area of at least one pixel by one");
            }
            return text.fault().map_or(Ok(()), fault);
        }
        Ok(())
    }
}

impl TextLayer {
    fn fault(&self) -> Option<&'static str> {
        let (least, most) = (self.min_size_px, self.max_size_px);
        if !(least > 0.0 && least <= most && most <= MAX_TEXT_PX) {
            return Some("text sizes must be above zero, the smaller one first");
        }
        if !LETTER_SPACING_EM.contains(&self.letter_spacing_em) {
            return Some("letter spacing must be from -0.2 to 2 ems");
        }
        self.arc
            .is_some_and(|arc| !(1.0..=1e6).contains(&arc.radius_px))
            .then_some("an arc's radius must be from 1 to 1000000 pixels")
    }
}
