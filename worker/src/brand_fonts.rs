//! Fonts of a brand's own: which there are, kept for a moment, and the files in use, kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{BrandId, Customizations, FailureCode, Product, ZoneValue};
use imaging::{BrandFont, BrandFontLimits, Cost, Fonts};
use service::telemetry::error_chain;
use store::brand_fonts::{BrandFontRow, family_key, of_brand};
use tokio::time::Instant;

use crate::inputs::of_pool;
use crate::stop::Stop;
use crate::worker::Worker;

/// How long a brand's list is believed. A font that was just added is drawn after at most that long.
const LIST_TTL: Duration = Duration::from_secs(15);
/// Most brands whose lists are kept.
const MAX_LISTS: usize = 4_096;
/// Most bytes of fonts kept: sixteen of the largest.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What is kept between jobs.
#[derive(Debug, Default)]
pub(crate) struct BrandFonts {
    lists: Mutex<HashMap<BrandId, List>>,
    /// The most recently used last.
    files: Mutex<Vec<(String, usize, Arc<BrandFont>)>>,
}

/// A brand's fonts as they were read, and when.
#[derive(Debug)]
struct List {
    read: Instant,
    rows: Arc<Vec<BrandFontRow>>,
}

/// The fonts for a job: those of the process, and the brand's own that its texts name.
pub(crate) async fn fonts(
    worker: &Worker,
    product: &Product,
    customizations: &Customizations,
) -> Result<Arc<Fonts>, Stop> {
    let asked = asked(product, customizations);
    if asked.is_empty() {
        return Ok(Arc::clone(&worker.fonts));
    }
    let rows = list(worker, &product.brand_id).await?;
    let mut own = Vec::new();
    for row in rows
        .iter()
        .filter(|row| asked.contains(&family_key(&row.family)))
    {
        own.push(file(worker, row).await?);
    }
    if own.is_empty() {
        return Ok(Arc::clone(&worker.fonts));
    }
    Ok(Arc::new(
        worker.fonts.with_brand(own.iter().map(AsRef::as_ref)),
    ))
}

/// Every family that a text of this job may be set in, as it is compared.
fn asked(product: &Product, customizations: &Customizations) -> Vec<String> {
    if customizations.texts().next().is_none() {
        return Vec::new();
    }
    let chosen = customizations
        .entries
        .iter()
        .filter_map(|entry| match &entry.value {
            ZoneValue::Text(text) => text.font.as_deref(),
            ZoneValue::Font { font } => Some(font.as_str()),
            _ => None,
        });
    let defaults = product
        .zones
        .iter()
        .filter_map(|zone| zone.default_font.as_deref());
    // A name may be a list ("House Sans, serif").
    chosen
        .chain(defaults)
        .flat_map(|names| names.split(','))
        .map(family_key)
        .collect()
}

async fn list(worker: &Worker, brand: &BrandId) -> Result<Arc<Vec<BrandFontRow>>, Stop> {
    let now = Instant::now();
    {
        let lists = worker.brand_fonts.lists.lock();
        let lists = lists.unwrap_or_else(PoisonError::into_inner);
        if let Some(List { read, rows }) = lists.get(brand)
            && now.duration_since(*read) < LIST_TTL
        {
            return Ok(Arc::clone(rows));
        }
    }
    let rows = of_brand(&worker.db, brand).await.map_err(|error| {
        tracing::warn!(
            error = error_chain(&error),
            "a brand's fonts cannot be listed"
        );
        Stop::passing("database_unavailable")
    })?;
    let rows = Arc::new(rows);
    let lists = worker.brand_fonts.lists.lock();
    let mut lists = lists.unwrap_or_else(PoisonError::into_inner);
    if lists.len() >= MAX_LISTS {
        lists.clear();
    }
    let list = List {
        read: now,
        rows: Arc::clone(&rows),
    };
    lists.insert(brand.clone(), list);
    Ok(rows)
}

/// A font's file, checked again: the object store is not ours alone.
async fn file(worker: &Worker, row: &BrandFontRow) -> Result<Arc<BrandFont>, Stop> {
    if let Some(font) = worker.brand_fonts.kept(&row.object_key) {
        return Ok(font);
    }
    let found = worker.objects.get(&row.object_key).await.map_err(|error| {
        tracing::warn!(error = error_chain(&error), "a brand's font cannot be read");
        Stop::passing("object_store_unavailable")
    })?;
    let bytes = found.ok_or_else(|| {
        tracing::error!(
            key = row.object_key,
            "a brand's font is not in the object store"
        );
        Stop::Failed(FailureCode::ProcessingFailed)
    })?;
    let (size, family) = (bytes.len(), row.family.clone());
    let checking = move |_: &imaging::Stop| {
        BrandFont::check(&family, bytes.to_vec(), &BrandFontLimits::default())
    };
    let checked = worker
        .pool
        .run(Cost::default(), checking)
        .await
        .map_err(|error| of_pool(&error))?;
    let font = checked.map_err(|error| {
        tracing::error!(key = row.object_key, %error, "a brand's font cannot be used");
        Stop::Failed(FailureCode::ProcessingFailed)
    })?;
    let font = Arc::new(font);
    worker.brand_fonts.keep(&row.object_key, size, &font);
    Ok(font)
}

impl BrandFonts {
    fn kept(&self, key: &str) -> Option<Arc<BrandFont>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let at = files.iter().position(|(known, ..)| known == key)?;
        let entry = files.remove(at);
        let font = Arc::clone(&entry.2);
        files.push(entry);
        Some(font)
    }

    fn keep(&self, key: &str, size: usize, font: &Arc<BrandFont>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|(known, ..)| known != key);
        files.push((key.to_owned(), size, Arc::clone(font)));
        let mut bytes: usize = files.iter().map(|(_, size, _)| size).sum();
        while bytes > MAX_BYTES && files.len() > 1 {
            bytes -= files.remove(0).1;
        }
    }
}
