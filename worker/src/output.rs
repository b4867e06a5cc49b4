//! From the paid answer to pictures in the object store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{Customizations, FailureCode, Product};
use futures::future::try_join_all;
use imaging::{
    Composition, Fonts, Format, ImagingError, Picture, Report, THUMBNAIL_SIDE_PX, compose, encode,
    resize, thumbnail,
};
use service::telemetry::error_chain;
use sha2::{Digest, Sha256};
use store::objects::output_key;
use store::settle::Asset;

use crate::inputs::{self, Inputs, of_composition, of_pool};
use crate::job::Job;
use crate::layers;
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
    format: Format,
    width_px: u32,
    height_px: u32,
    bytes: Bytes,
    sha256: [u8; 32],
}

/// All pictures of a job, and how they came out.
pub(crate) struct Made {
    pub(crate) files: Vec<File>,
    pub(crate) report: Report,
    /// What the customer should know besides the prompt's notes.
    pub(crate) notes: Vec<String>,
}

/// What the imaging threads give back.
struct Drawn {
    files: Vec<File>,
    report: Report,
    compose: Duration,
    encode: Duration,
}

/// Decodes the answer, composes, and encodes every variant.
pub(crate) async fn make(
    worker: &Worker,
    job: &mut Job,
    product: &Product,
    customizations: &Customizations,
    inputs: Inputs,
    paid: &Paid,
) -> Result<Made, Stop> {
    let started = Instant::now();
    let generated = inputs::decoded(worker, paid.bytes.clone(), None)
        .await?
        .map_err(|error| {
            tracing::error!(
                error = error_chain(&error),
                "the provider's answer is no picture"
            );
            Stop::Failed(FailureCode::ProviderBadAnswer)
        })?;
    let decoding = started.elapsed();
    let plan = layers::plan(product, customizations, &inputs, &generated);
    let shown = layers::shows_generated(product, customizations);
    let pixels = generated.pixel_count() + u64::from(plan.width) * u64::from(plan.height);
    let fonts = Arc::clone(&worker.fonts);
    let full = Format::from(product.output_format);
    let widths = job.claim.option.widths.clone();
    let drawing = worker
        .pool
        .run(pixels, move || draw(&plan, &fonts, full, &widths));
    let drawn = drawing.await.map_err(|error| of_pool(&error))?;
    let drawn = drawn.map_err(|error| of_composition(&error))?;
    for (stage, time) in [
        ("compose", decoding + drawn.compose),
        ("encode", drawn.encode),
    ] {
        job.stages.add(stage, time);
        let histogram = &worker.metrics.stage_seconds;
        histogram
            .with_label_values(&[stage, "succeeded"])
            .observe(time.as_secs_f64());
    }
    let unused = "the product has a photograph and no zone for the generated picture";
    let notes = if shown {
        Vec::new()
    } else {
        vec![unused.to_owned()]
    };
    Ok(Made {
        files: drawn.files,
        report: drawn.report,
        notes,
    })
}

/// Pure processor work: runs on the imaging threads.
fn draw(
    plan: &Composition,
    fonts: &Fonts,
    full: Format,
    widths: &[i32],
) -> Result<Drawn, ImagingError> {
    let started = Instant::now();
    let (picture, report) = compose(plan, fonts)?;
    let composed = started.elapsed();
    let mut files = vec![file(FULL.to_owned(), &picture, full)?];
    for wanted in widths.iter().filter_map(|width| u32::try_from(*width).ok()) {
        // Never enlarged: there is nothing to be seen that the full picture does not have.
        let width = wanted.clamp(1, picture.width());
        let height = f64::from(picture.height()) * f64::from(width) / f64::from(picture.width());
        let smaller = resize(&picture, width, (height.round() as u32).max(1))?;
        files.push(file(format!("w{wanted}"), &smaller, full)?);
    }
    let small = thumbnail(&picture, THUMBNAIL_SIDE_PX)?;
    files.push(file(THUMBNAIL.to_owned(), &small, Format::JPEG_85)?);
    files.sort_by(|a, b| a.variant.cmp(&b.variant));
    files.dedup_by(|a, b| a.variant == b.variant);
    Ok(Drawn {
        files,
        report,
        compose: composed,
        encode: started.elapsed() - composed,
    })
}

fn file(variant: String, picture: &Picture, format: Format) -> Result<File, ImagingError> {
    let bytes = Bytes::from(encode(picture, format)?);
    Ok(File {
        variant,
        format,
        width_px: picture.width(),
        height_px: picture.height(),
        sha256: Sha256::digest(&bytes).into(),
        bytes,
    })
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
