//! What a shopper filled into a product's zones.
//!
//! [`Customizations::parse`] is the one door: it turns the `customizations` object of a request into
//! typed values that stay within the zones' bounds, with the zones' defaults filled in, or reports
//! every fault with a pointer to its field. [`Customizations::to_json`] is the form that is stored;
//! [`Customizations::from_stored`] reads it back without asking the zones again, because a product
//! that changed in between must not break work that was accepted before.

mod field;
mod given;
mod image;
mod parse;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::color::Color;
use crate::field_error::child;
use crate::render_style::RenderStyle;
use crate::zones::{Zone, ZoneType};

pub use image::{
    ImageData, ImageMedia, ImageSource, ImageSourceError, MAX_IMAGE_BYTES, MAX_IMAGE_URL_BYTES,
};
pub(crate) use parse::default_faults;
pub use parse::{MAX_CUSTOMIZATIONS_BYTES, MAX_ZONES};

/// The filled zones of one request, in drawing order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Customizations {
    /// One entry per filled zone.
    pub entries: Vec<Customization>,
}

/// A stored value that is no customisation: somebody else wrote the row.
#[derive(Debug, thiserror::Error)]
#[error("the stored customizations of zone {zone_id:?} cannot be read")]
pub struct StoredError {
    /// The zone, or empty when the value is no object at all.
    pub zone_id: String,
    /// What serde met.
    #[source]
    pub source: serde_json::Error,
}

impl Customizations {
    /// The canonical JSON object, keyed by zone id, for `"Generation"."customizations"`.
    pub fn to_json(&self) -> Value {
        let pair = |entry: &Customization| (entry.zone_id.clone(), entry.value.to_json());
        Value::Object(self.entries.iter().map(pair).collect())
    }

    /// Reads [`Customizations::to_json`] back. The entries come in the order of `zones`; those of
    /// zones that exist no more come last.
    ///
    /// # Errors
    /// [`StoredError`] when the value was not written by [`Customizations::to_json`].
    pub fn from_stored(value: &Value, zones: &[Zone]) -> Result<Self, StoredError> {
        let object = Map::<String, Value>::deserialize(value).map_err(|source| StoredError {
            zone_id: String::new(),
            source,
        })?;
        let read = |(zone_id, value): (String, Value)| match ZoneValue::deserialize(&value) {
            Ok(value) => Ok(Customization { zone_id, value }),
            Err(source) => Err(StoredError { zone_id, source }),
        };
        let mut entries = object
            .into_iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        let place = |entry: &Customization| {
            let at = zones.iter().position(|zone| zone.id == entry.zone_id);
            at.map_or((i64::MAX, 0), |i| (i64::from(zones[i].order), i))
        };
        entries.sort_by_key(place);
        Ok(Self { entries })
    }

    /// What stands in the zone of that id.
    pub fn get(&self, zone_id: &str) -> Option<&ZoneValue> {
        self.entries
            .iter()
            .find(|entry| entry.zone_id == zone_id)
            .map(|entry| &entry.value)
    }

    /// Everything a shopper wrote in their own words, with where it stands: texts and patterns. What is
    /// chosen from a brand's own lists is not among it.
    pub fn words(&self) -> impl Iterator<Item = (String, &str)> {
        self.entries.iter().filter_map(|entry| {
            let (field, words) = match &entry.value {
                ZoneValue::Text(text) => ("text", &text.text),
                ZoneValue::Pattern { pattern } => ("pattern", pattern),
                _ => return None,
            };
            let zone = child("/customizations", &entry.zone_id);
            Some((child(&zone, field), words.as_str()))
        })
    }

    /// The texts to draw, with their zones' ids, in drawing order.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &TextValue)> {
        self.entries.iter().filter_map(|entry| match &entry.value {
            ZoneValue::Text(text) => Some((entry.zone_id.as_str(), text)),
            _ => None,
        })
    }
}

/// One filled zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Customization {
    /// The zone's id.
    pub zone_id: String,
    /// What stands there.
    pub value: ZoneValue,
}

/// What stands in a zone. Its JSON form names its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
pub enum ZoneValue {
    /// A text to draw exactly.
    Text(TextValue),
    /// A picture of the shopper's.
    Image(ImageSource),
    /// A flat colour.
    Color {
        /// The colour.
        color: Color,
    },
    /// A pattern in words.
    Pattern {
        /// Its description, cleaned.
        pattern: String,
    },
    /// A font by name.
    Font {
        /// Its name, one of the zone's fonts where the zone lists them.
        font: String,
    },
    /// A size within the zone's bounds.
    Size {
        /// The size in the brand's unit.
        size: i32,
    },
    /// A point on the product.
    Position {
        /// Output pixels from the left.
        x: f64,
        /// Output pixels from the top.
        y: f64,
    },
}

/// A text and how it is set. Font, colour and size are the shopper's choice, else the zone's
/// default; `None` leaves the choice to imaging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextValue {
    /// The text in NFC, without invisible characters.
    pub text: String,
    /// The font's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<String>,
    /// The colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// The font size in output pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i32>,
    /// How the text is laid on the product.
    pub effect: RenderStyle,
}

impl ZoneValue {
    /// The canonical JSON form, which names its type.
    pub fn to_json(&self) -> Value {
        // Strings, integers and finite floats under string keys: serialising them cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The type of zone this value fills.
    pub fn kind(&self) -> ZoneType {
        match self {
            Self::Text(_) => ZoneType::Text,
            Self::Image(_) => ZoneType::Image,
            Self::Color { .. } => ZoneType::Color,
            Self::Pattern { .. } => ZoneType::Pattern,
            Self::Font { .. } => ZoneType::Font,
            Self::Size { .. } => ZoneType::Size,
            Self::Position { .. } => ZoneType::Position,
        }
    }
}
