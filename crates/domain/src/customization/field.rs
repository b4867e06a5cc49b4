//! Reading single fields within a zone's bounds.
//!
//! Each function returns the value, or `None` after adding the fault.

use serde_json::Value;

use super::given::Field;
use super::image::ImageSource;
use crate::allowed_chars::AllowedChars;
use crate::color::Color;
use crate::field_error::FieldError;
use crate::render_style::RenderStyle;
use crate::shopper_text::{clean_prompt, clean_text};
use crate::zones::Zone;

/// Longest description of a pattern in graphemes.
const MAX_PATTERN_GRAPHEMES: usize = 200;

/// Longest name of a font in graphemes, where the zone lists none.
const MAX_FONT_GRAPHEMES: usize = 100;

/// Bounds of a size where the zone sets none: the largest is the largest side of an output.
const SIZE_BOUNDS: (i32, i32) = (1, 8192);

/// How many allowed values a detail names before it says how many more there are.
const MAX_LISTED: usize = 20;

/// Where faults are added.
pub(super) type Faults = Vec<FieldError>;

/// The text of a TEXT zone; it may be empty.
pub(super) fn text(zone: &Zone, field: &Field<'_>, faults: &mut Faults) -> Option<String> {
    let text = string(field, faults)?;
    let text = match clean_text(text, zone.max_graphemes()) {
        Ok(text) => text,
        Err(fault) => return refuse(field, faults, fault.code(), fault.to_string()),
    };
    // A notation that cannot be read bounds nothing. The catalog refuses such a notation, so it
    // comes only from the older platform's rows, and one of those must not stop a brand's sales.
    let allowed = zone
        .allowed_chars
        .as_deref()
        .and_then(|set| AllowedChars::parse(set).ok());
    let stranger = allowed.and_then(|allowed| allowed.first_stranger(&text));
    if let Some(c) = stranger {
        let set = zone.allowed_chars.as_deref().unwrap_or_default();
        let detail = format!("{c:?} is not among the allowed characters: {set}");
        return refuse(field, faults, "char_not_allowed", detail);
    }
    Some(text)
}

/// The description of a pattern; it may be empty.
pub(super) fn pattern(field: &Field<'_>, faults: &mut Faults) -> Option<String> {
    let text = string(field, faults)?;
    match clean_prompt(text, MAX_PATTERN_GRAPHEMES) {
        Ok(text) => Some(text),
        Err(fault) => refuse(field, faults, fault.code(), fault.to_string()),
    }
}

/// A font by name: one of the zone's, in the zone's spelling, where it lists them.
pub(super) fn font(zone: &Zone, field: &Field<'_>, faults: &mut Faults) -> Option<String> {
    let name = string(field, faults)?.trim();
    if let Some(known) = zone
        .allowed_fonts
        .iter()
        .find(|font| font.eq_ignore_ascii_case(name))
    {
        return Some(known.clone());
    }
    if !zone.allowed_fonts.is_empty() {
        let detail = format!("allowed are {}", listed(&zone.allowed_fonts));
        return refuse(field, faults, "font_not_allowed", detail);
    }
    match clean_text(name, MAX_FONT_GRAPHEMES) {
        Ok(name) if !name.is_empty() => Some(name),
        Ok(_) => refuse(
            field,
            faults,
            "font_empty",
            "the name of a font is expected",
        ),
        Err(fault) => refuse(field, faults, fault.code(), fault.to_string()),
    }
}

/// A colour: one of the zone's where it lists them.
pub(super) fn color(zone: &Zone, field: &Field<'_>, faults: &mut Faults) -> Option<Color> {
    let Ok(color) = string(field, faults)?.trim().parse::<Color>() else {
        return refuse(field, faults, "color_form", "#rgb or #rrggbb is expected");
    };
    let allowed = &zone.allowed_colors;
    if !allowed.is_empty() && !allowed.iter().any(|text| text.trim().parse() == Ok(color)) {
        let detail = format!("allowed are {}", listed(allowed));
        return refuse(field, faults, "color_not_allowed", detail);
    }
    Some(color)
}

/// A whole number within the zone's sizes.
pub(super) fn size(zone: &Zone, field: &Field<'_>, faults: &mut Faults) -> Option<i32> {
    let min = zone.min_size.unwrap_or(SIZE_BOUNDS.0);
    let max = zone.max_size.unwrap_or(SIZE_BOUNDS.1);
    let number = number(field, faults)?;
    let bounds = f64::from(min)..=f64::from(max);
    if number.fract() != 0.0 || !bounds.contains(&number) {
        let detail = format!("a whole number from {min} to {max} is expected");
        return refuse(field, faults, "size_out_of_range", detail);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "INVARIANT: whole and between two i32"
    )]
    Some(number as i32)
}

/// A known render style.
pub(super) fn effect(field: &Field<'_>, faults: &mut Faults) -> Option<RenderStyle> {
    let name = string(field, faults)?;
    match name.parse() {
        Ok(style) => Some(style),
        Err(_) => {
            let known = RenderStyle::ALL.map(RenderStyle::as_str);
            refuse(
                field,
                faults,
                "unknown_effect",
                format!("allowed are {}", listed(&known)),
            )
        }
    }
}

/// An address or an inline picture.
pub(super) fn image(field: &Field<'_>, faults: &mut Faults) -> Option<ImageSource> {
    let text = string(field, faults)?;
    match ImageSource::parse(text) {
        Ok(source) => Some(source),
        Err(fault) => refuse(field, faults, fault.code(), fault.to_string()),
    }
}

/// A coordinate from 0 to `max_px`.
pub(super) fn coordinate(field: &Field<'_>, max_px: u32, faults: &mut Faults) -> Option<f64> {
    let number = number(field, faults)?;
    if !(0.0..=f64::from(max_px)).contains(&number) {
        let detail = format!("a number from 0 to {max_px} is expected");
        return refuse(field, faults, "position_out_of_range", detail);
    }
    Some(number)
}

fn string<'a>(field: &Field<'a>, faults: &mut Faults) -> Option<&'a str> {
    match field.value {
        Value::String(text) => Some(text),
        _ => refuse(field, faults, "wrong_type", "a string is expected"),
    }
}

fn number(field: &Field<'_>, faults: &mut Faults) -> Option<f64> {
    match field.value.as_f64().filter(|number| number.is_finite()) {
        Some(number) => Some(number),
        None => refuse(field, faults, "wrong_type", "a number is expected"),
    }
}

fn refuse<T>(
    field: &Field<'_>,
    faults: &mut Faults,
    code: &'static str,
    detail: impl Into<String>,
) -> Option<T> {
    faults.push(FieldError::new(field.pointer.clone(), code, detail));
    None
}

/// The first of the names, separated by commas, and how many more there are.
pub(super) fn listed(names: &[impl AsRef<str>]) -> String {
    let mut text = names
        .iter()
        .take(MAX_LISTED)
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MAX_LISTED {
        text.push_str(&format!(" and {} more", names.len() - MAX_LISTED));
    }
    text
}
