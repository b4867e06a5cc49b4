//! Products and zones as `/v1` shows them.

use domain::{Product, Zone};
use serde::Serialize;

/// A product with its zones.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProductView {
    /// Its id.
    #[schema(example = "prod_demo_mug")]
    id: String,
    /// Its name in addresses.
    #[schema(example = "coffee-cup")]
    slug: String,
    /// Its name for people.
    name: String,
    /// Whether generations are accepted.
    active: bool,
    /// Width of the full picture in pixels.
    output_width: u32,
    /// Height of the full picture in pixels.
    output_height: u32,
    /// `png`, `jpg` or `webp`.
    output_format: &'static str,
    /// The places to fill, in drawing order.
    zones: Vec<ZoneView>,
}

/// All products of a brand.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProductsView {
    /// By slug.
    pub(crate) data: Vec<ProductView>,
}

/// A place on a product.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ZoneView {
    /// The key in `customizations`.
    #[schema(example = "zone_mug_name")]
    id: String,
    /// Its name for people.
    name: String,
    /// `TEXT`, `IMAGE`, `COLOR`, `PATTERN`, `FONT`, `SIZE` or `POSITION`.
    #[serde(rename = "type")]
    #[schema(example = "TEXT")]
    kind: &'static str,
    /// Whether a generation without it is refused.
    required: bool,
    /// Left edge in output pixels.
    x: f64,
    /// Upper edge in output pixels.
    y: f64,
    /// Output pixels.
    width: f64,
    /// Output pixels.
    height: f64,
    /// Degrees clockwise about the centre.
    rotation: f64,
    /// Longest text in graphemes.
    max_length: Option<u32>,
    /// The characters a text may hold.
    allowed_chars: Option<String>,
    /// The fonts to choose from; empty is any.
    allowed_fonts: Vec<String>,
    /// The colours to choose from; empty is any.
    allowed_colors: Vec<String>,
    /// Smallest size.
    min_size: Option<i32>,
    /// Largest size.
    max_size: Option<i32>,
    /// What stands there when nothing is sent.
    default_value: Option<String>,
    /// How it is laid on the product.
    render_style: String,
}

impl From<&Product> for ProductView {
    fn from(product: &Product) -> Self {
        Self {
            id: product.id.to_string(),
            slug: product.slug.clone(),
            name: product.name.clone(),
            active: product.active,
            output_width: product.output_width_px,
            output_height: product.output_height_px,
            output_format: product.output_format.as_str(),
            zones: product.zones.iter().map(ZoneView::from).collect(),
        }
    }
}

impl From<&Zone> for ZoneView {
    fn from(zone: &Zone) -> Self {
        Self {
            id: zone.id.clone(),
            name: zone.name.clone(),
            kind: zone.kind.as_str(),
            required: zone.required,
            x: zone.area.x,
            y: zone.area.y,
            width: zone.area.width,
            height: zone.area.height,
            rotation: zone.area.rotation,
            max_length: zone.max_length,
            allowed_chars: zone.allowed_chars.clone(),
            allowed_fonts: zone.allowed_fonts.clone(),
            allowed_colors: zone.allowed_colors.clone(),
            min_size: zone.min_size,
            max_size: zone.max_size,
            default_value: zone.default_value.clone(),
            render_style: zone.render_style.clone(),
        }
    }
}
