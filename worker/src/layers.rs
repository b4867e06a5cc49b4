//! From zones and what fills them to layers of pixels. Pure.
//!
//! | zone | layer |
//! |---|---|
//! | PATTERN | the generated picture, covering the zone |
//! | IMAGE | the shopper's picture; without one, the generated picture if there is no PATTERN zone |
//! | COLOR | a flat colour: as a dye (multiplied) where it is printed, as a body of its own in relief |
//! | TEXT | the text, drawn exactly |
//! | FONT, SIZE, POSITION | no layer: they set the texts they govern |
//!
//! A FONT, SIZE or POSITION zone governs the TEXT zones it overlaps; one that overlaps none governs
//! all of them. A product without base photograph and without a place for the generated picture has
//! that picture as its background.

use std::sync::Arc;

use domain::{Customizations, PictureFit, Product, RenderStyle, Zone, ZoneType, ZoneValue};
use imaging::{
    Area, Base, Blend, Color, Composition, Content, Fit, Layer, Picture, PictureLayer, Relief,
};

use crate::inputs::Inputs;

mod text;

/// The whole plan.
pub(crate) fn plan(
    product: &Product,
    customizations: &Customizations,
    inputs: &Inputs,
    generated: &Arc<Picture>,
) -> Composition {
    let places = generated_zones(product, customizations);
    let ground = inputs
        .base
        .as_ref()
        .or(places.is_empty().then_some(generated));
    let layer = |zone: &&Zone| {
        let content = if places.iter().any(|place| place.id == zone.id) {
            Some(placed(zone, generated))
        } else {
            content(zone, product, customizations, inputs)
        };
        content.map(|content| layer(zone, product, customizations, content))
    };
    Composition {
        background: Color::WHITE,
        base: ground.map(|picture| Base {
            picture: Arc::clone(picture),
            fit: Fit::Cover,
        }),
        layers: in_order(product).iter().filter_map(layer).collect(),
        ..blank(product)
    }
}

/// Only the base photograph, as the finished picture shows it.
pub(crate) fn photograph_alone(product: &Product, base: &Arc<Picture>) -> Composition {
    Composition {
        background: Color::WHITE,
        base: Some(Base {
            picture: Arc::clone(base),
            fit: Fit::Cover,
        }),
        ..blank(product)
    }
}

/// Only the texts, to learn whether they can be drawn.
pub(crate) fn texts_alone(product: &Product, customizations: &Customizations) -> Composition {
    let layers = in_order(product).into_iter().filter_map(|zone| {
        let content = text::content(zone, product, customizations)?;
        Some(layer(zone, product, customizations, content))
    });
    Composition {
        layers: layers.collect(),
        ..blank(product)
    }
}

/// The size to ask for: the largest zone the generated picture goes to, else the whole output.
pub(crate) fn generated_size(product: &Product, customizations: &Customizations) -> (u32, u32) {
    let places = generated_zones(product, customizations);
    let largest = |side: fn(&Zone) -> f64| {
        places
            .iter()
            .map(|zone| side(zone).ceil().max(1.0) as u32)
            .max()
    };
    let width = largest(|zone| zone.area.width).unwrap_or(product.output_width_px);
    let height = largest(|zone| zone.area.height).unwrap_or(product.output_height_px);
    (width, height)
}

/// Whether the generated picture has a place at all.
pub(crate) fn shows_generated(product: &Product, customizations: &Customizations) -> bool {
    let has_base = product.base_image.is_some() || product.base_image_url.is_some();
    !has_base || !generated_zones(product, customizations).is_empty()
}

/// The zones that show the generated picture.
fn generated_zones<'a>(product: &'a Product, customizations: &Customizations) -> Vec<&'a Zone> {
    let of_kind = |kind| product.zones.iter().filter(move |zone| zone.kind == kind);
    let patterns: Vec<&Zone> = of_kind(ZoneType::Pattern).collect();
    if !patterns.is_empty() {
        return patterns;
    }
    of_kind(ZoneType::Image)
        .filter(|zone| customizations.get(&zone.id).is_none())
        .collect()
}

fn blank(product: &Product) -> Composition {
    Composition {
        width: product.output_width_px,
        height: product.output_height_px,
        background: Color::TRANSPARENT,
        base: None,
        layers: Vec::new(),
    }
}

fn in_order(product: &Product) -> Vec<&Zone> {
    let mut zones: Vec<&Zone> = product.zones.iter().collect();
    zones.sort_by_key(|zone| zone.order);
    zones
}

fn placed(zone: &Zone, picture: &Arc<Picture>) -> Content {
    Content::Picture(PictureLayer {
        picture: Arc::clone(picture),
        fit: match zone.options.fit {
            Some(PictureFit::Contain) => Fit::Contain,
            Some(PictureFit::Fill) => Fit::Fill,
            Some(PictureFit::Cover) | None => Fit::Cover,
        },
    })
}

fn content(
    zone: &Zone,
    product: &Product,
    customizations: &Customizations,
    inputs: &Inputs,
) -> Option<Content> {
    match customizations.get(&zone.id)? {
        ZoneValue::Image(_) => {
            let picture = inputs.pictures.get(&zone.id);
            picture.map(|picture| placed(zone, picture))
        }
        ZoneValue::Color { color } => Some(Content::Fill(Color::from(*color))),
        ZoneValue::Text(_) => text::content(zone, product, customizations),
        ZoneValue::Pattern { .. }
        | ZoneValue::Font { .. }
        | ZoneValue::Size { .. }
        | ZoneValue::Position { .. } => None,
    }
}

fn layer(
    zone: &Zone,
    product: &Product,
    customizations: &Customizations,
    content: Content,
) -> Layer {
    let value = customizations.get(&zone.id);
    let (area, effect) = match value {
        Some(ZoneValue::Text(text)) => (text::area(zone, product, customizations), text.effect),
        _ => (zone.area, zone.style()),
    };
    let dyed = zone.kind == ZoneType::Color && effect == RenderStyle::Print;
    Layer {
        blend: if dyed { Blend::Multiply } else { Blend::Normal },
        style: effect,
        relief: relief(zone),
        opacity: zone.options.opacity.unwrap_or(1.0) as f32,
        ..Layer::new(zone.id.clone(), self::area(area), content)
    }
}

fn relief(zone: &Zone) -> Relief {
    let usual = Relief::default();
    let number = |option: Option<f64>, usual| option.map_or(usual, |option| option as f32);
    Relief {
        light_degrees: number(zone.options.light, usual.light_degrees),
        depth: number(zone.options.depth, usual.depth),
    }
}

fn area(area: domain::Area) -> Area {
    let domain::Area {
        x,
        y,
        width,
        height,
        rotation,
    } = area;
    Area {
        x,
        y,
        width,
        height,
        rotation_degrees: rotation,
    }
}

#[cfg(test)]
#[path = "layers/tests.rs"]
mod tests;
