//! `atelier brand`: brands.

use anyhow::Context;
use domain::{BrandId, Clock, Plan};
use service::SystemClock;
use store::brands::{self, NewBrand};

use crate::args::BrandCommand;
use crate::{output, stores};

pub(super) async fn run(command: BrandCommand) -> anyhow::Result<()> {
    match command {
        BrandCommand::Create {
            id,
            name,
            plan,
            max_monthly_generations,
            database,
        } => {
            let plan: Plan = plan
                .to_uppercase()
                .parse()
                .context("--plan is FREE, STARTER, PROFESSIONAL or ENTERPRISE")?;
            let db = stores::database(&database).await?;
            let brand = NewBrand {
                slug: id.replace('_', "-"),
                id: BrandId(id),
                name,
                plan,
                max_monthly_generations,
            };
            let new = brands::ensure(&db, SystemClock.now(), &brand).await?;
            let word = if new { "created" } else { "already there" };
            output::data(&format!("{} {word}", brand.id));
            Ok(())
        }
    }
}
