//! `atelier render`: the pictures of one product, with no server.
//!
//! Reads the product file of the catalog and a customisations file, draws with the worker's own code
//! (`worker::studio`), and writes the pictures beside a report. Opens no connection: a shopper's
//! picture is a file, or inline as a data URL.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::{Customizations, FieldError, ImageSource, Product, ZoneType, ZoneValue};
use imaging::{BrandFont, BrandFontLimits, DecodeLimits, Fonts, ImagingError, Picture, decode};
use serde_json::{Value, json};
use worker::studio::{self, Order, Rendering};

use crate::args::RenderArgs;
use crate::commands::catalog;
use crate::output;

pub(super) fn run(args: &RenderArgs) -> anyhow::Result<()> {
    let checked =
        catalog::read_one(&args.product).with_context(|| format!("{}", args.product.display()))?;
    let product = checked
        .spec
        .to_product("brand_render".into(), Some(checked.spec.base_image.clone()));
    let base = picture(checked.photograph_bytes())
        .with_context(|| format!("{}: /base_image", args.product.display()))?;
    let customizations = read_customizations(&args.customizations, &product)?;
    let pictures = shoppers_pictures(&customizations)?;
    let fonts = fonts(args)?;
    check_fonts(&product, &customizations, &fonts)?;
    let generated = generated(args, &product, &customizations)?;
    let order = Order {
        product: &product,
        customizations: &customizations,
        base: Some(&base),
        pictures: &pictures,
        generated: &generated,
        widths: &args.widths,
    };
    let rendering = studio::render(order, &fonts).map_err(|error| explained(error, args))?;
    write(args, &product, &rendering)
}

/// Writes the pictures and the report, and says what was written.
fn write(args: &RenderArgs, product: &Product, rendering: &Rendering) -> anyhow::Result<()> {
    let out = &args.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut files = Vec::new();
    for file in &rendering.files {
        let path = out.join(format!("{}.{}", file.variant, file.extension));
        std::fs::write(&path, &file.bytes)
            .with_context(|| format!("cannot write {}", path.display()))?;
        files.push(json!({
            "variant": file.variant,
            "file": path,
            "width": file.width_px,
            "height": file.height_px,
            "bytes": file.bytes.len(),
        }));
    }
    let report = json!({
        "product": product.id,
        "pictures": files,
        "text": studio::text_report(&rendering.report),
        "outside_output": rendering.report.layers.iter()
            .filter(|layer| layer.outside_output).map(|layer| &layer.id).collect::<Vec<_>>(),
        "notes": rendering.notes,
    });
    if args.json {
        return output::json(&report);
    }
    for file in &rendering.files {
        let path = out.join(format!("{}.{}", file.variant, file.extension));
        let (width, height) = (file.width_px, file.height_px);
        let kib = file.bytes.len().div_ceil(1024);
        output::data(&format!(
            "{}  {width} x {height}, {kib} KiB",
            path.display()
        ));
    }
    for layer in &rendering.report.layers {
        let outside = if layer.outside_output {
            ", partly outside the picture"
        } else {
            ""
        };
        let how = match &layer.text {
            None => String::new(),
            Some(text) => {
                let mut fonts = vec![text.font.clone()];
                fonts.extend(text.fallback_fonts.iter().cloned());
                let small = if text.below_min_size {
                    ", below its smallest size"
                } else {
                    ""
                };
                let (lines, size) = (text.lines.join(" / "), text.size_px);
                format!(
                    ": {lines:?} in {} at {size:.1} px{small}",
                    fonts.join(" + ")
                )
            }
        };
        output::data(&format!("zone {}{how}{outside}", layer.id));
    }
    for note in &rendering.notes {
        output::data(&format!("note: {note}"));
    }
    Ok(())
}

fn picture(bytes: &[u8]) -> anyhow::Result<Arc<Picture>> {
    Ok(Arc::new(decode(bytes, &DecodeLimits::default())?))
}

fn picture_file(path: &Path) -> anyhow::Result<Arc<Picture>> {
    let read = || picture(&std::fs::read(path)?);
    read().with_context(|| format!("{}", path.display()))
}

/// The object keyed by zone id, as a request's `customizations`; an IMAGE zone may also name a file
/// beside the customisations file.
fn read_customizations(file: &Path, product: &Product) -> anyhow::Result<Customizations> {
    let name = || format!("{}", file.display());
    let text = std::fs::read_to_string(file).with_context(name)?;
    let mut value: Value = serde_json::from_str(&text).with_context(name)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    if let Some(object) = value.as_object_mut() {
        for zone in product.zones.iter().filter(|z| z.kind == ZoneType::Image) {
            if let Some(given) = object.get_mut(&zone.id) {
                inline_files(folder, given)
                    .with_context(|| format!("{}: zone {}", file.display(), zone.id))?;
            }
        }
    }
    Customizations::parse(product, &value).map_err(|faults| listed(file, &faults))
}

fn listed(file: &Path, faults: &[FieldError]) -> anyhow::Error {
    let lines: Vec<String> = faults
        .iter()
        // The file is the customisations object itself, so its root is not named.
        .map(|fault| {
            let pointer = fault.pointer.strip_prefix("/customizations");
            let pointer = pointer.unwrap_or(&fault.pointer);
            format!("\n    {pointer} {}: {}", fault.code, fault.detail)
        })
        .collect();
    anyhow!(
        "{}: {} to mend{}",
        file.display(),
        lines.len(),
        lines.concat()
    )
}

/// Replaces the name of a file by its content as a data URL.
fn inline_files(folder: &Path, given: &mut Value) -> anyhow::Result<()> {
    match given {
        Value::Object(fields) => fields
            .values_mut()
            .try_for_each(|field| inline_files(folder, field)),
        Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => {
            bail!("render opens no connection: download {text} and name the file")
        }
        Value::String(text) if !text.starts_with("data:") && text.contains('.') => {
            let path = folder.join(&*text);
            let bytes = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
            let kind = match imaging::sniff(&bytes) {
                Ok(format) => format.content_type(),
                Err(error) => bail!("{}: {error}", path.display()),
            };
            *text = format!("data:{kind};base64,{}", BASE64.encode(bytes));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn shoppers_pictures(
    customizations: &Customizations,
) -> anyhow::Result<HashMap<String, Arc<Picture>>> {
    let mut pictures = HashMap::new();
    for entry in &customizations.entries {
        if let ZoneValue::Image(ImageSource::Data(data)) = &entry.value {
            let decoded =
                picture(&data.bytes).with_context(|| format!("zone {}", entry.zone_id))?;
            pictures.insert(entry.zone_id.clone(), decoded);
        }
    }
    Ok(pictures)
}

/// The picture that a provider would have made.
fn generated(
    args: &RenderArgs,
    product: &Product,
    customizations: &Customizations,
) -> anyhow::Result<Arc<Picture>> {
    if let Some(path) = &args.generated {
        return picture_file(path);
    }
    if studio::shows_generated(product, customizations) {
        let (width, height) = studio::generated_size(product, customizations);
        let zones: Vec<&str> = product
            .zones
            .iter()
            .filter(|zone| matches!(zone.kind, ZoneType::Pattern | ZoneType::Image))
            .map(|zone| zone.id.as_str())
            .collect();
        bail!(
            "the generated picture shows in {}: name a picture with --generated, \
             best {width} x {height} pixels",
            zones.join(", ")
        );
    }
    Ok(Arc::new(Picture::from_rgb(1, 1, [255, 255, 255])?))
}

fn fonts(args: &RenderArgs) -> anyhow::Result<Fonts> {
    let fonts = worker::load_fonts(args.font_pack_dir.as_deref())?;
    let mut brand = Vec::new();
    for named in &args.fonts {
        let (family, file) = named
            .split_once('=')
            .context("--font is written FAMILY=FILE, for example --font 'House Sans=house.ttf'")?;
        let bytes = std::fs::read(file).with_context(|| format!("--font {file}"))?;
        let font = BrandFont::check(family, bytes, &BrandFontLimits::default());
        brand.push(font.with_context(|| format!("--font {file}"))?);
    }
    Ok(fonts.with_brand(&brand))
}

/// A font that nobody has is drawn in another by the worker; a designer wants to know.
fn check_fonts(
    product: &Product,
    customizations: &Customizations,
    fonts: &Fonts,
) -> anyhow::Result<()> {
    for zone in &product.zones {
        let chosen = match customizations.get(&zone.id) {
            Some(ZoneValue::Text(text)) => text.font.as_deref(),
            Some(ZoneValue::Font { font }) => Some(font.as_str()),
            _ => None,
        };
        let Some(font) = chosen else { continue };
        ensure!(
            fonts.knows(font),
            "zone {}: no font is called {font:?}; known are {}; add one with --font '{font}=FILE'",
            zone.id,
            fonts.names().collect::<Vec<_>>().join(", ")
        );
    }
    Ok(())
}

/// The fault with what mends it.
fn explained(error: ImagingError, args: &RenderArgs) -> anyhow::Error {
    let fix = match (&error, &args.font_pack_dir) {
        (ImagingError::MissingGlyph { .. }, None) => {
            "; the font pack may have it: setup/fonts.sh DIR, then --font-pack-dir DIR"
        }
        (ImagingError::MissingGlyph { .. }, Some(_)) => "; no font of the pack has it either",
        _ => "",
    };
    let file = args.customizations.display();
    let text = format!("{file}: {error}{fix}");
    anyhow::Error::new(error).context(text)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn addresses_are_refused_and_files_become_data() {
        let folder = PathBuf::from("/nonexistent");
        let mut address = json!({"url": "https://shop.example/a.png"});
        let error = inline_files(&folder, &mut address).unwrap_err().to_string();
        assert!(
            error.contains("download https://shop.example/a.png"),
            "{error}"
        );
        let mut missing = json!("cat.png");
        let error = inline_files(&folder, &mut missing).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/cat.png"), "{error}");
    }
}
