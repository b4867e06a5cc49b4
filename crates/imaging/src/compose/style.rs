//! The closed sets a plan is written in, and the spellings they are read from.

use std::str::FromStr;

use crate::ImagingError;

/// How a layer sits on the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RenderStyle {
    /// Flat on the surface.
    #[default]
    Print,
    /// Cut into the surface: shadow on the edge towards the light, highlight on the far lip.
    Engraved,
    /// Raised from the surface: highlight towards the light, shadow behind.
    Embossed,
    /// Standing off the surface, with a soft shadow below it.
    Shadow3d,
}

impl FromStr for RenderStyle {
    type Err = ImagingError;

    /// Reads the spellings in use: case, `-`, `_` and spaces do not count.
    fn from_str(name: &str) -> Result<Self, ImagingError> {
        let folded: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        match folded.as_str() {
            "print" | "printed" | "flat" | "normal" | "none" => Ok(Self::Print),
            "engrave" | "engraved" | "engraving" => Ok(Self::Engraved),
            "emboss" | "embossed" | "embossing" => Ok(Self::Embossed),
            "3dshadow" | "shadow3d" | "3d" | "threed" | "threedshadow" | "shadow" => {
                Ok(Self::Shadow3d)
            }
            _ => Err(ImagingError::UnknownName {
                what: "render style",
                value: name.to_owned(),
            }),
        }
    }
}

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

impl FromStr for Color {
    type Err = ImagingError;

    /// Reads `#rgb`, `#rrggbb` or `#rrggbbaa`; the `#` may be missing.
    fn from_str(text: &str) -> Result<Self, ImagingError> {
        let unknown = || ImagingError::UnknownName {
            what: "colour",
            value: text.to_owned(),
        };
        let trimmed = text.trim();
        let hex = trimmed.strip_prefix('#').unwrap_or(trimmed);
        let digits: Option<Vec<u8>> = hex
            .chars()
            .map(|digit| digit.to_digit(16).map(|value| value as u8))
            .collect();
        match *digits.ok_or_else(unknown)?.as_slice() {
            [r, g, b] => Ok(Self::rgb(r * 17, g * 17, b * 17)),
            [r1, r0, g1, g0, b1, b0] => Ok(Self::rgb(r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0)),
            [r1, r0, g1, g0, b1, b0, a1, a0] => Ok(Self {
                r: r1 * 16 + r0,
                g: g1 * 16 + g0,
                b: b1 * 16 + b0,
                a: a1 * 16 + a0,
            }),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Color, RenderStyle};

    #[test]
    fn every_spelling_of_a_render_style_is_read() {
        for (name, style) in [
            ("engraved", RenderStyle::Engraved),
            ("engrave", RenderStyle::Engraved),
            ("ENGRAVED", RenderStyle::Engraved),
            ("emboss", RenderStyle::Embossed),
            ("Embossed", RenderStyle::Embossed),
            ("3d_shadow", RenderStyle::Shadow3d),
            ("3D-Shadow", RenderStyle::Shadow3d),
            ("THREE_D", RenderStyle::Shadow3d),
            ("print", RenderStyle::Print),
            ("PRINTED", RenderStyle::Print),
        ] {
            assert_eq!(name.parse::<RenderStyle>().unwrap(), style, "{name}");
        }
        assert!("glitter".parse::<RenderStyle>().is_err());
    }

    #[test]
    fn colours_are_read_from_hex_and_nothing_else() {
        assert_eq!("#fff".parse::<Color>().unwrap(), Color::WHITE);
        assert_eq!(
            "c8A45c".parse::<Color>().unwrap(),
            Color::rgb(0xC8, 0xA4, 0x5C)
        );
        assert_eq!(
            "#01020380".parse::<Color>().unwrap(),
            Color {
                r: 1,
                g: 2,
                b: 3,
                a: 128
            }
        );
        for wrong in ["", "#", "#ff", "red", "#ggg", "#12345", "#é1"] {
            assert!(wrong.parse::<Color>().is_err(), "{wrong}");
        }
    }
}
