//! Looking at what was billed.

use domain::{BrandId, GenerationId};

use crate::database::Database;
use crate::error::StoreError;

/// How many usage records a generation has: one once it is done, never more.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn records_of(
    db: &Database,
    brand: &BrandId,
    id: GenerationId,
) -> Result<i64, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::usage::records_of
        SELECT count(*) AS "count!" FROM "UsageRecord"
        WHERE "brandId" = $1 AND type = 'generation' AND metadata->>'generation_id' = $2"#,
        brand.as_str(),
        id.as_text()
    )
    .fetch_one(&mut *connection)
    .await?)
}
