//! Counting AR views: the counter on the generation, the usage record and the event together.

use chrono::{DateTime, Utc};
use domain::{BrandId, GenerationId, ProductId, PublicId, UsageId};
use serde_json::json;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::events::{self, Subject};
use crate::time::to_public;

/// What became of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// It was counted: this many with it.
    Counted(i32),
    /// The brand has no augmented reality; nothing was counted.
    BrandDisabled,
}

/// Counts one view of a generation in AR, if its brand has augmented reality.
///
/// # Errors
/// [`StoreError::Unavailable`]; a view whose commit's reply was lost may be counted though an error is
/// returned, and is then counted once.
pub async fn count(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    product: &ProductId,
    id: GenerationId,
    public_id: &PublicId,
) -> Result<View, StoreError> {
    let mut tx = db.begin("ar_view").await?;
    if !is_enabled(&mut tx, brand).await? {
        return Ok(View::BrandDisabled);
    }
    let views = sqlx::query_scalar!(
        r#"-- store::ar_views::count
        UPDATE "Generation" SET "viewedInAr" = true, "arViewCount" = "arViewCount" + 1
        WHERE id = $1 RETURNING "arViewCount""#,
        id.as_text()
    )
    .fetch_one(&mut *tx)
    .await?;
    let nth = u64::try_from(views).unwrap_or(0);
    sqlx::query!(
        r#"-- store::ar_views::usage
        INSERT INTO "UsageRecord" (id, "brandId", type, count, metadata, "recordedAt")
        VALUES ($1, $2, 'ar_view', 1, $3, $4) ON CONFLICT (id) DO NOTHING"#,
        UsageId::ar_view(id, nth).to_string(),
        brand.as_str(),
        json!({ "generation_id": id.as_text() }),
        to_public(now)
    )
    .execute(&mut *tx)
    .await?;
    let subject = Subject {
        id,
        public_id,
        brand_id: brand,
        product_id: product,
    };
    let event = events::ar_view(&subject, nth, now);
    crate::outbox::write(&mut tx, now, &[event]).await?;
    tx.commit().await?;
    Ok(View::Counted(views))
}

/// Whether the brand has augmented reality. Read without a lock: one view more or less at the moment when
/// it is switched harms nobody.
async fn is_enabled(tx: &mut Transaction, brand: &BrandId) -> Result<bool, StoreError> {
    let enabled = sqlx::query_scalar!(
        r#"-- store::ar_views::is_enabled
        SELECT "arEnabled" FROM "Brand" WHERE id = $1"#,
        brand.as_str()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(enabled.unwrap_or(false))
}
