//! Brands, as far as the operator's command makes them.

use chrono::{DateTime, Utc};
use domain::{BrandId, Plan};

use crate::database::Database;
use crate::error::StoreError;
use crate::time::to_public;

/// A brand to be made.
#[derive(Debug, Clone)]
pub struct NewBrand {
    /// Its id.
    pub id: BrandId,
    /// Its name for people.
    pub name: String,
    /// Its name in addresses.
    pub slug: String,
    /// Its plan.
    pub plan: Plan,
    /// Generations a month.
    pub max_monthly_generations: i32,
}

/// Makes a brand, or leaves the one with that id as it is. Returns whether it is new.
///
/// # Errors
/// [`StoreError::Database`] when the slug belongs to another brand.
pub async fn ensure(
    db: &Database,
    now: DateTime<Utc>,
    brand: &NewBrand,
) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let plan = brand.plan.as_str();
    let made = sqlx::query!(
        r#"-- store::brands::ensure
        INSERT INTO "Brand" (id, name, slug, status, "subscriptionPlan", "subscriptionStatus",
            "maxMonthlyGenerations", "maxProducts", "arEnabled", "createdAt", "updatedAt")
        VALUES ($1, $2, $3, 'VERIFIED', ($4::text)::"SubscriptionPlan", 'ACTIVE', $5, 1000, true,
            $6, $6)
        ON CONFLICT (id) DO NOTHING"#,
        brand.id.as_str(),
        brand.name,
        brand.slug,
        plan,
        brand.max_monthly_generations,
        to_public(now)
    )
    .execute(&mut *connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Whether there is such a brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn exists(db: &Database, brand: &BrandId) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::brands::exists
        SELECT EXISTS (SELECT 1 FROM "Brand" WHERE id = $1) AS "exists!""#,
        brand.as_str()
    )
    .fetch_one(&mut *connection)
    .await?)
}
