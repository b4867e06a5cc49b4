//! The closed sets a plan is written in. Their spellings are read in `domain`.

/// How a layer mixes with what lies below, as W3C Compositing names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Blend {
    /// Covers.
    #[default]
    Normal,
    /// Darkens, as ink on paper or cloth.
    Multiply,
    /// Lightens, as light on a screen.
    Screen,
    /// Multiplies shadows and screens lights, so that the product's shading shows through.
    Overlay,
    /// As overlay, gentler.
    SoftLight,
}

impl Blend {
    pub(super) fn mode(self) -> tiny_skia::BlendMode {
        match self {
            Self::Normal => tiny_skia::BlendMode::SourceOver,
            Self::Multiply => tiny_skia::BlendMode::Multiply,
            Self::Screen => tiny_skia::BlendMode::Screen,
            Self::Overlay => tiny_skia::BlendMode::Overlay,
            Self::SoftLight => tiny_skia::BlendMode::SoftLight,
        }
    }
}

/// How a picture fills a rectangle of other proportions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// All of the picture shows, centred; the rest of the rectangle stays as it was.
    Contain,
    /// The rectangle is full; what sticks out on two sides is cut.
    #[default]
    Cover,
    /// Stretched to the rectangle.
    Fill,
}

/// Where lines of text stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Align {
    /// At the left edge.
    Left,
    /// In the middle.
    #[default]
    Center,
    /// At the right edge.
    Right,
}

/// An sRGB colour with straight alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
    /// 0 (unseen) to 255.
    pub a: u8,
}

impl Color {
    /// Opaque white.
    pub const WHITE: Self = Self::rgb(255, 255, 255);
    /// Opaque black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);
    /// Nothing at all.
    pub const TRANSPARENT: Self = Self {
        r: 0,
        g: 0,
        b: 0,
        a: 0,
    };

    /// An opaque colour.
    #[must_use]
    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Self { r, g, b, a: 255 }
    }

    pub(super) fn skia(self) -> tiny_skia::Color {
        tiny_skia::Color::from_rgba8(self.r, self.g, self.b, self.a)
    }
}

impl From<domain::Color> for Color {
    fn from(color: domain::Color) -> Self {
        Self::rgb(color.r, color.g, color.b)
    }
}
