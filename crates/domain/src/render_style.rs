//! How a zone's content is laid on the product.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lane::UnknownName;

/// A way to lay content on the product. Imaging draws each of them; the catalog and the shopper's
/// `effect` field are checked against this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum RenderStyle {
    /// Laid flat over the base picture.
    Print,
    /// Cut into the surface.
    Engraved,
    /// Raised from the surface.
    Embossed,
    /// Standing on the surface with a cast shadow.
    Shadow3d,
}

impl RenderStyle {
    /// Every style.
    pub const ALL: [Self; 4] = [Self::Print, Self::Engraved, Self::Embossed, Self::Shadow3d];

    /// The name that is stored; the other spellings are accepted on input.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Print => "print",
            Self::Engraved => "engraved",
            Self::Embossed => "embossed",
            Self::Shadow3d => "3d_shadow",
        }
    }
}

impl FromStr for RenderStyle {
    type Err = UnknownName;

    /// Takes any case, `-` for `_`, and the older platform's other spellings: `engrave`, `emboss`,
    /// `THREE_D` and the like. Existing rows hold them, so they must go on working.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.to_ascii_lowercase().replace('-', "_").as_str() {
            "print" | "printed" | "flat" => Ok(Self::Print),
            "engrave" | "engraved" | "engraving" => Ok(Self::Engraved),
            "emboss" | "embossed" | "embossing" => Ok(Self::Embossed),
            "3d_shadow" | "3d" | "shadow_3d" | "three_d" | "three_d_shadow" => Ok(Self::Shadow3d),
            _ => Err(UnknownName(text.to_owned())),
        }
    }
}

impl fmt::Display for RenderStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<RenderStyle> for &'static str {
    fn from(style: RenderStyle) -> Self {
        style.as_str()
    }
}

impl TryFrom<String> for RenderStyle {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_reads_back_from_its_stored_name() {
        for style in RenderStyle::ALL {
            assert_eq!(style.as_str().parse::<RenderStyle>().unwrap(), style);
        }
    }

    #[test]
    fn the_older_spellings_name_the_same_styles() {
        for (text, style) in [
            ("engrave", RenderStyle::Engraved),
            ("ENGRAVED", RenderStyle::Engraved),
            ("EMBOSS", RenderStyle::Embossed),
            ("THREE_D", RenderStyle::Shadow3d),
            ("3D-shadow", RenderStyle::Shadow3d),
            ("Print", RenderStyle::Print),
        ] {
            assert_eq!(text.parse::<RenderStyle>().unwrap(), style, "{text}");
        }
    }

    #[test]
    fn an_unknown_style_is_refused() {
        assert!("hologram".parse::<RenderStyle>().is_err());
        assert!("".parse::<RenderStyle>().is_err());
    }
}
