//! `atelier subscription`: what a brand is subscribed to.

use anyhow::{Context, ensure};
use domain::{BrandId, Clock};
use serde_json::json;
use service::SystemClock;
use store::subscriptions::{self, Order};

use crate::args::SubscriptionCommand;
use crate::{output, stores};

pub(super) async fn run(command: SubscriptionCommand) -> anyhow::Result<()> {
    match command {
        SubscriptionCommand::Show { brand, database } => {
            let db = stores::database(&database).await?;
            let brand = BrandId(brand);
            let quota = store::quota::of_brand(&db, SystemClock.now(), &brand).await?;
            let quota = quota.with_context(|| format!("there is no brand {brand}"))?;
            output::json(&json!({
                "brand": brand,
                "plan": quota.plan,
                "status": quota.status,
                "period_start": quota.period_start,
                "period_end": quota.period_end,
                "changes": subscriptions::history(&db, &brand).await?,
            }))
        }
        SubscriptionCommand::Set {
            brand,
            plan,
            status,
            max_monthly_generations,
            database,
        } => {
            let order = Order {
                plan: plan.as_deref().map(str::parse).transpose()?,
                status: status.as_deref().map(str::parse).transpose()?,
                max_monthly_generations,
            };
            let asked = plan.is_some() || status.is_some() || max_monthly_generations.is_some();
            ensure!(
                asked,
                "nothing to set: give --plan, --status or --max-monthly-generations"
            );
            let db = stores::database(&database).await?;
            let brand = BrandId(brand);
            let set = subscriptions::set(&db, SystemClock.now(), &brand, &order, "cli").await?;
            let changed = set.with_context(|| format!("there is no brand {brand}"))?;
            let last = subscriptions::history(&db, &brand).await?.pop();
            let last = last.context("the brand has no subscription")?;
            let said = if changed { "is now" } else { "was already" };
            output::data(&format!("{brand} {said} {} {}", last.plan, last.status));
            Ok(())
        }
    }
}
