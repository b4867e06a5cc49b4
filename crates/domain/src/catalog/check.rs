//! What a product file must keep to, with a pointer to every field that does not.

use std::collections::HashMap;

use super::{ProductSpec, ZoneSpec};
use crate::allowed_chars::AllowedChars;
use crate::color::Color;
use crate::customization::{MAX_ZONES, default_faults};
use crate::field_error::FieldError;
use crate::generation_options::OperationInput;
use crate::product::Product;
use crate::prompt::{RESERVED_NAMES, check_template, spellings};
use crate::render_style::RenderStyle;
use crate::shopper_text::clean_text;
use crate::zones::ZoneType;

/// Sides of an output in pixels: below it there is nothing to see; above it one picture would take
/// more than half a gigabyte of memory while it is composed.
const SIDE_PX: std::ops::RangeInclusive<u32> = 16..=8192;

/// Longest id and slug in bytes, longest name in graphemes.
const MAX_ID_BYTES: usize = 64;
const MAX_SLUG_BYTES: usize = 80;
const MAX_NAME_GRAPHEMES: usize = 120;

/// Longest text a zone may allow, in graphemes: what a composed picture can still hold legibly.
const MAX_TEXT_GRAPHEMES: u32 = 2000;

/// Most fallbacks of a product, and longest of them in bytes: a run tries no more providers.
const MAX_FALLBACKS: usize = 8;
const MAX_FALLBACK_BYTES: usize = 200;

/// Most fonts or colours that one zone may list.
const MAX_CHOICES: usize = 200;

/// Checks a product file that has been read. An accepted one can be stored and generated.
///
/// # Errors
/// Every fault, in the order of the fields.
pub fn validate(spec: &ProductSpec) -> Result<(), Vec<FieldError>> {
    let mut faults = Vec::new();
    check_product(spec, &mut faults);
    if spec.zones.len() > MAX_ZONES {
        fault(
            &mut faults,
            "/zone",
            "too_many_zones",
            format!("at most {MAX_ZONES} are allowed"),
        );
        return Err(faults);
    }
    let product = spec.to_product("".into(), None);
    for (i, zone) in spec.zones.iter().enumerate() {
        check_zone(&product, zone, i, &mut faults);
    }
    check_generation(spec, &mut faults);
    check_unique_ids(spec, &mut faults);
    check_unique_names(spec, &mut faults);
    if let Some(prompt) = &spec.prompt
        && let Err(error) = check_template(&prompt.template, &product.zones)
    {
        fault(
            &mut faults,
            "/prompt/template",
            "template",
            error.to_string(),
        );
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn fault(
    faults: &mut Vec<FieldError>,
    pointer: impl Into<String>,
    code: &'static str,
    detail: impl Into<String>,
) {
    faults.push(FieldError::new(pointer, code, detail));
}

fn check_product(spec: &ProductSpec, faults: &mut Vec<FieldError>) {
    if !is_id(&spec.id) {
        fault(faults, "/id", "id_form", id_form());
    }
    if !is_slug(&spec.slug) {
        let detail = format!("a-z and 0-9 with single hyphens, at most {MAX_SLUG_BYTES} bytes");
        fault(faults, "/slug", "slug_form", detail);
    }
    check_name(&spec.name, "/name", faults);
    if !is_plain_file(&spec.base_image) {
        let detail = "the name of a file beside this one or below it is expected";
        fault(faults, "/base_image", "file_form", detail);
    }
    for (pointer, side) in [
        ("/output_width", spec.output_width),
        ("/output_height", spec.output_height),
    ] {
        if !SIDE_PX.contains(&side) {
            let detail = format!(
                "{} to {} pixels are allowed",
                SIDE_PX.start(),
                SIDE_PX.end()
            );
            fault(faults, pointer, "side_out_of_range", detail);
        }
    }
    for (pointer, word) in [
        ("/provider", &spec.provider),
        ("/quality", &spec.quality),
        ("/style", &spec.style),
    ] {
        if word.trim().is_empty() {
            fault(
                faults,
                pointer,
                "empty",
                "a word is expected; leave the field out for its default",
            );
        }
    }
}

fn check_generation(spec: &ProductSpec, faults: &mut Vec<FieldError>) {
    for (i, text) in spec.fallback.iter().flatten().enumerate() {
        let provider = text.split('/').next().unwrap_or_default();
        if provider.trim().is_empty() || text.len() > MAX_FALLBACK_BYTES {
            let detail = "provider or provider/model is expected";
            fault(faults, format!("/fallback/{i}"), "fallback_form", detail);
        }
    }
    if spec
        .fallback
        .as_ref()
        .is_some_and(|list| list.len() > MAX_FALLBACKS)
    {
        let detail = format!("at most {MAX_FALLBACKS} are allowed");
        fault(faults, "/fallback", "too_many_fallbacks", detail);
    }
    let Some(operation) = spec.generation.operation() else {
        let detail = "generate without an input, or edit or remove-background with one, is \
                      expected, and a mask only where base is edited";
        fault(faults, "/generation/operation", "unknown_operation", detail);
        return;
    };
    if let Some(id) = operation.mask() {
        let patterns = || {
            spec.zones
                .iter()
                .filter(|zone| zone.kind == ZoneType::Pattern)
        };
        let fits = patterns().all(|zone| zone.id == *id && zone.rotation == 0.0);
        if !fits || patterns().count() != 1 {
            let detail =
                "the id of the product's one PATTERN zone, which is not turned, is expected";
            fault(faults, "/generation/mask", "no_such_mask", detail);
        }
    }
    let Some(OperationInput::Zone(id)) = operation.input() else {
        return;
    };
    let takes_one =
        |zone: &ZoneSpec| zone.id == *id && zone.kind == ZoneType::Image && zone.required;
    if !spec.zones.iter().any(takes_one) {
        let detail = "base or the id of a required IMAGE zone is expected";
        fault(faults, "/generation/input", "no_such_input", detail);
    }
}

fn check_name(name: &str, pointer: &str, faults: &mut Vec<FieldError>) {
    match clean_text(name, MAX_NAME_GRAPHEMES) {
        Ok(name) if name.is_empty() => fault(faults, pointer, "empty", "a name is expected"),
        Ok(_) => {}
        Err(error) => fault(faults, pointer, error.code(), error.to_string()),
    }
}

fn check_zone(product: &Product, spec: &ZoneSpec, at: usize, faults: &mut Vec<FieldError>) {
    let pointer = |field: &str| format!("/zone/{at}/{field}");
    if !is_id(&spec.id) {
        fault(faults, pointer("id"), "id_form", id_form());
    }
    check_name(&spec.name, &pointer("name"), faults);
    check_area(product, spec, &pointer, faults);
    if spec
        .max_length
        .is_some_and(|max| !(1..=MAX_TEXT_GRAPHEMES).contains(&max))
    {
        let detail = format!("1 to {MAX_TEXT_GRAPHEMES} are allowed");
        fault(faults, pointer("max_length"), "length_out_of_range", detail);
    }
    if let Some(Err(error)) = spec.allowed_chars.as_deref().map(AllowedChars::parse) {
        fault(
            faults,
            pointer("allowed_chars"),
            "allowed_chars_form",
            error.to_string(),
        );
    }
    check_sizes(spec, &pointer, faults);
    check_choices(spec, &pointer, faults);
    if spec.render_style.parse::<RenderStyle>().is_err() {
        let known = RenderStyle::ALL.map(RenderStyle::as_str).join(", ");
        fault(
            faults,
            pointer("render_style"),
            "unknown_render_style",
            format!("known are {known}"),
        );
    }
    for (field, code, detail) in spec.to_zone(0).option_faults() {
        fault(faults, pointer(&format!("options/{field}")), code, detail);
    }
    check_default(product, spec, at, faults);
}

/// The rectangle must lie inside the product; each edge that does not is named by its own field.
fn check_area(
    product: &Product,
    spec: &ZoneSpec,
    pointer: &impl Fn(&str) -> String,
    faults: &mut Vec<FieldError>,
) {
    let sides = [
        ("x", "width", spec.x, spec.width, product.output_width_px),
        ("y", "height", spec.y, spec.height, product.output_height_px),
    ];
    for (start_name, size_name, start, size, max_px) in sides {
        let max = f64::from(max_px);
        if !(0.0..max).contains(&start) {
            let detail = format!("from 0 to below {max_px} is allowed");
            fault(faults, pointer(start_name), "outside_product", detail);
        } else if !(size > 0.0 && start + size <= max) {
            let detail = format!("more than 0 and at most {} is allowed", max - start);
            fault(faults, pointer(size_name), "outside_product", detail);
        }
    }
    if !(-360.0..=360.0).contains(&spec.rotation) {
        fault(
            faults,
            pointer("rotation"),
            "rotation_out_of_range",
            "-360 to 360 degrees are allowed",
        );
    }
}

fn check_sizes(spec: &ZoneSpec, pointer: &impl Fn(&str) -> String, faults: &mut Vec<FieldError>) {
    for (name, size) in [("min_size", spec.min_size), ("max_size", spec.max_size)] {
        if size.is_some_and(|size| size < 1) {
            fault(
                faults,
                pointer(name),
                "size_out_of_range",
                "1 or more is allowed",
            );
        }
    }
    if let (Some(min), Some(max)) = (spec.min_size, spec.max_size)
        && min > max
    {
        fault(
            faults,
            pointer("max_size"),
            "size_order",
            format!("at least min_size, {min}"),
        );
    }
    let below = spec
        .default_size
        .zip(spec.min_size)
        .is_some_and(|(size, min)| size < min);
    let above = spec
        .default_size
        .zip(spec.max_size)
        .is_some_and(|(size, max)| size > max);
    if below || above || spec.default_size.is_some_and(|size| size < 1) {
        let detail = "a default within min_size and max_size is allowed";
        fault(faults, pointer("default_size"), "size_out_of_range", detail);
    }
}

fn check_choices(spec: &ZoneSpec, pointer: &impl Fn(&str) -> String, faults: &mut Vec<FieldError>) {
    for (name, choices) in [
        ("allowed_fonts", &spec.allowed_fonts),
        ("allowed_colors", &spec.allowed_colors),
    ] {
        if choices.len() > MAX_CHOICES {
            let detail = format!("at most {MAX_CHOICES} are allowed");
            fault(faults, pointer(name), "too_many_choices", detail);
        }
    }
    for (i, font) in spec.allowed_fonts.iter().enumerate() {
        check_name(font, &pointer(&format!("allowed_fonts/{i}")), faults);
    }
    let color_form = "#rgb or #rrggbb is expected";
    let colors: Vec<Option<Color>> = spec
        .allowed_colors
        .iter()
        .map(|text| text.parse().ok())
        .collect();
    for (i, _) in colors
        .iter()
        .enumerate()
        .filter(|(_, color)| color.is_none())
    {
        fault(
            faults,
            pointer(&format!("allowed_colors/{i}")),
            "color_form",
            color_form,
        );
    }
    match spec.default_color.as_deref().map(str::parse::<Color>) {
        Some(Err(_)) => fault(faults, pointer("default_color"), "color_form", color_form),
        Some(Ok(color)) if !colors.is_empty() && !colors.contains(&Some(color)) => {
            let detail = "a default among allowed_colors is allowed";
            fault(
                faults,
                pointer("default_color"),
                "color_not_allowed",
                detail,
            );
        }
        _ => {}
    }
    let fonts = &spec.allowed_fonts;
    if let Some(font) = &spec.default_font
        && !fonts.is_empty()
        && !fonts.contains(font)
    {
        let detail = "a default among allowed_fonts is allowed";
        fault(faults, pointer("default_font"), "font_not_allowed", detail);
    }
}

/// The default must be a value that a shopper could have sent. Faults that `default_size`,
/// `default_color` and `default_font` already have are not repeated.
fn check_default(product: &Product, spec: &ZoneSpec, at: usize, faults: &mut Vec<FieldError>) {
    if spec.default_value.is_none() {
        return;
    }
    let zone = spec.to_zone(0);
    for found in default_faults(product, &zone, "") {
        let mut detail = found.detail;
        if spec.kind == ZoneType::Position {
            detail = format!("{detail}; a default is written x,y");
        }
        fault(
            faults,
            format!("/zone/{at}/default_value"),
            found.code,
            detail,
        );
    }
}

fn check_unique_ids(spec: &ProductSpec, faults: &mut Vec<FieldError>) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, zone) in spec.zones.iter().enumerate() {
        if let Some(earlier) = first.get(zone.id.as_str()) {
            let detail = format!("zone {earlier} has this id already");
            fault(faults, format!("/zone/{at}/id"), "duplicate_id", detail);
        } else {
            first.insert(&zone.id, at);
        }
    }
}

/// No two zones may share a spelling by which templates name them, nor have a reserved one.
fn check_unique_names(spec: &ProductSpec, faults: &mut Vec<FieldError>) {
    let mut first: HashMap<String, usize> = RESERVED_NAMES
        .into_iter()
        .map(|name| (name.to_owned(), usize::MAX))
        .collect();
    for (at, zone) in spec.zones.iter().enumerate() {
        let names = spellings(&zone.to_zone(0));
        let taken = names
            .iter()
            .find_map(|name| first.get(name).map(|earlier| (name, *earlier)));
        if let Some((name, earlier)) = taken {
            let owner = match earlier {
                usize::MAX => "is reserved".to_owned(),
                earlier => format!("already names zone {earlier}"),
            };
            let detail = format!("in templates, {name} {owner}");
            fault(faults, format!("/zone/{at}/name"), "duplicate_name", detail);
        }
        for name in names {
            first.entry(name).or_insert(at);
        }
    }
}

fn id_form() -> String {
    format!("letters, digits, hyphens and underscores, 1 to {MAX_ID_BYTES} of them")
}

fn is_id(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.len() <= MAX_ID_BYTES && text.chars().all(known)
}

fn is_slug(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.len() <= MAX_SLUG_BYTES && text.split('-').all(part)
}

/// A relative path that cannot leave its folder.
fn is_plain_file(text: &str) -> bool {
    let step = |step: &str| !matches!(step, "" | "." | "..");
    !text.contains(['\\', ':', '\0']) && text.split('/').all(step)
}

#[cfg(test)]
mod tests;
