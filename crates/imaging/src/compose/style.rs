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

/// What a mode makes of a sample `below` and one `above`, both straight and from 0 to 1, by the
/// formulas of W3C Compositing.
pub(super) fn blended(mode: Blend, below: f32, above: f32) -> f32 {
    let screen = |a: f32, b: f32| a + b - a * b;
    let hard = |cb: f32, cs: f32| {
        if cs <= 0.5 {
            cb * 2.0 * cs
        } else {
            screen(cb, 2.0 * cs - 1.0)
        }
    };
    match mode {
        Blend::Normal => above,
        Blend::Multiply => below * above,
        Blend::Screen => screen(below, above),
        Blend::Overlay => hard(above, below),
        Blend::SoftLight if above <= 0.5 => below - (1.0 - 2.0 * above) * below * (1.0 - below),
        Blend::SoftLight => {
            let d = if below <= 0.25 {
                ((16.0 * below - 12.0) * below + 4.0) * below
            } else {
                below.sqrt()
            };
            below + (2.0 * above - 1.0) * (d - below)
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

/// Where a block of lines stands from top to bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VerticalAlign {
    /// At the upper edge.
    Top,
    /// In the middle.
    #[default]
    Middle,
    /// At the lower edge.
    Bottom,
}

/// A curved baseline. The circle's centre lies below the middle of the zone, or above it for text
/// inside; it depends on the zone and the radius alone, not on the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    /// Of the circle on which the middle of the letters stands, in pixels.
    pub radius_px: f32,
    /// Which side of the circle is up.
    pub side: ArcSide,
}

/// On which side of its circle a text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ArcSide {
    /// On the upper half, heads away from the centre: the text rises in its middle.
    #[default]
    Outside,
    /// On the lower half, heads towards the centre: the text sinks in its middle.
    Inside,
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
