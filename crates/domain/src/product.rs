//! What is personalised, and how its pictures are asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{BrandId, ProductId};
use crate::lane::UnknownName;
use crate::zones::Zone;

/// The file format of a finished picture, with the words of `"Product"."outputFormat"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum OutputFormat {
    /// Lossless, with transparency.
    Png,
    /// Lossy, without transparency.
    Jpg,
    /// Lossy, with transparency.
    Webp,
}

impl OutputFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpg, Self::Webp];

    /// The stored word, which is also the file extension.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The media type for HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl FromStr for OutputFormat {
    type Err = UnknownName;

    /// Takes any case, and `jpeg` for `jpg`.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpg),
            "webp" => Ok(Self::Webp),
            _ => Err(UnknownName(text.to_owned())),
        }
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<OutputFormat> for &'static str {
    fn from(format: OutputFormat) -> Self {
        format.as_str()
    }
}

impl TryFrom<String> for OutputFormat {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

/// How the product is shown in augmented reality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArSettings {
    /// Whether AR data may be asked for at all.
    pub enabled: bool,
    /// `face`, `body`, `surface` or `hand`.
    pub tracking_type: String,
    /// Scale of the model; 1 is life size.
    pub scale: f64,
    /// Offset of the model as the brand stored it.
    pub offset: Option<serde_json::Value>,
}

impl Default for ArSettings {
    /// The defaults of the `"Product"` columns.
    fn default() -> Self {
        Self {
            enabled: true,
            tracking_type: "surface".to_owned(),
            scale: 1.0,
            offset: None,
        }
    }
}

/// A product with its zones: everything that intake, prompt and composition need to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// The brand that sells it.
    pub brand_id: BrandId,
    /// Its name in addresses, unique within the brand.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The base photograph's key in the object store.
    pub base_image: Option<String>,
    /// The base photograph's address, when it lies elsewhere.
    pub base_image_url: Option<String>,
    /// The brand's template; `None` means [`crate::DEFAULT_TEMPLATE`].
    pub prompt_template: Option<String>,
    /// What the picture must not show.
    pub negative_prompt: Option<String>,
    /// The preferred provider's name.
    pub ai_provider: String,
    /// The provider's quality word, such as `standard`.
    pub quality: String,
    /// Format of the full-size picture.
    pub output_format: OutputFormat,
    /// Width of the full-size picture in pixels.
    pub output_width_px: u32,
    /// Height of the full-size picture in pixels.
    pub output_height_px: u32,
    /// Whether generations are accepted: status ACTIVE and `isActive`.
    pub active: bool,
    /// Augmented reality.
    pub ar: ArSettings,
    /// Its zones in drawing order.
    pub zones: Vec<Zone>,
}

/// A reusable way to ask for pictures: a row of `"Template"`. Where a generation names one, its
/// fields go before the product's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// The template's source.
    pub prompt_template: String,
    /// What the picture must not show.
    pub negative_prompt: Option<String>,
    /// The preferred provider's name.
    pub ai_provider: String,
    /// The provider's model name.
    pub model: String,
    /// The provider's quality word.
    pub quality: String,
    /// The provider's style word.
    pub style: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_back_and_jpeg_is_jpg() {
        for format in OutputFormat::ALL {
            assert_eq!(format.as_str().parse::<OutputFormat>().unwrap(), format);
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        assert_eq!("JPEG".parse::<OutputFormat>().unwrap(), OutputFormat::Jpg);
        assert!("gif".parse::<OutputFormat>().is_err());
    }
}
