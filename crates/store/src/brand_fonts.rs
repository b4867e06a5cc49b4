//! Fonts of a brand's own: what families there are and where their files lie.

use chrono::{DateTime, Utc};
use domain::BrandId;

use crate::database::Database;
use crate::error::StoreError;

/// Most fonts of one brand: a worker keeps the ones in use in memory.
pub const MAX_BRAND_FONTS: i64 = 50;

/// A font of a brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrandFontRow {
    /// The family, as it was written.
    pub family: String,
    /// Its file in the object store; derived from its content, so it never changes.
    pub object_key: String,
    /// Size of the file.
    pub size_bytes: i32,
    /// How many glyphs it has.
    pub glyphs: i32,
}

/// A family as it is compared: its letters and digits, in lower case. "House-Sans" is "house sans".
pub fn family_key(family: &str) -> String {
    family
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Adds a font, or replaces the brand's font of that family. Returns `false`, and writes nothing, when
/// the brand has as many as it may have.
///
/// # Errors
/// [`StoreError::Database`] when the brand is not there.
pub async fn put(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    font: &BrandFontRow,
) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let written = sqlx::query!(
        r#"-- store::brand_fonts::put
        INSERT INTO atelier.brand_font AS f
            (brand_id, family_key, family, object_key, size_bytes, glyphs, created_at)
        SELECT $1, $2, $3, $4, $5, $6, $7
        WHERE (SELECT count(*) FROM atelier.brand_font
               WHERE brand_id = $1 AND family_key <> $2) < $8
        ON CONFLICT (brand_id, family_key) DO UPDATE
        SET family = EXCLUDED.family, object_key = EXCLUDED.object_key,
            size_bytes = EXCLUDED.size_bytes, glyphs = EXCLUDED.glyphs"#,
        brand.as_str(),
        family_key(&font.family),
        font.family,
        font.object_key,
        font.size_bytes,
        font.glyphs,
        now,
        MAX_BRAND_FONTS
    )
    .execute(&mut *connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// A brand's fonts, by family.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_brand(db: &Database, brand: &BrandId) -> Result<Vec<BrandFontRow>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        BrandFontRow,
        r#"-- store::brand_fonts::of_brand
        SELECT family, object_key, size_bytes, glyphs FROM atelier.brand_font
        WHERE brand_id = $1 ORDER BY family_key"#,
        brand.as_str()
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// Forgets a family; its file stays, for generations that were accepted with it. Returns whether it
/// was there.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn remove(db: &Database, brand: &BrandId, family: &str) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let removed = sqlx::query!(
        r#"-- store::brand_fonts::remove
        DELETE FROM atelier.brand_font WHERE brand_id = $1 AND family_key = $2"#,
        brand.as_str(),
        family_key(family)
    )
    .execute(&mut *connection)
    .await?;
    Ok(removed.rows_affected() == 1)
}
