//! Products as files: what a brand writes down and `catalog apply` loads.
//!
//! The file form has its own types, because files are written by people: unknown fields are refused,
//! most fields have a default, and every fault is reported with a pointer to its field
//! (`/zone/2/width`). What is valid here can be stored and generated without further checks.

mod check;

use serde::{Deserialize, Serialize};

use crate::generation_options::{ProductBackground, ProductOperation};
use crate::ids::{BrandId, ProductId};
use crate::product::{ArSettings, OutputFormat, Product};
use crate::zones::{Area, Zone, ZoneOptions, ZoneType};

pub use check::validate;

/// One product file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductSpec {
    /// The product's id; applying a file with the same id again changes that product.
    pub id: String,
    /// Its name in addresses: `a-z`, `0-9` and single hyphens between them.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// The base photograph's file, relative to the product file.
    pub base_image: String,
    /// Width of the full-size picture in pixels.
    #[serde(default = "default_side_px")]
    pub output_width: u32,
    /// Height of the full-size picture in pixels.
    #[serde(default = "default_side_px")]
    pub output_height: u32,
    /// Format of the full-size picture.
    #[serde(default = "default_format")]
    pub output_format: OutputFormat,
    /// The shop's category.
    #[serde(default)]
    pub category: Option<String>,
    /// The shop's tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The preferred provider's name; `auto` leaves the choice to the brand, then to the platform.
    #[serde(default = "default_provider")]
    pub provider: String,
    /// Who else may serve it when that one cannot: `provider` or `provider/model`, in order. None leaves
    /// that to the brand, then to the platform; an empty list means nobody.
    #[serde(default)]
    pub fallback: Option<Vec<String>>,
    /// What is asked of the provider.
    #[serde(default)]
    pub generation: GenerationSpec,
    /// The provider's model; none leaves the choice to the provider's routing.
    #[serde(default)]
    pub model: Option<String>,
    /// The provider's quality word.
    #[serde(default = "default_quality")]
    pub quality: String,
    /// The provider's style word.
    #[serde(default = "default_style")]
    pub style: String,
    /// How to ask for the picture; none means the default template.
    #[serde(default)]
    pub prompt: Option<PromptSpec>,
    /// The zones, one `[[zone]]` each.
    #[serde(default, rename = "zone")]
    pub zones: Vec<ZoneSpec>,
}

/// What is asked of the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationSpec {
    /// `generate`, `edit` or `remove-background`; none means `generate`.
    #[serde(default)]
    pub operation: Option<String>,
    /// What is edited: `base`, or the id of a required IMAGE zone.
    #[serde(default)]
    pub input: Option<String>,
    /// The id of the product's PATTERN zone, which then shows that part of the edited photograph; none
    /// where all of it may change. Only where `base` is edited.
    #[serde(default)]
    pub mask: Option<String>,
    /// What is behind the subject.
    #[serde(default)]
    pub background: ProductBackground,
}

impl GenerationSpec {
    /// The operation; none where the words do not fit together.
    pub fn operation(&self) -> Option<ProductOperation> {
        let word = self.operation.as_deref().unwrap_or("generate");
        ProductOperation::from_words(word, self.input.as_deref(), self.mask.as_deref())
    }
}

/// How to ask for the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// The template's source.
    pub template: String,
    /// What the picture must not show.
    #[serde(default)]
    pub negative: Option<String>,
}

/// One zone as a file has it. The fields are those of [`Zone`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is documented on Zone and Area")]
pub struct ZoneSpec {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ZoneType,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    #[serde(default)]
    pub rotation: f64,
    #[serde(default)]
    pub max_length: Option<u32>,
    #[serde(default)]
    pub allowed_chars: Option<String>,
    #[serde(default)]
    pub allowed_fonts: Vec<String>,
    #[serde(default)]
    pub allowed_colors: Vec<String>,
    #[serde(default)]
    pub min_size: Option<i32>,
    #[serde(default)]
    pub max_size: Option<i32>,
    #[serde(default)]
    pub default_value: Option<String>,
    #[serde(default)]
    pub default_font: Option<String>,
    #[serde(default)]
    pub default_color: Option<String>,
    #[serde(default)]
    pub default_size: Option<i32>,
    #[serde(default = "default_render_style")]
    pub render_style: String,
    #[serde(default)]
    pub required: bool,
    /// Zones without an order are drawn in the order of the file.
    #[serde(default)]
    pub order: Option<i32>,
    #[serde(default)]
    pub options: ZoneOptions,
}

// The defaults are those of the `"Product"`, `"Template"` and `"CustomizationZone"` columns.
fn default_side_px() -> u32 {
    1024
}
fn default_format() -> OutputFormat {
    OutputFormat::Png
}
fn default_provider() -> String {
    "openai".to_owned()
}
fn default_quality() -> String {
    "standard".to_owned()
}
fn default_style() -> String {
    "natural".to_owned()
}
fn default_render_style() -> String {
    "engraved".to_owned()
}

impl ProductSpec {
    /// The product this file describes, active, with its zones in drawing order. `base_image` is
    /// the object key under which the caller stored the file's photograph.
    pub fn to_product(&self, brand_id: BrandId, base_image: Option<String>) -> Product {
        Product {
            id: ProductId(self.id.clone()),
            brand_id,
            slug: self.slug.clone(),
            name: self.name.clone(),
            base_image,
            base_image_url: None,
            prompt_template: self.prompt.as_ref().map(|prompt| prompt.template.clone()),
            negative_prompt: self
                .prompt
                .as_ref()
                .and_then(|prompt| prompt.negative.clone()),
            ai_provider: self.provider.clone(),
            quality: self.quality.clone(),
            output_format: self.output_format,
            output_width_px: self.output_width,
            output_height_px: self.output_height,
            active: true,
            ar: ArSettings::default(),
            zones: self.to_zones(),
        }
    }

    /// The zones in drawing order.
    pub fn to_zones(&self) -> Vec<Zone> {
        let mut zones: Vec<Zone> = (0..)
            .zip(&self.zones)
            .map(|(i, spec)| spec.to_zone(i))
            .collect();
        zones.sort_by_key(|zone| zone.order);
        zones
    }
}

impl ZoneSpec {
    /// The zone; `position` in the file is its order where it names none.
    pub fn to_zone(&self, position: i32) -> Zone {
        let Self {
            x,
            y,
            width,
            height,
            rotation,
            ..
        } = *self;
        Zone {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind,
            area: Area {
                x,
                y,
                width,
                height,
                rotation,
            },
            max_length: self.max_length,
            allowed_chars: self.allowed_chars.clone(),
            allowed_fonts: self.allowed_fonts.clone(),
            allowed_colors: self.allowed_colors.clone(),
            min_size: self.min_size,
            max_size: self.max_size,
            default_value: self.default_value.clone(),
            default_font: self.default_font.clone(),
            default_color: self.default_color.clone(),
            default_size: self.default_size,
            render_style: self.render_style.clone(),
            order: self.order.unwrap_or(position),
            required: self.required,
            options: self.options,
        }
    }
}
