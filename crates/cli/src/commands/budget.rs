//! `atelier budget`: what a brand may spend at providers.

use anyhow::{Context, ensure};
use domain::BrandId;
use serde_json::json;
use store::budgets;

use crate::args::BudgetCommand;
use crate::{output, stores};

pub(super) async fn run(command: BudgetCommand) -> anyhow::Result<()> {
    match command {
        BudgetCommand::Show { brand, database } => {
            let db = stores::database(&database).await?;
            let brand = BrandId(brand);
            let budget = budgets::find(&db, &brand).await?;
            let budget = budget.with_context(|| format!("there is no brand {brand}"))?;
            output::json(&json!({
                "brand": budget.brand,
                "currency": "USD",
                "limit": budget.limit.to_decimal(),
                "spent": budget.spent.to_decimal(),
                "spent_elsewhere": budget.spent_elsewhere.to_decimal(),
                "reserved": budget.reserved.to_decimal(),
                "resets_at": budget.resets_at,
            }))
        }
        BudgetCommand::Set {
            brand,
            limit_cents,
            database,
        } => {
            let db = stores::database(&database).await?;
            let known = budgets::set_limit(&db, &BrandId(brand.clone()), limit_cents).await?;
            ensure!(known, "there is no brand {brand}");
            output::data(&format!("{brand} may spend {limit_cents} cents a period"));
            Ok(())
        }
    }
}
