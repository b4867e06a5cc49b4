//! How a text is set: font, size, colour and place from its own value, then from the zones that
//! govern it, then from its zone's defaults.

use domain::{
    Area, Color, Customizations, Product, TextAlign, TextArcSide, TextVerticalAlign, Zone,
    ZoneType, ZoneValue,
};
use imaging::{Align, ArcSide, Content, TextLayer, VerticalAlign};

/// The smallest size in pixels a text is wished to have where its zone says nothing: the smallest that
/// is still read on a screen.
const MIN_SIZE_PX: f32 = 10.0;

/// The layer's content; `None` for a zone without text.
pub(super) fn content(
    zone: &Zone,
    product: &Product,
    customizations: &Customizations,
) -> Option<Content> {
    let Some(ZoneValue::Text(value)) = customizations.get(&zone.id) else {
        return None;
    };
    if value.text.trim().is_empty() {
        return None;
    }
    // Intake fills a zone's default into the value, so a value that is the default is nobody's choice.
    let own_font = value
        .font
        .as_deref()
        .filter(|font| zone.default_font.as_deref() != Some(font));
    let font = own_font
        .or_else(|| font_for(zone, product, customizations))
        .or(zone.default_font.as_deref());
    let own_size = value.size.filter(|size| zone.default_size != Some(*size));
    let size = own_size
        .or_else(|| size_for(zone, product, customizations))
        .or(zone.default_size)
        .or(zone.max_size);
    let max_size_px = bounded(zone, size);
    let smallest = zone.min_size.map_or(MIN_SIZE_PX, |size| size as f32);
    let default_color = || zone.default_color.as_deref()?.parse::<Color>().ok();
    Some(Content::Text(TextLayer {
        text: value.text.clone(),
        font: font.unwrap_or_default().to_owned(),
        color: value.color.or_else(default_color).map(imaging::Color::from),
        min_size_px: smallest.clamp(1.0, max_size_px),
        max_size_px,
        align: match zone.options.align {
            Some(TextAlign::Left) => Align::Left,
            Some(TextAlign::Right) => Align::Right,
            Some(TextAlign::Center) | None => Align::Center,
        },
        vertical_align: match zone.options.vertical_align {
            Some(TextVerticalAlign::Top) => VerticalAlign::Top,
            Some(TextVerticalAlign::Bottom) => VerticalAlign::Bottom,
            Some(TextVerticalAlign::Middle) | None => VerticalAlign::Middle,
        },
        letter_spacing_em: zone.options.letter_spacing.unwrap_or_default() as f32,
        arc: zone.options.arc.map(|arc| imaging::Arc {
            radius_px: arc.radius_px(zone.area.width) as f32,
            side: match arc.side {
                TextArcSide::Outside => ArcSide::Outside,
                TextArcSide::Inside => ArcSide::Inside,
            },
        }),
    }))
}

/// The wanted size within the zone's bounds; without a wish, as large as the zone is high.
fn bounded(zone: &Zone, size: Option<i32>) -> f32 {
    let Some(size) = size else {
        return (zone.area.height as f32).max(1.0);
    };
    let size = zone.max_size.map_or(size, |most| size.min(most));
    let size = zone.min_size.map_or(size, |least| size.max(least));
    size.max(1) as f32
}

/// A chosen font, where the text's zone allows it.
fn font_for<'a>(
    zone: &Zone,
    product: &Product,
    customizations: &'a Customizations,
) -> Option<&'a str> {
    governing(zone, product, ZoneType::Font).find_map(|setting| {
        match customizations.get(&setting.id)? {
            ZoneValue::Font { font } if allows(zone, font) => Some(font.as_str()),
            _ => None,
        }
    })
}

fn allows(zone: &Zone, font: &str) -> bool {
    let fonts = &zone.allowed_fonts;
    fonts.is_empty() || fonts.iter().any(|known| known.eq_ignore_ascii_case(font))
}

fn size_for(zone: &Zone, product: &Product, customizations: &Customizations) -> Option<i32> {
    governing(zone, product, ZoneType::Size).find_map(|setting| {
        match customizations.get(&setting.id)? {
            ZoneValue::Size { size } => Some(*size),
            _ => None,
        }
    })
}

/// Where the text stands: its zone, moved so that the texts of a POSITION zone together have their
/// centre at the chosen point, and kept inside the product.
pub(super) fn area(zone: &Zone, product: &Product, customizations: &Customizations) -> Area {
    let moved =
        governing(zone, product, ZoneType::Position).find_map(|setting| {
            match customizations.get(&setting.id)? {
                ZoneValue::Position { x, y } => Some((setting, *x, *y)),
                _ => None,
            }
        });
    let Some((setting, x, y)) = moved else {
        return zone.area;
    };
    let group = governed(setting, product);
    let (middle_x, middle_y) = middle(&group);
    let Area { width, height, .. } = zone.area;
    let inside = |at: f64, side: f64, whole: u32| at.clamp(0.0, (f64::from(whole) - side).max(0.0));
    Area {
        x: inside(zone.area.x + x - middle_x, width, product.output_width_px),
        y: inside(zone.area.y + y - middle_y, height, product.output_height_px),
        ..zone.area
    }
}

/// The middle of the rectangle around all of these zones.
fn middle(zones: &[&Zone]) -> (f64, f64) {
    let least = |of: fn(&Area) -> f64| zones.iter().map(|z| of(&z.area)).fold(f64::MAX, f64::min);
    let most = |of: fn(&Area) -> f64| zones.iter().map(|z| of(&z.area)).fold(f64::MIN, f64::max);
    let x = f64::midpoint(least(|a| a.x), most(|a| a.x + a.width));
    let y = f64::midpoint(least(|a| a.y), most(|a| a.y + a.height));
    (x, y)
}

/// The setting zones of a kind that govern a text, in their order.
fn governing<'a>(
    zone: &'a Zone,
    product: &'a Product,
    kind: ZoneType,
) -> impl Iterator<Item = &'a Zone> {
    product
        .zones
        .iter()
        .filter(move |setting| setting.kind == kind)
        .filter(move |setting| {
            governed(setting, product)
                .iter()
                .any(|text| text.id == zone.id)
        })
}

/// The TEXT zones that a setting zone governs: those it overlaps, else all.
fn governed<'a>(setting: &Zone, product: &'a Product) -> Vec<&'a Zone> {
    let texts = || {
        product
            .zones
            .iter()
            .filter(|zone| zone.kind == ZoneType::Text)
    };
    let touched: Vec<&Zone> = texts()
        .filter(|zone| overlap(&zone.area, &setting.area))
        .collect();
    if touched.is_empty() {
        texts().collect()
    } else {
        touched
    }
}

/// Whether two rectangles overlap before rotation.
fn overlap(one: &Area, other: &Area) -> bool {
    one.x < other.x + other.width
        && other.x < one.x + one.width
        && one.y < other.y + other.height
        && other.y < one.y + one.height
}
