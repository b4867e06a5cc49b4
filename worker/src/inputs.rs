//! Everything a composition needs besides the generated picture, before anything is paid: the base
//! photograph, the shopper's pictures, and the proof that every text can be drawn.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::{Customizations, FailureCode, ImageSource, Product, ZoneValue};
use imaging::{
    Cost, DecodeLimits, Fonts, Format, Header, ImagingError, Picture, PoolError, compose, decode,
    decode_at_least, encode, probe, thumbnail,
};
use service::telemetry::error_chain;
use store::products::CatalogEntry;

use crate::job::Job;
use crate::stop::Stop;
use crate::worker::Worker;
use crate::{brand_fonts, layers};

/// A shopper's picture is kept at no more than this many times the output's longer side: enough for
/// the sharpest crop into a zone, and a bound on what waits in memory beside the provider.
const OVERSAMPLING: u32 = 2;

/// Decoded pictures.
pub(crate) struct Inputs {
    pub(crate) base: Option<Arc<Picture>>,
    /// The shopper's, by zone id.
    pub(crate) pictures: HashMap<String, Arc<Picture>>,
    /// The process's fonts, and the brand's own that this job needs.
    pub(crate) fonts: Arc<Fonts>,
}

/// Reads the stored customisations, on the imaging threads: they may hold megabytes of pictures in
/// base64. They are taken out of the job, which needs them no more.
pub(crate) async fn customizations(
    worker: &Worker,
    job: &mut Job,
    entry: &Arc<CatalogEntry>,
) -> Result<Customizations, Stop> {
    let stored = std::mem::take(&mut job.claim.customizations);
    let entry = Arc::clone(entry);
    let zones = move |_: &_| Customizations::from_stored(&stored, &entry.product.zones);
    let read = worker.pool.run(Cost::default(), zones).await;
    read.map_err(|error| of_pool(&error))?.map_err(|error| {
        tracing::error!(%error, "the stored customizations cannot be read");
        Stop::Failed(FailureCode::Internal)
    })
}

/// Loads and decodes everything.
pub(crate) async fn load(
    worker: &Worker,
    product: &Product,
    customizations: &Customizations,
) -> Result<Inputs, Stop> {
    let fonts = brand_fonts::fonts(worker, product, customizations).await?;
    check_texts(worker, product, customizations, &fonts).await?;
    let base = base(worker, product).await?;
    let longest = product.output_width_px.max(product.output_height_px);
    let mut pictures = HashMap::new();
    for entry in &customizations.entries {
        if let ZoneValue::Image(source) = &entry.value {
            let picture = shopper_picture(worker, source, longest * OVERSAMPLING).await?;
            pictures.insert(entry.zone_id.clone(), picture);
        }
    }
    Ok(Inputs {
        base,
        pictures,
        fonts,
    })
}

/// Draws the texts alone: a character that no font has must be found before the picture is paid.
async fn check_texts(
    worker: &Worker,
    product: &Product,
    customizations: &Customizations,
    fonts: &Arc<Fonts>,
) -> Result<(), Stop> {
    let plan = layers::texts_alone(product, customizations);
    if plan.layers.is_empty() {
        return Ok(());
    }
    let fonts = Arc::clone(fonts);
    let pixels = u64::from(plan.width) * u64::from(plan.height);
    let drawn = worker
        .pool
        .run(Cost::of_pixels(pixels), move |_| {
            compose(&plan, &fonts).map(drop)
        })
        .await;
    drawn
        .map_err(|error| of_pool(&error))?
        .map_err(|error| of_composition(&error))
}

/// The base photograph. A product that names one must have it.
async fn base(worker: &Worker, product: &Product) -> Result<Option<Arc<Picture>>, Stop> {
    let now = worker.clock.now();
    let (name, bytes) = match (&product.base_image, &product.base_image_url) {
        (Some(key), _) => match worker.bases.get(key, now) {
            Some(picture) => return Ok(Some(picture)),
            None => (key, stored_base(worker, key).await?),
        },
        (None, Some(url)) => match worker.bases.get(url, now) {
            Some(picture) => return Ok(Some(picture)),
            None => (url, remote_base(worker, url).await?),
        },
        (None, None) => return Ok(None),
    };
    let (bases, name) = (Arc::clone(&worker.bases), name.clone());
    let reading = on_pool(worker, bytes, move |bytes| bases.decoded(&name, bytes, now));
    let picture = reading.await?.map_err(|error| {
        tracing::error!(product = %product.id, error = error_chain(&error), "unusable base image");
        Stop::Failed(FailureCode::ProcessingFailed)
    })?;
    Ok(Some(picture))
}

async fn stored_base(worker: &Worker, key: &str) -> Result<Bytes, Stop> {
    let found = worker.objects.get(key).await.map_err(|error| {
        tracing::warn!(error = error_chain(&error), "a base image cannot be read");
        Stop::passing("object_store_unavailable")
    })?;
    found.ok_or_else(|| {
        tracing::error!(key, "a base image is not in the object store");
        Stop::Failed(FailureCode::ProcessingFailed)
    })
}

async fn remote_base(worker: &Worker, url: &str) -> Result<Bytes, Stop> {
    worker.fetcher.fetch(url).await.map_err(|error| {
        tracing::error!(
            error = error_chain(&error),
            "a base image cannot be fetched"
        );
        match error.may_pass() {
            true => Stop::passing(error.code()),
            false => Stop::Failed(FailureCode::ProcessingFailed),
        }
    })
}

async fn shopper_picture(
    worker: &Worker,
    source: &ImageSource,
    longest_px: u32,
) -> Result<Arc<Picture>, Stop> {
    let bytes = match source {
        ImageSource::Data(data) => Bytes::from(data.bytes.clone()),
        ImageSource::Url(url) => worker.fetcher.fetch(url.as_str()).await.map_err(|error| {
            tracing::info!(
                error = error_chain(&error),
                "a shopper's picture cannot be fetched"
            );
            Stop::Failed(FailureCode::InvalidImage)
        })?,
    };
    decoded(worker, bytes, Some(longest_px))
        .await?
        .map_err(|error| {
            tracing::info!(
                error = error_chain(&error),
                "a shopper's picture cannot be read"
            );
            Stop::Failed(FailureCode::InvalidImage)
        })
}

/// Decodes on the imaging threads, shrunk to a longest side where one is given.
pub(crate) async fn decoded(
    worker: &Worker,
    bytes: Bytes,
    longest_px: Option<u32>,
) -> Result<Result<Arc<Picture>, ImagingError>, Stop> {
    let limits = DecodeLimits::default();
    let work = move |bytes: &[u8]| {
        let Some(side) = longest_px else {
            return decode(bytes, &limits).map(Arc::new);
        };
        let (width, height) = inside(&probe(bytes, &limits)?, side);
        let decoded = decode_at_least(bytes, &limits, width, height)?;
        thumbnail(&decoded.picture, side).map(Arc::new)
    };
    on_pool(worker, bytes, work).await
}

/// The size at which the longer side is `side`.
fn inside(header: &Header, side: u32) -> (u32, u32) {
    let (width, height) = header.upright_size();
    let scale = f64::from(side) / f64::from(width.max(height)).max(1.0);
    let scaled = |px| (f64::from(px) * scale.min(1.0)).ceil() as u32;
    (scaled(width), scaled(height))
}

/// Runs what reads a file on the imaging threads, admitted with the size that its header says. A
/// file whose header is wrong is refused here, before it waits for a place.
async fn on_pool<T: Send + 'static>(
    worker: &Worker,
    bytes: Bytes,
    read: impl FnOnce(&[u8]) -> Result<T, ImagingError> + Send + 'static,
) -> Result<Result<T, ImagingError>, Stop> {
    let header = match probe(&bytes, &DecodeLimits::default()) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error)),
    };
    let cost = Cost::of_decoding(&header);
    let running = worker.pool.run(cost, move |_| read(&bytes));
    running.await.map_err(|error| of_pool(&error))
}

/// A picture as PNG, for a provider.
pub(crate) async fn encoded(worker: &Worker, picture: Arc<Picture>) -> Result<Bytes, Stop> {
    let cost = Cost::of_pixels(picture.pixel_count());
    let work = move |_: &imaging::Stop| encode(&picture, Format::Png);
    let encoded = worker.pool.run(cost, work).await;
    let bytes = encoded.map_err(|error| of_pool(&error))?;
    bytes.map(Bytes::from).map_err(|error| {
        tracing::error!(error = error_chain(&error), "a picture cannot be encoded");
        Stop::Failed(FailureCode::ProcessingFailed)
    })
}

/// What a failure of the imaging threads means: the same picture would do the same again.
pub(crate) fn of_pool(error: &PoolError) -> Stop {
    tracing::error!(error = error_chain(error), "image work failed");
    match error {
        PoolError::Closed => Stop::passing("imaging_closed"),
        PoolError::Panicked { .. } | PoolError::OverBudget { .. } | PoolError::Spawn(_) => {
            Stop::Failed(FailureCode::ProcessingFailed)
        }
    }
}

/// What a plan that cannot be drawn means.
pub(crate) fn of_composition(error: &ImagingError) -> Stop {
    tracing::warn!(error = error_chain(error), "the design cannot be drawn");
    match error {
        ImagingError::MissingGlyph { .. } => Stop::Failed(FailureCode::InvalidRequest),
        _ => Stop::Failed(FailureCode::ProcessingFailed),
    }
}
