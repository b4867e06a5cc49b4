//! Keys of accounts at providers: the platform's and the brands' own, sealed.
//!
//! No function here returns a key in the clear; [`open`] does, for the one caller that puts it into a
//! header. Removing a key keeps its row, because the ledger names it.

use chrono::{DateTime, Utc};
use domain::BrandId;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::seal::{SealError, Sealed, SealingKeys};

/// A key that is to be kept.
#[derive(Debug)]
pub struct NewProviderKey {
    /// Names it in the ledger.
    pub id: Uuid,
    /// Whose it is; none for the platform's.
    pub brand: Option<BrandId>,
    /// Which provider takes it.
    pub provider: String,
    /// A name for people, unique among the owner's keys for this provider.
    pub name: String,
    /// The key.
    pub secret: SecretString,
}

/// A kept key. Holds nothing that opens anything.
#[derive(Debug, Clone)]
pub struct ProviderKey {
    /// Names it in the ledger.
    pub id: Uuid,
    /// Whose it is; none for the platform's.
    pub brand: Option<BrandId>,
    /// Which provider takes it.
    pub provider: String,
    /// A name for people.
    pub name: String,
    /// Its last four characters, to tell it from others.
    pub last_four: String,
    /// When it was kept.
    pub created_at: DateTime<Utc>,
    /// The key, sealed.
    pub sealed: Sealed,
}

struct Row {
    id: Uuid,
    brand_id: Option<String>,
    provider: String,
    name: String,
    last_four: String,
    created_at: DateTime<Utc>,
    sealed: Vec<u8>,
    sealed_with: String,
}

impl From<Row> for ProviderKey {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            brand: row.brand_id.map(BrandId),
            provider: row.provider,
            name: row.name,
            last_four: row.last_four,
            created_at: row.created_at,
            sealed: Sealed {
                with: row.sealed_with,
                bytes: row.sealed,
            },
        }
    }
}

/// What a sealed key is bound to: its row, its owner and its provider.
fn context(id: Uuid, brand: Option<&BrandId>, provider: &str) -> String {
    let owner = brand.map_or("", |brand| brand.as_str());
    format!("atelier.provider_key/{id}/{provider}/{owner}")
}

/// Opens a kept key.
///
/// # Errors
/// As [`SealingKeys::open`].
pub fn open(keys: &SealingKeys, key: &ProviderKey) -> Result<SecretString, SealError> {
    let context = context(key.id, key.brand.as_ref(), &key.provider);
    keys.open(&context, &key.sealed)
}

/// Why a key is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It could not be sealed.
    #[error("the key cannot be sealed")]
    Seal(#[from] SealError),
    /// It could not be written; a key of the same owner, provider and name may be there.
    #[error("the key cannot be written")]
    Store(#[from] StoreError),
}

/// Seals and keeps a key.
///
/// # Errors
/// [`KeepError`]; nothing is kept then.
pub async fn add(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    new: &NewProviderKey,
) -> Result<(), KeepError> {
    let mut tx = db.begin("add_provider_key").await?;
    insert(&mut tx, now, keys, new).await?;
    tx.commit().await?;
    Ok(())
}

async fn insert(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    new: &NewProviderKey,
) -> Result<(), KeepError> {
    let context = context(new.id, new.brand.as_ref(), &new.provider);
    let sealed = keys.seal(&context, &new.secret)?;
    sqlx::query!(
        r#"-- store::provider_keys::insert
        INSERT INTO atelier.provider_key (id, brand_id, provider, name, sealed, sealed_with,
            last_four, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"#,
        new.id,
        new.brand.as_ref().map(BrandId::as_str),
        new.provider,
        new.name,
        sealed.bytes,
        sealed.with,
        last_four(new.secret.expose_secret()),
        now
    )
    .execute(&mut **tx)
    .await
    .map_err(StoreError::from)?;
    Ok(())
}

/// The last four characters of a key long enough that they give nothing away.
fn last_four(secret: &str) -> String {
    let count = secret.chars().count();
    match count >= 16 {
        true => secret.chars().skip(count - 4).collect(),
        false => String::new(),
    }
}

/// Keeps a new key in the place of one: the old is removed in the same transaction, so that at no
/// moment there is neither. Returns whether there was one to replace; if not, nothing is written.
///
/// # Errors
/// [`KeepError`]; the old one stays then.
pub async fn replace(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    old: Uuid,
    new: &NewProviderKey,
) -> Result<bool, KeepError> {
    let mut tx = db.begin("replace_provider_key").await?;
    if !take_away(&mut tx, now, new.brand.as_ref(), old).await? {
        return Ok(false);
    }
    insert(&mut tx, now, keys, new).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes a key out of use. Returns whether it was in use.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn remove(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    id: Uuid,
) -> Result<bool, StoreError> {
    let mut tx = db.begin("remove_provider_key").await?;
    let removed = take_away(&mut tx, now, brand, id).await?;
    tx.commit().await?;
    Ok(removed)
}

/// The sealed bytes go with the key: who removes a key wants it gone.
async fn take_away(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    id: Uuid,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"-- store::provider_keys::remove
        UPDATE atelier.provider_key SET removed_at = $3, sealed = ''
        WHERE id = $1 AND brand_id IS NOT DISTINCT FROM $2 AND removed_at IS NULL"#,
        id,
        brand.map(BrandId::as_str),
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The keys in use of one owner, the oldest first; of the platform where there is no brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(db: &Database, brand: Option<&BrandId>) -> Result<Vec<ProviderKey>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"-- store::provider_keys::list
        SELECT id, brand_id, provider, name, last_four, created_at, sealed, sealed_with
        FROM atelier.provider_key
        WHERE brand_id IS NOT DISTINCT FROM $1 AND removed_at IS NULL
        ORDER BY created_at, id"#,
        brand.map(BrandId::as_str)
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows.into_iter().map(ProviderKey::from).collect())
}

/// A key that an older platform kept in the clear.
#[derive(Debug)]
pub struct PlainKey {
    /// Whose it is.
    pub brand: BrandId,
    /// The provider that brand used it with.
    pub provider: String,
    /// The key.
    pub secret: SecretString,
}

/// The keys in `"ClientSettings"."customApiKey"`, which the older platform keeps in the clear.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn plain_keys(db: &Database) -> Result<Vec<PlainKey>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::provider_keys::plain_keys
        SELECT "brandId" AS brand_id, "defaultAiProvider" AS provider, "customApiKey" AS "key!"
        FROM "ClientSettings" WHERE "customApiKey" <> '' ORDER BY "brandId""#
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PlainKey {
            brand: BrandId(row.brand_id),
            provider: row.provider,
            secret: SecretString::from(row.key),
        })
        .collect())
}

/// Seals one of them and takes it out of the older platform's column, in one transaction.
///
/// # Errors
/// [`KeepError`]; the column is as it was then.
pub async fn import(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    new: &NewProviderKey,
) -> Result<(), KeepError> {
    let mut tx = db.begin("import_provider_key").await?;
    insert(&mut tx, now, keys, new).await?;
    sqlx::query!(
        r#"-- store::provider_keys::import
        UPDATE "ClientSettings" SET "customApiKey" = NULL WHERE "brandId" = $1"#,
        new.brand.as_ref().map(BrandId::as_str)
    )
    .execute(&mut *tx)
    .await
    .map_err(StoreError::from)?;
    tx.commit().await?;
    Ok(())
}

/// Seals what is sealed with an older master key anew with the current one. Returns how many.
///
/// # Errors
/// [`KeepError`]; those done before stay done.
pub async fn reseal(db: &Database, keys: &SealingKeys) -> Result<u64, KeepError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"-- store::provider_keys::to_reseal
        SELECT id, brand_id, provider, name, last_four, created_at, sealed, sealed_with
        FROM atelier.provider_key WHERE removed_at IS NULL AND sealed_with <> $1"#,
        keys.current()
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    drop(connection);
    let mut count = 0;
    for key in rows.into_iter().map(ProviderKey::from) {
        let secret = open(keys, &key)?;
        let place = context(key.id, key.brand.as_ref(), &key.provider);
        let sealed = keys.seal(&place, &secret)?;
        let mut connection = db.connection().await?;
        sqlx::query!(
            r#"-- store::provider_keys::reseal
            UPDATE atelier.provider_key SET sealed = $2, sealed_with = $3
            WHERE id = $1 AND sealed = $4 AND removed_at IS NULL"#,
            key.id,
            sealed.bytes,
            sealed.with,
            key.sealed.bytes
        )
        .execute(&mut *connection)
        .await
        .map_err(StoreError::from)?;
        count += 1;
    }
    Ok(count)
}
