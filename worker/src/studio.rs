//! What a worker does with a product, its customisations and a generated picture, without a worker: no
//! server, no job, no I/O. `atelier render` calls it, so that what a designer tries is what a shopper
//! gets.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::{Customizations, Product};
use imaging::{Fonts, ImagingError, Picture, Report};

use crate::inputs::Inputs;
use crate::{layers, output, report};

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub struct Order<'o> {
    /// The product and its zones.
    pub product: &'o Product,
    /// What fills them.
    pub customizations: &'o Customizations,
    /// The base photograph; needed where the product names one.
    pub base: Option<&'o Arc<Picture>>,
    /// The shopper's pictures, by zone id.
    pub pictures: &'o HashMap<String, Arc<Picture>>,
    /// The provider's picture.
    pub generated: &'o Arc<Picture>,
    /// Widths wanted besides the full size, in pixels.
    pub widths: &'o [i32],
}

/// One finished picture.
#[derive(Clone, Debug)]
pub struct Finished {
    /// `full`, `thumbnail` or `w` and a width.
    pub variant: String,
    /// The file's extension.
    pub extension: &'static str,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// The file.
    pub bytes: Bytes,
}

/// All pictures and how they came out.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// By variant.
    pub files: Vec<Finished>,
    /// One entry per zone that was drawn.
    pub report: Report,
    /// What the customer should know.
    pub notes: Vec<String>,
}

/// The size at which a picture should be generated for this product, in pixels.
#[must_use]
pub fn generated_size(product: &Product, customizations: &Customizations) -> (u32, u32) {
    layers::generated_size(product, customizations)
}

/// Whether the generated picture shows anywhere.
#[must_use]
pub fn shows_generated(product: &Product, customizations: &Customizations) -> bool {
    layers::shows_generated(product, customizations)
}

/// The texts of a report, as they are kept with a generation.
#[must_use]
pub fn text_report(report: &Report) -> Vec<serde_json::Value> {
    report::texts(report)
}

/// Composes and encodes everything.
///
/// # Errors
/// [`ImagingError`] for what cannot be drawn, naming the zone.
pub fn render(order: Order<'_>, fonts: &Fonts) -> Result<Rendering, ImagingError> {
    let Order {
        product,
        customizations,
        base,
        pictures,
        generated,
        widths,
    } = order;
    let inputs = Inputs {
        base: base.cloned(),
        pictures: pictures.clone(),
        fonts: Arc::new(fonts.clone()),
    };
    let plan = layers::plan(product, customizations, &inputs, generated);
    let shown = layers::shows_generated(product, customizations);
    let wanted = output::wanted(product, &plan, shown, widths);
    let (variants, report) = output::draw(&plan, fonts, &wanted, &imaging::Stop::default())?;
    let mut files = Vec::new();
    for variant in &variants {
        let file = output::encoded(variant)?;
        files.push(Finished {
            extension: file.format.extension(),
            variant: file.variant,
            width_px: file.width_px,
            height_px: file.height_px,
            bytes: file.bytes,
        });
    }
    files.sort_by(|a, b| a.variant.cmp(&b.variant));
    Ok(Rendering {
        files,
        report,
        notes: output::notes(shown, &plan, fonts),
    })
}
