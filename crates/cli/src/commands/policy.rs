//! `atelier policy`: what a brand has decided about content and about calls that were lost.

use std::path::Path;

use anyhow::Context;
use domain::{BrandId, Clock, DenyList};
use serde_json::json;
use service::SystemClock;
use store::policies::{self, PolicyChange};

use crate::args::PolicyCommand;
use crate::{output, stores};

pub(super) async fn run(command: PolicyCommand) -> anyhow::Result<()> {
    match command {
        PolicyCommand::Show { brand, database } => {
            let db = stores::database(&database).await?;
            let brand = BrandId(brand);
            let policy = policies::load(&db, std::slice::from_ref(&brand)).await?;
            let policy = policy.get(&brand).cloned().unwrap_or_default();
            output::data(&format!(
                "{:#}",
                json!({
                    "brand": brand.as_str(),
                    "deny_list_rules": policy.deny_list.len(),
                    "moderation": policy.moderation.as_str(),
                    "moderation_failure": policy.moderation_failure.as_str(),
                    "unknown_outcome": policy.unknown_outcome.as_str(),
                })
            ));
            Ok(())
        }
        PolicyCommand::Set {
            brand,
            deny_list_file,
            moderation,
            moderation_failure,
            unknown_outcome,
            database,
        } => {
            let change = PolicyChange {
                deny_list: deny_list_file.as_deref().map(read_list).transpose()?,
                moderation,
                moderation_failure,
                unknown_outcome,
            };
            let db = stores::database(&database).await?;
            let brand = BrandId(brand);
            policies::change(&db, SystemClock.now(), &brand, &change)
                .await
                .with_context(|| format!("is there a brand {brand}?"))?;
            output::data(&format!("{brand} changed"));
            Ok(())
        }
    }
}

/// The text of a list that can be used.
fn read_list(path: &Path) -> anyhow::Result<String> {
    let named = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(named)?;
    DenyList::parse(&text).with_context(named)?;
    Ok(text)
}
