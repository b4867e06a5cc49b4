//! Who stands on a brand's invoices as the buyer, where that is another than the brand's row says.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::Buyer;
use serde_json::json;

use crate::database::Database;
use crate::error::StoreError;

/// A brand's buyer and terms.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BillingProfile {
    /// Who buys.
    pub buyer: Buyer,
    /// Days until payment is due, where the brand has other terms than the seller's.
    pub payment_days: Option<u8>,
    /// When it was set.
    pub updated_at: DateTime<Utc>,
}

/// A brand's profile; `None` where nobody has set one.
///
/// # Errors
/// [`StoreError::Inconsistent`] where what is stored cannot be read, naming the brand.
pub async fn find(db: &Database, brand: &BrandId) -> Result<Option<BillingProfile>, StoreError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::billing_profiles::find
        SELECT buyer, payment_days, updated_at FROM atelier.billing_profile WHERE brand_id = $1"#,
        brand.as_str()
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let buyer = serde_json::from_value(row.buyer);
    Ok(Some(BillingProfile {
        buyer: buyer.map_err(|error| StoreError::Inconsistent {
            table: "atelier.billing_profile",
            column: "buyer",
            id: brand.to_string(),
            detail: error.to_string(),
        })?,
        payment_days: row.payment_days.and_then(|days| u8::try_from(days).ok()),
        updated_at: row.updated_at,
    }))
}

/// Sets a brand's profile, as `actor`; documents that were issued keep the buyer of their day. The caller has
/// checked it ([`Buyer::faults`]). Returns whether there is such a brand.
///
/// # Errors
/// [`StoreError::Database`] for more than 180 days.
pub async fn set(
    db: &Database,
    now: DateTime<Utc>,
    actor: &str,
    brand: &BrandId,
    buyer: &Buyer,
    payment_days: Option<u8>,
) -> Result<bool, StoreError> {
    let buyer = json!(buyer);
    let mut tx = db.begin("set_billing_profile").await?;
    let written = sqlx::query!(
        r#"-- store::billing_profiles::set
        INSERT INTO atelier.billing_profile (brand_id, buyer, payment_days, updated_at)
        SELECT id, $2, $3, $4 FROM "Brand" WHERE id = $1
        ON CONFLICT (brand_id) DO UPDATE SET buyer = $2, payment_days = $3, updated_at = $4"#,
        brand.as_str(),
        buyer,
        payment_days.map(i16::from),
        now
    )
    .execute(&mut *tx)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    let detail = json!({ "buyer": buyer, "payment_days": payment_days });
    sqlx::query!(
        r#"-- store::billing_profiles::note
        INSERT INTO atelier.audit_log (at, actor, action, brand_id, subject, detail)
        VALUES ($1, $2, 'billing_profile.set', $3, 'billing_profile:' || $3, $4)"#,
        now,
        actor,
        brand.as_str(),
        detail
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}
