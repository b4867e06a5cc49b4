//! Where a brand's generations may go: its default provider, its fallback list, its own keys.

use domain::BrandId;

use crate::database::Database;
use crate::error::StoreError;
use crate::provider_keys::{self, ProviderKey};

/// What one brand decided about providers.
#[derive(Debug, Clone, Default)]
pub struct BrandRoute {
    /// Its default provider; none where it has no settings.
    pub default_provider: Option<String>,
    /// Its own fallback list, `provider` or `provider/model`; none where it keeps to the platform's.
    pub fallback: Option<Vec<String>>,
    /// Its own keys. Where there is one, the brand spends on these and on nothing else.
    pub keys: Vec<ProviderKey>,
    /// Whether an older platform keeps a key of the brand in the clear that was not imported: it is a
    /// key of its own too, though one that cannot be used.
    pub has_plain_key: bool,
}

/// What a brand decided.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn load(db: &Database, brand: &BrandId) -> Result<BrandRoute, StoreError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::routes::load
        SELECT s."defaultAiProvider" AS "default_provider?",
            COALESCE(s."customApiKey", '') <> '' AS "has_plain_key!", r.fallback AS "fallback?"
        FROM (SELECT $1::text AS brand_id) b
        LEFT JOIN "ClientSettings" s ON s."brandId" = b.brand_id
        LEFT JOIN atelier.brand_route r ON r.brand_id = b.brand_id"#,
        brand.as_str()
    )
    .fetch_one(&mut *connection)
    .await?;
    drop(connection);
    Ok(BrandRoute {
        default_provider: row.default_provider,
        fallback: row.fallback,
        keys: provider_keys::list(db, Some(brand)).await?,
        has_plain_key: row.has_plain_key,
    })
}

/// Sets a brand's fallback list; none gives it the platform's again.
///
/// # Errors
/// [`StoreError::Database`] where there is no such brand.
pub async fn set_fallback(
    db: &Database,
    brand: &BrandId,
    fallback: Option<&[String]>,
) -> Result<(), StoreError> {
    let mut connection = db.connection().await?;
    match fallback {
        Some(fallback) => {
            sqlx::query!(
                r#"-- store::routes::set_fallback
                INSERT INTO atelier.brand_route (brand_id, fallback) VALUES ($1, $2)
                ON CONFLICT (brand_id) DO UPDATE SET fallback = EXCLUDED.fallback"#,
                brand.as_str(),
                fallback
            )
            .execute(&mut *connection)
            .await?
        }
        None => {
            sqlx::query!(
                r#"-- store::routes::drop_fallback
                DELETE FROM atelier.brand_route WHERE brand_id = $1"#,
                brand.as_str()
            )
            .execute(&mut *connection)
            .await?
        }
    };
    Ok(())
}
