//! What brands have decided about content and about money that may be lost.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{BrandId, BrandPolicy, DenyList};

use crate::database::Database;
use crate::error::StoreError;

/// A change of a brand's policy; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// The whole list of denied words.
    pub deny_list: Option<String>,
    /// Who looks before a provider is paid.
    pub moderation: Option<domain::Moderation>,
    /// What happens when nobody could look.
    pub moderation_failure: Option<domain::ModerationFailure>,
    /// What happens when a paid call was lost.
    pub unknown_outcome: Option<domain::UnknownOutcome>,
}

/// Changes a brand's policy. A repeat changes nothing more.
///
/// # Errors
/// [`StoreError::Database`] where there is no such brand.
pub async fn change(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    change: &PolicyChange,
) -> Result<(), StoreError> {
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::policies::change
        INSERT INTO atelier.brand_policy AS p (brand_id, deny_list, moderation, moderation_failure,
            unknown_outcome, updated_at)
        VALUES ($1, COALESCE($2, ''), COALESCE($3, 'off'), COALESCE($4, 'closed'),
            COALESCE($5, 'retry_once'), $6)
        ON CONFLICT (brand_id) DO UPDATE SET
            deny_list = COALESCE($2, p.deny_list),
            moderation = COALESCE($3, p.moderation),
            moderation_failure = COALESCE($4, p.moderation_failure),
            unknown_outcome = COALESCE($5, p.unknown_outcome),
            updated_at = $6"#,
        brand.as_str(),
        change.deny_list,
        change.moderation.map(domain::Moderation::as_str),
        change
            .moderation_failure
            .map(domain::ModerationFailure::as_str),
        change.unknown_outcome.map(domain::UnknownOutcome::as_str),
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// The policies of brands. Those that decided nothing are left out.
///
/// # Errors
/// [`StoreError::Inconsistent`] when a stored row is no policy, naming it.
pub async fn load(
    db: &Database,
    brands: &[BrandId],
) -> Result<HashMap<BrandId, BrandPolicy>, StoreError> {
    let mut connection = db.connection().await?;
    let brands: Vec<String> = brands.iter().map(BrandId::to_string).collect();
    of_brands(&mut connection, &brands).await
}

/// As [`load`], on the caller's connection.
pub(crate) async fn of_brands(
    connection: &mut sqlx::PgConnection,
    brands: &[String],
) -> Result<HashMap<BrandId, BrandPolicy>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::policies::of_brands
        SELECT brand_id, deny_list, moderation, moderation_failure, unknown_outcome
        FROM atelier.brand_policy WHERE brand_id = ANY($1)"#,
        brands
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let bad = |column: &'static str, detail: String| StoreError::Inconsistent {
                table: "atelier.brand_policy",
                column,
                id: row.brand_id.clone(),
                detail,
            };
            let policy = BrandPolicy {
                deny_list: DenyList::parse(&row.deny_list)
                    .map(Arc::new)
                    .map_err(|error| bad("deny_list", error.to_string()))?,
                moderation: row
                    .moderation
                    .parse()
                    .map_err(|error: domain::UnknownName| bad("moderation", error.to_string()))?,
                moderation_failure: row.moderation_failure.parse().map_err(
                    |error: domain::UnknownName| bad("moderation_failure", error.to_string()),
                )?,
                unknown_outcome: row.unknown_outcome.parse().map_err(
                    |error: domain::UnknownName| bad("unknown_outcome", error.to_string()),
                )?,
            };
            Ok((BrandId(row.brand_id), policy))
        })
        .collect()
}
