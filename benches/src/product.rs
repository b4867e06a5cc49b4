//! The two products everything is measured on.
//!
//! The demo's espresso set stands for real work: a photograph of 0.7 megapixels, five zones of four
//! types, an engraved text. The tiny card stands for no work at all: 16 × 16 pixels and one text, so
//! that what is left is the way through the system.

use std::path::Path;

use anyhow::{Context, bail};
use domain::{OutputFormat, ProductSpec, ZoneOptions, ZoneSpec, ZoneType};
use imaging::{DecodeLimits, Format};
use serde_json::{Value, json};

/// The folder of the demo's products.
const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/demo/catalog");

/// Side of the tiny card in pixels, the smallest a product may have. At 64 the synthetic provider's
/// drawing was still measured to take almost half of a worker's processor time.
const TINY_SIDE_PX: u32 = 16;

/// A product with all that a measurement needs of it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The product as its file has it.
    pub spec: ProductSpec,
    /// Its base photograph, as a JPEG file.
    pub photograph: Vec<u8>,
    /// `customizations` of a request that fills its zones.
    pub customizations: Value,
}

impl Subject {
    /// The same product under another id, for a further brand: ids of products and of zones are
    /// unique in the whole database.
    #[must_use]
    pub fn for_brand(&self, number: usize) -> Self {
        let mut copy = self.clone();
        copy.spec.id = format!("{}_{number}", self.spec.id);
        let mut filled = serde_json::Map::new();
        for zone in &mut copy.spec.zones {
            let id = format!("{}_{number}", zone.id);
            if let Some(value) = self.customizations.get(&zone.id) {
                filled.insert(id.clone(), value.clone());
            }
            zone.id = id;
        }
        copy.customizations = Value::Object(filled);
        copy
    }
}

/// The demo's espresso set, with every zone filled.
///
/// # Errors
/// When the demo's catalog is not in the checkout or has faults.
pub fn demo() -> anyhow::Result<Subject> {
    let folder = Path::new(CATALOG).join("coffee-cup");
    let file = folder.join("product.toml");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let spec: ProductSpec = toml::from_str(&text)?;
    let customizations = json!({
        "zone_mug_card": { "color": "#2f4a3a" },
        "zone_mug_pattern": { "pattern": "a fox asleep under a fir tree" },
        "zone_mug_name": { "text": "Zoë & André", "font": "Dancing Script" },
        "zone_mug_note": { "text": "for slow mornings" },
        "zone_mug_font": { "font": "Dancing Script" },
    });
    checked(Subject {
        photograph: std::fs::read(folder.join(&spec.base_image))?,
        spec,
        customizations,
    })
}

/// The tiny card, with its one zone filled.
///
/// # Errors
/// When the demo's catalog, whose photograph it shrinks, is not in the checkout.
pub fn tiny() -> anyhow::Result<Subject> {
    let large = demo()?;
    let picture = imaging::decode(&large.photograph, &DecodeLimits::default())?;
    let small = imaging::resize(&picture, TINY_SIDE_PX, TINY_SIDE_PX)?;
    let spec = ProductSpec {
        id: "prod_bench_card".to_owned(),
        slug: "card".to_owned(),
        name: "A small card".to_owned(),
        description: None,
        base_image: "base.jpg".to_owned(),
        output_width: TINY_SIDE_PX,
        output_height: TINY_SIDE_PX,
        output_format: OutputFormat::Png,
        category: None,
        tags: Vec::new(),
        zones: vec![name_zone()],
        ..large.spec
    };
    checked(Subject {
        photograph: imaging::encode(&small, Format::JPEG_85)?,
        customizations: json!({ "zone_card_name": { "text": "Ada" } }),
        spec: ProductSpec {
            // The demo's template names the demo's zones.
            prompt: None,
            ..spec
        },
    })
}

fn name_zone() -> ZoneSpec {
    ZoneSpec {
        id: "zone_card_name".to_owned(),
        name: "Name".to_owned(),
        kind: ZoneType::Text,
        x: 0.0,
        y: 4.0,
        width: 16.0,
        height: 8.0,
        rotation: 0.0,
        max_length: Some(20),
        allowed_chars: None,
        allowed_fonts: Vec::new(),
        allowed_colors: Vec::new(),
        min_size: Some(4),
        max_size: Some(8),
        default_value: None,
        default_font: Some("Inter".to_owned()),
        default_color: Some("#202020".to_owned()),
        default_size: None,
        render_style: "print".to_owned(),
        required: true,
        order: None,
        options: ZoneOptions::default(),
    }
}

fn checked(subject: Subject) -> anyhow::Result<Subject> {
    if let Err(faults) = domain::validate(&subject.spec) {
        bail!("product {} has faults: {faults:?}", subject.spec.id);
    }
    Ok(subject)
}

#[cfg(test)]
mod tests {
    use domain::Customizations;

    use super::*;

    #[test]
    fn both_subjects_accept_their_own_customizations_for_any_brand() {
        for subject in [
            demo().unwrap(),
            tiny().unwrap(),
            demo().unwrap().for_brand(7),
        ] {
            let product = subject.spec.to_product("brand".into(), None);
            let parsed = Customizations::parse(&product, &subject.customizations).unwrap();
            assert_eq!(
                parsed.entries.len(),
                subject.spec.zones.len(),
                "{}",
                subject.spec.id
            );
        }
    }

    #[test]
    fn subjects_of_two_brands_share_no_id() {
        let subject = demo().unwrap();
        let (one, two) = (subject.for_brand(1), subject.for_brand(2));
        assert_ne!(one.spec.id, two.spec.id);
        let shared = |zone: &ZoneSpec| two.spec.zones.iter().any(|other| other.id == zone.id);
        assert!(!one.spec.zones.iter().any(shared));
    }
}
