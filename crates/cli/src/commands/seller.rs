//! `atelier seller`: who sells.

use std::fmt::Write;

use domain::Clock;
use domain::invoice::Seller;
use serde_json::json;
use service::SystemClock;
use sha2::{Digest, Sha256};
use store::sellers::{self, SellerSettings};
use store::{Database, Objects, objects};

use crate::args::SellerCommand;
use crate::party_file::{LogoFile, SellerFile, read_seller};
use crate::{output, stores};

pub(super) async fn run(command: SellerCommand) -> anyhow::Result<()> {
    match command {
        SellerCommand::Show { database } => {
            let db = stores::database(&database).await?;
            let settings = sellers::load(&db).await?;
            if settings.updated_at.is_none() {
                output::note(
                    "nobody has set the seller yet; `atelier seller set --help` shows how",
                );
            }
            output::json(&json!(settings))
        }
        SellerCommand::Set {
            file,
            check,
            objects,
            database,
        } => {
            let read = read_seller(&file)?;
            if check {
                output::data(&format!("{}  ok", read.seller.name));
                return Ok(());
            }
            let db = stores::database(&database).await?;
            set(&db, &Objects::open(&objects)?, read).await
        }
    }
}

/// The logo before the row: dying in between leaves an object that nobody names.
async fn set(db: &Database, objects: &Objects, file: SellerFile) -> anyhow::Result<()> {
    let before = sellers::load(db).await?;
    let logo = match &file.logo {
        Some(logo) => Some(keep(objects, logo).await?),
        None => None,
    };
    let settings = SellerSettings {
        profile: Seller {
            logo,
            ..file.seller
        },
        invoice_prefix: file.invoice_prefix.unwrap_or(before.invoice_prefix),
        credit_prefix: file.credit_prefix.unwrap_or(before.credit_prefix),
        updated_at: None,
    };
    anyhow::ensure!(
        settings.invoice_prefix != settings.credit_prefix,
        "invoices and credit notes need different prefixes; both would be {}",
        settings.invoice_prefix
    );
    sellers::set(db, SystemClock.now(), "cli", &settings).await?;
    output::data(&format!("{}  set", settings.profile.name));
    Ok(())
}

/// Stores a logo under its content, and returns the key.
async fn keep(objects: &Objects, logo: &LogoFile) -> anyhow::Result<String> {
    let mut hash = String::new();
    for byte in Sha256::digest(&logo.bytes) {
        write!(hash, "{byte:02x}")?;
    }
    let key = objects::logo_key(&hash, logo.extension);
    objects
        .put(&key, logo.media_type, logo.bytes.clone())
        .await?;
    Ok(key)
}
