//! What a brand was subscribed to, and since when.

use chrono::{DateTime, Utc};
use domain::BrandId;

use crate::database::Database;
use crate::error::StoreError;

/// One change of a subscription.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SubscriptionChange {
    /// Counts from 1.
    pub seq: i32,
    /// From when it holds.
    pub effective_at: DateTime<Utc>,
    /// The plan.
    pub plan: String,
    /// The status.
    pub status: String,
    /// Who changed it: `initial`, `operator`, `platform`, `trial`, `dunning` or `payment`.
    pub reason: String,
    /// When it was written down.
    pub noted_at: DateTime<Utc>,
}

/// All changes of a brand's subscription, the first one first. Empty before its first period.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn history(
    db: &Database,
    brand: &BrandId,
) -> Result<Vec<SubscriptionChange>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        SubscriptionChange,
        r#"-- store::subscriptions::history
        SELECT seq, effective_at, plan, status, reason, noted_at FROM atelier.subscription_change
        WHERE brand_id = $1 ORDER BY seq"#,
        brand.as_str()
    )
    .fetch_all(&mut *connection)
    .await?)
}
