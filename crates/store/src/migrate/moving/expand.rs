//! Expand: everything of `0002` that the older programs do not notice, taken from that file's own
//! statements, so that there is one truth about names, types and defaults.

use sqlx::PgConnection;

use super::super::error::MigrationError;
use super::super::files::{Migrations, PERSONALISATION};
use super::super::{history, session};
use super::Batch;

/// The new tables, by the names under which going back keeps them.
pub(in crate::migrate) const KEPT_TABLES: &[(&str, &str)] = &[
    ("ClientSettings", "archived_client_settings"),
    ("CustomizationZone", "archived_customization_zone"),
    ("Template", "archived_template"),
    ("Generation", "archived_generation"),
    ("Invoice", "archived_invoice"),
    ("UsageRecord", "archived_usage_record"),
];

/// The new enums, which go and come with the tables.
pub(in crate::migrate) const ENUMS: &[&str] = &[
    "SubscriptionPlan",
    "SubscriptionStatus",
    "GenerationStatus",
    "CustomizationType",
    "ProductStatus",
    "WebhookEvent",
];

/// Adds enums, columns and tables in one transaction. What going back has kept is taken back instead of
/// made.
pub(super) async fn expand(
    connection: &mut PgConnection,
    migrations: &Migrations,
) -> Result<Batch, MigrationError> {
    // Both at once and first: nobody is met half-way with one of them in hand.
    session::lock_tables(connection, &["Brand", "Product"], "ACCESS EXCLUSIVE").await?;
    for name in ENUMS {
        take_back_type(connection, name).await?;
    }
    let mut back = Vec::new();
    for (table, kept) in KEPT_TABLES {
        if history::exists(connection, kept).await? {
            session::run(
                connection,
                format!(
                    "ALTER TABLE atelier.{kept} RENAME TO \"{table}\";
                     ALTER TABLE atelier.\"{table}\" SET SCHEMA public"
                ),
            )
            .await?;
            back.push(*table);
        }
    }
    for statement in &migrations.version(PERSONALISATION)?.statements {
        let text = statement.text.as_str();
        if is_expanding(text) && !is_there(connection, text, &back).await? {
            // Filled by a backfill, and required by the contract.
            let text = text.replace("\"slug\" TEXT NOT NULL", "\"slug\" TEXT");
            session::run(connection, text).await?;
        }
    }
    Ok(Batch::whole(0))
}

/// Whether a statement of `0002` adds something that the older programs do not notice.
fn is_expanding(statement: &str) -> bool {
    let touches_webhooks =
        statement.contains("\"Webhook\"") || statement.contains("\"WebhookLog\"");
    let begins = |with: &str| statement.starts_with(with);
    !touches_webhooks
        && !begins("DO")
        && !begins("DROP")
        && !statement.contains("\"Product_brandId_slug_key\"")
}

/// Whether what a statement makes was taken back.
async fn is_there(
    connection: &mut PgConnection,
    statement: &str,
    back: &[&str],
) -> Result<bool, sqlx::Error> {
    if let Some(rest) = statement.strip_prefix("CREATE TYPE ") {
        let name = rest.split_whitespace().next().unwrap_or_default();
        return sqlx::query_scalar("SELECT to_regtype('public.' || $1) IS NOT NULL")
            .bind(name)
            .fetch_one(connection)
            .await;
    }
    Ok(back.iter().any(|table| {
        [
            format!("CREATE TABLE \"{table}\""),
            format!("ALTER TABLE \"{table}\""),
        ]
        .iter()
        .any(|start| statement.starts_with(start))
            || (statement.starts_with("CREATE") && statement.contains(&format!("ON \"{table}\"")))
    }))
}

async fn take_back_type(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    session::run(
        connection,
        format!(
            "DO $$ BEGIN
                 IF to_regtype('atelier.\"{name}\"') IS NOT NULL THEN
                     ALTER TYPE atelier.\"{name}\" SET SCHEMA public;
                 END IF;
             END $$"
        ),
    )
    .await
}
