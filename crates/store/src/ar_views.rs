//! Counting AR views: the counter on the generation, the usage record and the event together.

use chrono::{DateTime, Utc};
use domain::{BrandId, GenerationId, Metric, ProductId, PublicId, UsageId};
use serde_json::Map;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::events::{self, Subject};
use crate::intake::QuotaRefusal;
use crate::periods;
use crate::quota;
use crate::usage::{self, UsageFact};

/// What became of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// It was counted: this many with it.
    Counted(i32),
    /// The brand has no augmented reality; nothing was counted.
    BrandDisabled,
    /// The brand has used its views of the period; nothing was counted.
    Refused(QuotaRefusal),
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
    let brands = [brand.to_string()];
    match count_once(db, now, brand, product, id, public_id).await {
        Err(StoreError::PeriodDue) => {
            periods::ensure(db, now, &brands).await?;
            count_once(db, now, brand, product, id, public_id).await
        }
        other => other,
    }
}

async fn count_once(
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
    if let Err(full) = quota::room(&mut tx, now, brand, Metric::ArView, 1).await? {
        return Ok(View::Refused(full.refusal()));
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
    let mut metadata = Map::new();
    metadata.insert("generation_id".to_owned(), id.as_text().into());
    let fact = UsageFact {
        id: UsageId::ar_view(id, nth),
        brand: brand.clone(),
        metric: Metric::ArView,
        units: 1,
        at: now,
        metadata,
    };
    usage::record(&mut tx, now, &[fact]).await?;
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
