//! From the JSON of a request to typed values, or every fault in it.

use serde_json::{Map, Value, json};

use super::field::{self, Faults, listed};
use super::given::{Field, Given};
use super::{Customization, Customizations, TextValue, ZoneValue};
use crate::field_error::{FieldError, child};
use crate::product::Product;
use crate::zones::{Zone, ZoneType};

/// The pointer of the customisations in a request body.
const ROOT: &str = "/customizations";

/// Most zones in one request, and in one product.
pub const MAX_ZONES: usize = 64;

/// Most bytes of JSON in one request's customisations, pictures not counted.
pub const MAX_CUSTOMIZATIONS_BYTES: usize = 64 * 1024;

/// What became of one zone.
enum Filled {
    /// It has a value.
    With(ZoneValue),
    /// The shopper sent an empty text: what an untouched field of a form sends.
    Emptied,
    /// Nothing was sent for it.
    Absent,
    /// What was sent is at fault, and the fault is noted.
    Faulty,
}

impl Customizations {
    /// Checks a request's `customizations` (an object keyed by zone id, or `null`) against the
    /// product's zones.
    ///
    /// A zone that was not sent takes its default. An empty text counts as not sent in a required
    /// zone; in another zone it leaves the zone empty, default or not, because the shopper has
    /// cleared it. A required zone with neither is a fault.
    ///
    /// # Errors
    /// Every fault, with its pointer from the root of the body. Past the limits on zones and bytes
    /// only that fault is reported.
    pub fn parse(product: &Product, value: &Value) -> Result<Self, Vec<FieldError>> {
        let empty = Map::new();
        let object = match value {
            Value::Null => &empty,
            Value::Object(object) => object,
            _ => {
                return Err(vec![FieldError::new(
                    ROOT,
                    "wrong_type",
                    "an object is expected",
                )]);
            }
        };
        check_limits(product, object).map_err(|fault| vec![fault])?;
        let mut faults = unknown_zones(product, object);
        let mut zones: Vec<&Zone> = product.zones.iter().collect();
        zones.sort_by_key(|zone| zone.order);
        let mut entries = Vec::new();
        for zone in zones {
            let given = object.get(&zone.id).unwrap_or(&Value::Null);
            let value = fill(product, zone, given, &mut faults);
            entries.extend(value.map(|value| Customization {
                zone_id: zone.id.clone(),
                value,
            }));
        }
        if faults.is_empty() {
            Ok(Self { entries })
        } else {
            Err(faults)
        }
    }
}

fn check_limits(product: &Product, object: &Map<String, Value>) -> Result<(), FieldError> {
    if object.len() > MAX_ZONES {
        let detail = format!("at most {MAX_ZONES} zones are allowed");
        return Err(FieldError::new(ROOT, "too_many_zones", detail));
    }
    let is_image = |id: &str| {
        product
            .zones
            .iter()
            .any(|zone| zone.id == id && zone.kind == ZoneType::Image)
    };
    let bytes: usize = object
        .iter()
        .filter(|(id, _)| !is_image(id))
        .map(|(id, value)| id.len() + value.to_string().len())
        .sum();
    if bytes > MAX_CUSTOMIZATIONS_BYTES {
        let detail = format!("at most {MAX_CUSTOMIZATIONS_BYTES} bytes of JSON besides pictures");
        return Err(FieldError::new(ROOT, "customizations_too_large", detail));
    }
    Ok(())
}

fn unknown_zones(product: &Product, object: &Map<String, Value>) -> Faults {
    let known: Vec<&str> = product.zones.iter().map(|zone| zone.id.as_str()).collect();
    let detail = match known.as_slice() {
        [] => "this product has no zones".to_owned(),
        known => format!("this product has the zones {}", listed(known)),
    };
    let strangers = object.keys().filter(|id| !known.contains(&id.as_str()));
    strangers
        .map(|id| FieldError::new(child(ROOT, id), "unknown_zone", detail.clone()))
        .collect()
}

/// The value of one zone: what was sent, else its default.
fn fill(product: &Product, zone: &Zone, given: &Value, faults: &mut Faults) -> Option<ZoneValue> {
    let pointer = child(ROOT, &zone.id);
    match read_zone(product, zone, &pointer, given, faults) {
        Filled::With(value) => return Some(value),
        Filled::Faulty => return None,
        Filled::Emptied if !zone.required => return None,
        Filled::Emptied | Filled::Absent => {}
    }
    // A default that breaks its own zone's bounds is the brand's fault, which the catalog reports;
    // here it is no default.
    let default = default_of(product, zone, &pointer, &mut Faults::new());
    if default.is_none() && zone.required {
        let detail = format!("the zone {:?} ({}) must be filled", zone.name, zone.kind);
        faults.push(FieldError::new(pointer, "required", detail));
    }
    default
}

/// The faults of a zone's default, at `pointer`: for the catalog.
pub(crate) fn default_faults(product: &Product, zone: &Zone, pointer: &str) -> Faults {
    let mut faults = Faults::new();
    default_of(product, zone, pointer, &mut faults);
    faults
}

/// The zone's default as a value; `None` when it has none or a faulty one.
fn default_of(
    product: &Product,
    zone: &Zone,
    pointer: &str,
    faults: &mut Faults,
) -> Option<ZoneValue> {
    match read_zone(product, zone, pointer, &default_json(zone), faults) {
        Filled::With(value) => Some(value),
        Filled::Emptied | Filled::Absent | Filled::Faulty => None,
    }
}

/// A zone's default as a shopper would have sent it. Defaults are stored as text; a POSITION's is
/// `x,y`.
fn default_json(zone: &Zone) -> Value {
    let value = zone
        .default_value
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .map_or_else(|_| json!(text), Value::from)
    };
    match zone.kind {
        ZoneType::Text | ZoneType::Image | ZoneType::Pattern => json!(value),
        ZoneType::Color => json!(value.or(zone.default_color.as_deref())),
        ZoneType::Font => json!(value.or(zone.default_font.as_deref())),
        ZoneType::Size => value.map_or_else(|| json!(zone.default_size), number),
        ZoneType::Position => match value.map(|text| text.split_once(',').ok_or(text)) {
            Some(Ok((x, y))) => json!({ "x": number(x), "y": number(y) }),
            Some(Err(text)) => json!(text),
            None => Value::Null,
        },
    }
}

fn read_zone(
    product: &Product,
    zone: &Zone,
    pointer: &str,
    given: &Value,
    faults: &mut Faults,
) -> Filled {
    let before = faults.len();
    let given = Given::read(zone.kind, pointer, given, faults);
    let filled = match zone.kind {
        ZoneType::Text => read_text(zone, &given, faults),
        ZoneType::Position => read_position(product, &given, faults),
        kind => read_single(zone, kind, &given, faults),
    };
    if faults.len() > before {
        Filled::Faulty
    } else {
        filled
    }
}

fn read_text(zone: &Zone, given: &Given<'_>, faults: &mut Faults) -> Filled {
    // All fields are read before anything is decided, so that all faults are reported.
    let text = given
        .get("text")
        .map(|field| field::text(zone, field, faults));
    let font = given
        .get("font")
        .and_then(|field| field::font(zone, field, faults));
    let color = given
        .get("color")
        .and_then(|field| field::color(zone, field, faults));
    let size = given
        .get("size")
        .and_then(|field| field::size(zone, field, faults));
    let effect = given
        .get("effect")
        .and_then(|field| field::effect(field, faults));
    let text = match text {
        None => return Filled::Absent,
        Some(None) => return Filled::Faulty,
        Some(Some(text)) if text.is_empty() => return Filled::Emptied,
        Some(Some(text)) => text,
    };
    let default_color = || {
        zone.default_color
            .as_deref()
            .and_then(|text| text.parse().ok())
    };
    Filled::With(ZoneValue::Text(TextValue {
        text,
        font: font.or_else(|| zone.default_font.clone()),
        color: color.or_else(default_color),
        size: size.or(zone.default_size),
        effect: effect.unwrap_or_else(|| zone.style()),
    }))
}

fn read_position(product: &Product, given: &Given<'_>, faults: &mut Faults) -> Filled {
    let mut one = |name: &str, max_px: u32, other: &str| match given.get(name) {
        Some(field) => field::coordinate(field, max_px, faults),
        None if given.get(other).is_none() => None,
        None => {
            let detail = "a position has both x and y";
            faults.push(FieldError::new(
                child(&given.pointer, name),
                "required",
                detail,
            ));
            None
        }
    };
    let x = one("x", product.output_width_px, "y");
    let y = one("y", product.output_height_px, "x");
    match (x, y) {
        (Some(x), Some(y)) => Filled::With(ZoneValue::Position { x, y }),
        _ => Filled::Absent,
    }
}

/// The types with one field of the type's own name.
fn read_single(zone: &Zone, kind: ZoneType, given: &Given<'_>, faults: &mut Faults) -> Filled {
    let read = |name: &str| given.get(name);
    let value = match kind {
        ZoneType::Image => read("image").and_then(|f| image(f, faults)),
        ZoneType::Color => read("color")
            .and_then(|f| field::color(zone, f, faults))
            .map(|color| ZoneValue::Color { color }),
        ZoneType::Font => read("font")
            .and_then(|f| field::font(zone, f, faults))
            .map(|font| ZoneValue::Font { font }),
        ZoneType::Size => read("size")
            .and_then(|f| field::size(zone, f, faults))
            .map(|size| ZoneValue::Size { size }),
        ZoneType::Pattern => match read("pattern").and_then(|f| field::pattern(f, faults)) {
            Some(pattern) if pattern.is_empty() => return Filled::Emptied,
            pattern => pattern.map(|pattern| ZoneValue::Pattern { pattern }),
        },
        ZoneType::Text | ZoneType::Position => None,
    };
    value.map_or(Filled::Absent, Filled::With)
}

fn image(field: &Field<'_>, faults: &mut Faults) -> Option<ZoneValue> {
    field::image(field, faults).map(ZoneValue::Image)
}
