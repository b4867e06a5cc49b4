//! `atelier billing-profile`: who stands on a brand's invoices.

use anyhow::{Context, ensure};
use domain::{BrandId, Clock};
use serde_json::json;
use service::SystemClock;
use store::billing_profiles;

use crate::args::BillingProfileCommand;
use crate::party_file::read_buyer;
use crate::{output, stores};

pub(super) async fn run(command: BillingProfileCommand) -> anyhow::Result<()> {
    match command {
        BillingProfileCommand::Show { brand, database } => {
            let db = stores::database(&database).await?;
            let found = billing_profiles::find(&db, &BrandId(brand.clone())).await?;
            let profile = found.with_context(|| {
                format!(
                    "nobody has set the billing profile of {brand}: its invoices say what its own row says; \
                     `atelier billing-profile set --help` shows how to set one"
                )
            })?;
            output::json(&json!(profile))
        }
        BillingProfileCommand::Set {
            brand,
            file,
            database,
        } => {
            let read = read_buyer(&file)?;
            let db = stores::database(&database).await?;
            let (now, id) = (SystemClock.now(), BrandId(brand.clone()));
            let (buyer, days) = (&read.buyer, read.payment_days);
            let known = billing_profiles::set(&db, now, "cli", &id, buyer, days).await?;
            ensure!(known, "there is no brand {brand}");
            output::data(&format!("{brand}: {}  set", buyer.name));
            Ok(())
        }
    }
}
