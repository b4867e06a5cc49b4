//! `atelier font`: fonts of a brand's own.

use std::fmt::Write;

use anyhow::{Context, ensure};
use bytes::Bytes;
use domain::{BrandId, Clock};
use imaging::{BrandFont, BrandFontLimits};
use service::SystemClock;
use sha2::{Digest, Sha256};
use store::brand_fonts::{self, BrandFontRow, MAX_BRAND_FONTS};
use store::{Objects, objects};

use crate::args::{FontCommand, FontSource};
use crate::{output, stores};

pub(super) async fn run(command: FontCommand) -> anyhow::Result<()> {
    match command {
        FontCommand::Add {
            brand,
            family,
            source,
            objects,
            database,
        } => {
            let limits = BrandFontLimits::default();
            let bytes = read(&source, limits.max_bytes).await?;
            let font = BrandFont::check(&family, bytes.to_vec(), &limits)?;
            let mut hash = String::new();
            for byte in Sha256::digest(&bytes) {
                write!(hash, "{byte:02x}")?;
            }
            let row = BrandFontRow {
                family: font.family().to_owned(),
                object_key: objects::font_key(&hash),
                size_bytes: i32::try_from(bytes.len())?,
                glyphs: i32::try_from(font.glyphs())?,
            };
            let db = stores::database(&database).await?;
            // The file before the row: dying in between leaves an object nobody names.
            let store = Objects::open(&objects)?;
            store.put(&row.object_key, "font/sfnt", bytes).await?;
            let written = brand_fonts::put(&db, SystemClock.now(), &BrandId(brand), &row).await?;
            ensure!(
                written,
                "a brand has at most {MAX_BRAND_FONTS} fonts; remove one first"
            );
            output::data(&format!("{}  {} glyphs", row.family, row.glyphs));
            Ok(())
        }
        FontCommand::List { brand, database } => {
            let db = stores::database(&database).await?;
            for row in brand_fonts::of_brand(&db, &BrandId(brand)).await? {
                let kib = row.size_bytes / 1024;
                output::data(&format!("{}  {} glyphs, {kib} KiB", row.family, row.glyphs));
            }
            Ok(())
        }
        FontCommand::Remove {
            brand,
            family,
            database,
        } => {
            let db = stores::database(&database).await?;
            let there = brand_fonts::remove(&db, &BrandId(brand), &family).await?;
            ensure!(there, "the brand has no font called {family:?}");
            output::data(&format!("{family}  removed"));
            Ok(())
        }
    }
}

async fn read(source: &FontSource, max_bytes: usize) -> anyhow::Result<Bytes> {
    if let Some(file) = &source.file {
        let size = std::fs::metadata(file)
            .with_context(|| format!("{}", file.display()))?
            .len();
        ensure!(
            size <= max_bytes as u64,
            "{} has {size} bytes; {max_bytes} are the most",
            file.display()
        );
        return Ok(Bytes::from(std::fs::read(file)?));
    }
    let url = source.url.as_deref().context("--file or --url is needed")?;
    // The guarded fetch: no private networks, few redirects, a deadline, a limit while reading.
    let fetch = providers::FetchConfig {
        fetch_max_bytes: max_bytes as u64,
        ..source.fetch.clone()
    };
    let fetcher = providers::Fetcher::new(&fetch)?;
    Ok(fetcher.fetch(url).await?)
}
