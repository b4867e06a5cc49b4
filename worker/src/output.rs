//! From the paid answer to pictures in the object store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{Customizations, FailureCode, Product};
use futures::future::try_join_all;
use imaging::{
    Composition, Content, Cost, Fonts, Format, ImagingError, Origin, Report, THUMBNAIL_SIDE_PX,
    Variant, VariantKind, VariantPlan, compose, variants,
};
use service::telemetry::error_chain;
use sha2::{Digest, Sha256};
use store::objects::output_key;
use store::products::CatalogEntry;
use store::settle::Asset;

use crate::inputs::{self, Inputs, of_composition, of_pool};
use crate::job::Job;
use crate::layers;
use crate::masked;
use crate::retry::persistently;
use crate::spend::Paid;
use crate::stop::Stop;
use crate::worker::Worker;

/// The full-size picture's name.
pub(crate) const FULL: &str = "full";
/// The thumbnail's name.
pub(crate) const THUMBNAIL: &str = "thumbnail";

/// An encoded picture.
pub(crate) struct File {
    pub(crate) variant: String,
    pub(crate) format: Format,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) bytes: Bytes,
    sha256: [u8; 32],
}

/// All pictures of a job, and how they came out.
pub(crate) struct Made {
    pub(crate) files: Vec<File>,
    pub(crate) report: Report,
    /// What the customer should know besides the prompt's notes.
    pub(crate) notes: Vec<String>,
}

/// Decodes the answer, composes, and encodes every variant.
pub(crate) async fn make(
    worker: &Worker,
    job: &mut Job,
    entry: &CatalogEntry,
    customizations: &Customizations,
    inputs: Inputs,
    paid: &Paid,
) -> Result<Made, Stop> {
    let started = Instant::now();
    let product = &entry.product;
    let generated = inputs::decoded(worker, paid.bytes.clone(), None)
        .await?
        .map_err(|error| {
            tracing::error!(
                error = error_chain(&error),
                "the provider's answer is no picture"
            );
            Stop::Failed(FailureCode::ProviderBadAnswer)
        })?;
    let generated = match masked::zone(entry) {
        Some(zone) => {
            let whole_px = (product.output_width_px, product.output_height_px);
            masked::shown(&generated, whole_px, zone.area)?
        }
        None => generated,
    };
    let plan = layers::plan(product, customizations, &inputs, &generated);
    let shown = layers::shows_generated(product, customizations);
    let wanted = wanted(product, &plan, shown, &job.claim.option.widths);
    let pixels = generated.pixel_count() + u64::from(plan.width) * u64::from(plan.height);
    let notes = notes(shown, &plan, &inputs.fonts);
    let fonts = inputs.fonts;
    let drawing = worker.pool.run(Cost::of_pixels(pixels), move |stop| {
        draw(&plan, &fonts, &wanted, stop)
    });
    let drawn = drawing.await.map_err(|error| of_pool(&error))?;
    let (variants, report) = drawn.map_err(|error| of_composition(&error))?;
    let composed = started.elapsed();
    // One variant per admission: a thread that is free takes the next, and WebP alone would keep
    // one thread busy for longer than everything else together.
    let mut files = try_join_all(variants.into_iter().map(|variant| file(worker, variant))).await?;
    files.sort_by(|a, b| a.variant.cmp(&b.variant));
    note_time(worker, job, "compose", composed);
    note_time(worker, job, "encode", started.elapsed() - composed);
    Ok(Made {
        files,
        report,
        notes,
    })
}

/// Which files a product's picture becomes.
pub(crate) fn wanted(
    product: &Product,
    plan: &Composition,
    shown: bool,
    asked: &[i32],
) -> VariantPlan {
    VariantPlan {
        full: Format::from(product.output_format),
        widths: widths(asked),
        thumbnail_px: Some(THUMBNAIL_SIDE_PX),
        origin: shown.then(|| origin(plan)),
    }
}

/// Pure processor work: the composition and its sizes, not yet encoded.
pub(crate) fn draw(
    plan: &Composition,
    fonts: &Fonts,
    wanted: &VariantPlan,
    stop: &imaging::Stop,
) -> Result<(Vec<Variant>, Report), ImagingError> {
    let (picture, report) = compose(plan, fonts)?;
    stop.check()?;
    Ok((variants(Arc::new(picture), wanted)?, report))
}

/// What the customer should know: a generated picture that does not show, and texts whose font nobody
/// has.
pub(crate) fn notes(shown: bool, plan: &Composition, fonts: &Fonts) -> Vec<String> {
    let unused = "the product has a photograph and no zone for the generated picture";
    let mut notes: Vec<String> = (!shown).then(|| unused.to_owned()).into_iter().collect();
    notes.extend(plan.layers.iter().filter_map(|layer| {
        let Content::Text(text) = &layer.content else {
            return None;
        };
        let asked = text.font.trim();
        let unknown = !asked.is_empty() && !fonts.knows(asked);
        let drawn = fonts.resolve(asked);
        unknown.then(|| {
            let zone = &layer.id;
            format!("zone {zone}: no font is called {asked:?}; it is drawn in {drawn}")
        })
    }));
    notes
}

fn note_time(worker: &Worker, job: &mut Job, stage: &'static str, time: Duration) {
    job.stages.add(stage, time);
    let histogram = &worker.metrics.stage_seconds;
    histogram
        .with_label_values(&[stage, "succeeded"])
        .observe(time.as_secs_f64());
}

fn widths(asked: &[i32]) -> Vec<u32> {
    let asked = asked.iter().filter_map(|width| u32::try_from(*width).ok());
    asked.map(|width| width.max(1)).collect()
}

/// What the files say about how they came about, where the generated picture is to be seen. What
/// the `synthetic` provider draws counts as generated: it stands for a model.
fn origin(plan: &Composition) -> Origin {
    match usize::from(plan.base.is_some()) + plan.layers.len() {
        0 | 1 => Origin::TrainedAlgorithmicMedia,
        _ => Origin::CompositeWithTrainedAlgorithmicMedia,
    }
}

/// Encodes a variant on the imaging threads.
async fn file(worker: &Worker, variant: Variant) -> Result<File, Stop> {
    let cost = Cost::of_pixels(variant.picture.pixel_count());
    let encoding = worker.pool.run(cost, move |_| encoded(&variant));
    let encoded = encoding.await.map_err(|error| of_pool(&error))?;
    encoded.map_err(|error| of_composition(&error))
}

/// Pure processor work: one file.
pub(crate) fn encoded(variant: &Variant) -> Result<File, ImagingError> {
    let bytes = Bytes::from(variant.encode()?);
    Ok(File {
        variant: name(variant.kind),
        format: variant.format,
        width_px: variant.picture.width(),
        height_px: variant.picture.height(),
        sha256: Sha256::digest(&bytes).into(),
        bytes,
    })
}

fn name(kind: VariantKind) -> String {
    match kind {
        VariantKind::Full => FULL.to_owned(),
        VariantKind::Width(width) => format!("w{width}"),
        VariantKind::Thumbnail => THUMBNAIL.to_owned(),
    }
}

/// Puts every picture into the object store, under keys that derive from the generation.
pub(crate) async fn store(worker: &Worker, job: &Job, files: &[File]) -> Result<Vec<Asset>, Stop> {
    try_join_all(files.iter().map(|file| put(worker, job, file))).await
}

async fn put(worker: &Worker, job: &Job, file: &File) -> Result<Asset, Stop> {
    let extension = file.format.extension();
    let key = output_key(job.claim.lease.job, &file.variant, extension);
    let content_type = file.format.content_type();
    let put = || worker.objects.put(&key, content_type, file.bytes.clone());
    persistently("picture", put).await.map_err(|error| {
        tracing::error!(error = error_chain(&error), "a picture cannot be stored");
        Stop::Failed(FailureCode::ProcessingFailed)
    })?;
    Ok(Asset {
        variant: file.variant.clone(),
        object_key: key,
        content_type: content_type.to_owned(),
        width_px: file.width_px,
        height_px: file.height_px,
        size_bytes: file.bytes.len() as u64,
        sha256: file.sha256,
    })
}
