//! The places on a product that a shopper may fill: rows of `"CustomizationZone"`.

mod options;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lane::UnknownName;
use crate::render_style::RenderStyle;

pub use options::{
    PictureFit, TextAlign, TextArc, TextArcSide, TextVerticalAlign, ZONE_OPTIONS_KEY, ZoneOptions,
};

/// What a zone takes, with the names of the `CustomizationType` enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ZoneType {
    /// A text, drawn exactly by imaging.
    Text,
    /// A picture of the shopper's.
    Image,
    /// A flat colour.
    Color,
    /// A pattern described in words, drawn by the provider.
    Pattern,
    /// A font by name.
    Font,
    /// A whole number, in the brand's unit.
    Size,
    /// A point on the product, in output pixels.
    Position,
}

impl ZoneType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Image,
        Self::Color,
        Self::Pattern,
        Self::Font,
        Self::Size,
        Self::Position,
    ];

    /// The name in the `CustomizationType` enum.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Image => "IMAGE",
            Self::Color => "COLOR",
            Self::Pattern => "PATTERN",
            Self::Font => "FONT",
            Self::Size => "SIZE",
            Self::Position => "POSITION",
        }
    }
}

impl FromStr for ZoneType {
    type Err = UnknownName;

    /// Takes any case, because catalogs and widgets write `text` as well as `TEXT`.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl fmt::Display for ZoneType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rectangle on the product, in pixels of its output size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// The left edge before rotation.
    pub x: f64,
    /// The upper edge before rotation.
    pub y: f64,
    /// Pixels from left to right.
    pub width: f64,
    /// Pixels from top to bottom.
    pub height: f64,
    /// Degrees clockwise about the centre.
    pub rotation: f64,
}

impl Area {
    /// Whether the rectangle, before rotation, has a size and lies inside a picture of that size.
    pub fn lies_inside(&self, width_px: u32, height_px: u32) -> bool {
        let finite = [self.x, self.y, self.width, self.height, self.rotation]
            .into_iter()
            .all(f64::is_finite);
        finite
            && self.x >= 0.0
            && self.y >= 0.0
            && self.width > 0.0
            && self.height > 0.0
            && self.x + self.width <= f64::from(width_px)
            && self.y + self.height <= f64::from(height_px)
    }
}

/// A place a shopper may fill, and the bounds of what may stand there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// The key of the zone in `customizations`.
    pub id: String,
    /// What people call it; templates name it in its identifier form.
    pub name: String,
    /// What it takes.
    pub kind: ZoneType,
    /// Where it is.
    pub area: Area,
    /// Longest text in graphemes; `None` means [`DEFAULT_MAX_LENGTH`].
    pub max_length: Option<u32>,
    /// The characters a text may hold, in the notation of [`crate::AllowedChars`]; `None` is any.
    pub allowed_chars: Option<String>,
    /// The fonts to choose from; empty is any.
    pub allowed_fonts: Vec<String>,
    /// The colours to choose from, as written by the brand; empty is any.
    pub allowed_colors: Vec<String>,
    /// Smallest size: of the font in a TEXT zone, of the value in a SIZE zone.
    pub min_size: Option<i32>,
    /// Largest size, as `min_size`.
    pub max_size: Option<i32>,
    /// What stands there when the shopper says nothing.
    pub default_value: Option<String>,
    /// The font when the shopper names none.
    pub default_font: Option<String>,
    /// The colour when the shopper names none.
    pub default_color: Option<String>,
    /// The size when the shopper names none.
    pub default_size: Option<i32>,
    /// The render style as stored; [`Zone::style`] reads it.
    pub render_style: String,
    /// Zones are drawn from the lowest number to the highest.
    pub order: i32,
    /// Whether a generation without it is refused.
    pub required: bool,
    /// How it is drawn, beyond its columns.
    #[serde(default)]
    pub options: ZoneOptions,
}

/// Longest text of a zone without `max_length`, in graphemes. Our choice: more than any engraving
/// holds, less than what would make a prompt or a layout a means of attack.
pub const DEFAULT_MAX_LENGTH: u32 = 200;

impl Zone {
    /// How the zone's content is laid on the product. A stored name that is no known style reads
    /// as flat print, the style that changes the content least.
    pub fn style(&self) -> RenderStyle {
        self.render_style.parse().unwrap_or(RenderStyle::Print)
    }

    /// Longest text in graphemes.
    pub fn max_graphemes(&self) -> usize {
        usize::try_from(self.max_length.unwrap_or(DEFAULT_MAX_LENGTH)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_names_are_those_of_the_database_enum() {
        for kind in ZoneType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse::<ZoneType>().unwrap(), kind);
            assert_eq!(
                kind.as_str().to_lowercase().parse::<ZoneType>().unwrap(),
                kind
            );
        }
        assert!("SOUND".parse::<ZoneType>().is_err());
    }

    #[test]
    fn an_area_must_have_a_size_and_stay_inside() {
        let area = Area {
            x: 10.0,
            y: 10.0,
            width: 90.0,
            height: 40.0,
            rotation: 15.0,
        };
        assert!(area.lies_inside(100, 50));
        assert!(!area.lies_inside(99, 50));
        assert!(!area.lies_inside(100, 49));
        assert!(!Area { x: -1.0, ..area }.lies_inside(100, 50));
        assert!(!Area { width: 0.0, ..area }.lies_inside(100, 50));
        assert!(
            !Area {
                height: f64::NAN,
                ..area
            }
            .lies_inside(100, 50)
        );
        assert!(
            !Area {
                rotation: f64::INFINITY,
                ..area
            }
            .lies_inside(100, 50)
        );
    }
}
