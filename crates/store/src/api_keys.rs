//! Who a key belongs to.
//!
//! Our keys are kept as a SHA-256 hash, a prefix and the last four characters. The older platform's
//! `"ApiKey".key` values are plain there and keep working; `atelier doctor` reports them.

use chrono::{DateTime, Utc};
use domain::{BrandId, KeyId, Plan};
use sha2::{Digest, Sha256};

use crate::database::Database;
use crate::error::StoreError;
use crate::time::to_public;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// `sk_…`: everything of its brand.
    Secret,
    /// `pk_…`: create, and read what its own session created, from allowed origins.
    Publishable,
    /// An older platform's key: like a secret one.
    Legacy,
}

/// A key that was found, with its brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key's row: ours, or the older platform's text id.
    pub key_id: String,
    /// What it may do.
    pub kind: KeyKind,
    /// Whose it is.
    pub brand_id: BrandId,
    /// The brand's plan, which decides the lane.
    pub plan: Plan,
    /// For publishable keys: the origins it may be used from.
    pub origins: Vec<String>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its row's id.
    pub id: KeyId,
    /// Whose it is.
    pub brand_id: BrandId,
    /// Secret or publishable.
    pub kind: KeyKind,
    /// A name for people.
    pub name: String,
    /// The key itself. Only its hash, prefix and last four characters are stored.
    pub key: String,
    /// Origins a publishable key may be used from.
    pub origins: Vec<String>,
}

/// A key as a list shows it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct KeyRow {
    /// Its row's id.
    pub id: uuid::Uuid,
    /// Whose it is.
    pub brand_id: String,
    /// `secret` or `publishable`.
    pub kind: String,
    /// A name for people.
    pub name: String,
    /// `sk_` or `pk_` and a little more.
    pub prefix: String,
    /// The last four characters.
    pub last_four: String,
    /// Origins a publishable key may be used from.
    pub origins: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stopped working.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Finds the living holder of a key, ours first, then the older platform's.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    db: &Database,
    now: DateTime<Utc>,
    key: &str,
) -> Result<Option<KeyHolder>, StoreError> {
    let hash = Sha256::digest(key.as_bytes());
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::api_keys::find
        SELECT k.id::text AS "key_id!", k.kind AS "kind!", k.brand_id AS "brand_id!",
            b."subscriptionPlan"::text AS "plan!", k.origins AS "origins!"
        FROM atelier.api_key k JOIN "Brand" b ON b.id = k.brand_id
        WHERE k.hash = $1 AND k.revoked_at IS NULL AND b."deletedAt" IS NULL
        UNION ALL
        SELECT k.id, 'legacy', k."brandId", b."subscriptionPlan"::text, '{}'::text[]
        FROM "ApiKey" k JOIN "Brand" b ON b.id = k."brandId"
        WHERE k.key = $2 AND k."isActive" AND (k."expiresAt" IS NULL OR k."expiresAt" > $3)
            AND b."deletedAt" IS NULL
        LIMIT 1"#,
        hash.as_slice(),
        key,
        to_public(now)
    )
    .fetch_optional(&mut *connection)
    .await?;
    row.map(|row| {
        Ok(KeyHolder {
            kind: match row.kind.as_str() {
                "secret" => KeyKind::Secret,
                "publishable" => KeyKind::Publishable,
                _ => KeyKind::Legacy,
            },
            plan: row.plan.parse().map_err(|_| StoreError::Inconsistent {
                table: "Brand",
                column: "subscriptionPlan",
                id: row.brand_id.clone(),
                detail: row.plan.clone(),
            })?,
            key_id: row.key_id,
            brand_id: BrandId(row.brand_id),
            origins: row.origins,
        })
    })
    .transpose()
}

/// Stores a key.
///
/// # Errors
/// [`StoreError::Database`] when the brand does not exist or the key is there already.
pub async fn create(db: &Database, now: DateTime<Utc>, key: &NewKey) -> Result<(), StoreError> {
    let hash = Sha256::digest(key.key.as_bytes());
    let prefix: String = key.key.chars().take(8).collect();
    let tail = key.key.chars().count().saturating_sub(4);
    let last_four: String = key.key.chars().skip(tail).collect();
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::api_keys::create
        INSERT INTO atelier.api_key (id, brand_id, kind, name, hash, prefix, last_four, origins,
            created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        key.id.0,
        key.brand_id.as_str(),
        if key.kind == KeyKind::Publishable {
            "publishable"
        } else {
            "secret"
        },
        key.name,
        hash.as_slice(),
        prefix,
        last_four,
        &key.origins,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Stores a key of the older platform's kind, in its table. For demonstrations and tests of the
/// drop-in routes; real ones are there already.
///
/// # Errors
/// [`StoreError::Database`] when the brand does not exist or the key is there already.
pub async fn create_legacy(
    db: &Database,
    now: DateTime<Utc>,
    id: &str,
    brand: &BrandId,
    key: &str,
) -> Result<(), StoreError> {
    let mut connection = db.connection().await?;
    sqlx::query!(
        r#"-- store::api_keys::create_legacy
        INSERT INTO "ApiKey" (id, "brandId", name, key, scopes, permissions, "createdAt", "updatedAt")
        VALUES ($1, $2, 'widget', $3, '{}', '{}', $4, $4)"#,
        id,
        brand.as_str(),
        key,
        to_public(now)
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// A brand's keys of ours, the oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(db: &Database, brand: &BrandId) -> Result<Vec<KeyRow>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        KeyRow,
        r#"-- store::api_keys::list
        SELECT id, brand_id, kind, name, prefix, last_four, origins, created_at, revoked_at
        FROM atelier.api_key WHERE brand_id = $1 ORDER BY created_at"#,
        brand.as_str()
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// Stops a key. Returns whether it was alive. Nodes that remember it forget it within 5 s.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn revoke(db: &Database, now: DateTime<Utc>, id: KeyId) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let done = sqlx::query!(
        r#"-- store::api_keys::revoke
        UPDATE atelier.api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"#,
        id.0,
        now
    )
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many plain-text keys of the older platform are still active, per brand. For `atelier doctor`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn active_legacy(db: &Database) -> Result<Vec<(BrandId, i64)>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::api_keys::active_legacy
        SELECT "brandId" AS brand_id, count(*) AS "count!" FROM "ApiKey"
        WHERE "isActive" GROUP BY "brandId" ORDER BY "brandId""#
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (BrandId(row.brand_id), row.count))
        .collect())
}
