//! The secrets that webhooks are signed with, sealed.
//!
//! The newest secret of an owner and kind has no end and signs first. Replacing it gives it an end;
//! until then both sign, so that a receiver can change over without a gap. No function here returns a
//! secret but [`of_endpoints`], for the one caller that signs, and [`open()`].

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use domain::BrandId;
use domain::webhook_endpoint::{DEFAULT_OVERLAP_SECONDS, MAX_SECRETS};
use secrecy::SecretString;
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::provider_keys::KeepError;
use crate::seal::{SealError, Sealed, SealingKeys};

mod open;

pub use open::{OpenSecret, open};

/// What `"Webhook".secret` holds where the real one is sealed. Any other text is a secret of the older
/// platform's.
pub const SEALED: &str = "sealed";

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// A shared secret, for `v1` and the origin's signature.
    Hmac,
    /// A signing key, for `v1a`.
    Ed25519,
}

impl SecretKind {
    /// Its name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// Whose secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The brand.
    pub brand: &'a BrandId,
    /// The endpoint; none for all addresses that the brand's requests name.
    pub webhook: Option<&'a str>,
}

/// A secret that is to be kept.
#[derive(Debug)]
pub struct NewSecret {
    /// Its row.
    pub id: Uuid,
    /// What it is for.
    pub kind: SecretKind,
    /// The secret in its text form.
    pub secret: SecretString,
}

/// A kept secret. Holds nothing that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// `hmac` or `ed25519`.
    pub kind: String,
    /// Since when it has signed.
    pub created_at: DateTime<Utc>,
    /// Until when it signs; none for the current one.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What one endpoint signs with, the current one first. At least one of `hmac` is there.
#[derive(Debug, Clone)]
pub struct SigningSecrets {
    /// Shared secrets in their text form: `whsec_…`, or any text on an endpoint of the older platform.
    pub hmac: Vec<SecretString>,
    /// Signing keys, `whsk_…`.
    pub ed25519: Vec<SecretString>,
}

/// Why an endpoint cannot be signed for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    /// None has been made yet: the scheduler's upkeep makes it, if it has keys to seal with.
    #[error("the endpoint has no secret yet")]
    Missing,
    /// They are sealed and this process has no keys.
    #[error("the secrets are sealed and this process has no sealing keys")]
    NoKeys,
    /// One does not open.
    #[error("a secret of the endpoint does not open")]
    Seal(#[from] SealError),
}

fn context(id: Uuid, owner: Owner<'_>) -> String {
    let Owner { brand, webhook } = owner;
    format!(
        "atelier.webhook_secret/{id}/{}/{brand}",
        webhook.unwrap_or_default()
    )
}

/// Keeps a secret as the current one. The one before it signs for `overlap` longer.
///
/// # Errors
/// [`KeepError`]; nothing has changed then.
pub async fn replace(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    owner: Owner<'_>,
    new: &NewSecret,
    overlap: Duration,
) -> Result<(), KeepError> {
    let mut tx = db.begin("replace_webhook_secret").await?;
    put(&mut tx, now, keys, owner, new, overlap).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`replace`], in a transaction of the caller's.
pub(super) async fn put(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    owner: Owner<'_>,
    new: &NewSecret,
    overlap: Duration,
) -> Result<(), KeepError> {
    lock(tx, owner).await?;
    let until = now + overlap;
    retire(tx, now, owner, new.kind, until).await?;
    if let (Some(webhook), SecretKind::Hmac) = (owner.webhook, new.kind)
        && let Some(older) = take_plain(tx, webhook).await?
        && until > now
    {
        insert(tx, now, keys, owner, &older, Some(until)).await?;
    }
    insert(tx, now, keys, owner, new, None).await
}

/// Two who replace the secret of one owner go one after the other.
async fn lock(tx: &mut Transaction, owner: Owner<'_>) -> Result<(), StoreError> {
    match owner.webhook {
        Some(webhook) => sqlx::query!(
            r#"-- store::webhooks::secrets::lock_endpoint
            SELECT webhook_id FROM atelier.webhook_endpoint WHERE webhook_id = $1 FOR NO KEY UPDATE"#,
            webhook
        )
        .fetch_optional(&mut **tx)
        .await
        .map(drop),
        None => sqlx::query!(
            r#"-- store::webhooks::secrets::lock_brand
            SELECT id FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
            owner.brand.as_str()
        )
        .fetch_optional(&mut **tx)
        .await
        .map(drop),
    }?;
    Ok(())
}

/// Takes the older platform's text out of `"Webhook"`; none where it is ours already. An empty one meant
/// that nothing was signed, and gives nothing.
async fn take_plain(tx: &mut Transaction, webhook: &str) -> Result<Option<NewSecret>, StoreError> {
    let taken = sqlx::query_scalar!(
        r#"-- store::webhooks::secrets::take_plain
        UPDATE "Webhook" w SET secret = $2
        FROM (SELECT id, secret FROM "Webhook" WHERE id = $1 FOR NO KEY UPDATE) old
        WHERE w.id = old.id AND old.secret <> $2 RETURNING old.secret"#,
        webhook,
        SEALED
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(taken.filter(|text| !text.is_empty()).map(|text| NewSecret {
        id: Uuid::new_v4(),
        kind: SecretKind::Hmac,
        secret: text.into(),
    }))
}

async fn insert(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    owner: Owner<'_>,
    new: &NewSecret,
    until: Option<DateTime<Utc>>,
) -> Result<(), KeepError> {
    let sealed = keys.seal(&context(new.id, owner), &new.secret)?;
    sqlx::query!(
        r#"-- store::webhooks::secrets::insert
        INSERT INTO atelier.webhook_secret (id, brand_id, webhook_id, kind, sealed, sealed_with,
            created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"#,
        new.id,
        owner.brand.as_str(),
        owner.webhook,
        new.kind.as_str(),
        sealed.bytes,
        sealed.with,
        now,
        until
    )
    .execute(&mut **tx)
    .await
    .map_err(StoreError::from)?;
    Ok(())
}

/// Gives the current secret an end, and ends the oldest where there would be too many.
async fn retire(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    owner: Owner<'_>,
    kind: SecretKind,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::webhooks::secrets::retire
        UPDATE atelier.webhook_secret SET expires_at = $4
        WHERE brand_id = $1 AND webhook_id IS NOT DISTINCT FROM $2 AND kind = $3 AND expires_at IS NULL"#,
        owner.brand.as_str(),
        owner.webhook,
        kind.as_str(),
        until
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"-- store::webhooks::secrets::drop_old
        DELETE FROM atelier.webhook_secret s
        USING (
            SELECT id, row_number() OVER (ORDER BY created_at DESC, id DESC) AS place
            FROM atelier.webhook_secret
            WHERE brand_id = $1 AND webhook_id IS NOT DISTINCT FROM $2 AND kind = $3) known
        WHERE s.id = known.id AND (s.expires_at <= $4 OR known.place > $5)"#,
        owner.brand.as_str(),
        owner.webhook,
        kind.as_str(),
        now,
        MAX_SECRETS - 1
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How long a secret that the older platform replaced by itself goes on signing.
const OVERTAKEN: Duration = Duration::seconds(DEFAULT_OVERLAP_SECONDS);

/// Seals what the older platform keeps in the clear, and makes the secrets that brands lack, of at most
/// `limit` owners each. Returns of how many.
///
/// Each owner is a transaction of its own: dying in between leaves some for the next run.
///
/// # Errors
/// [`KeepError`]; those done before stay done.
pub async fn upkeep(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    limit: i64,
) -> Result<u64, KeepError> {
    let mut connection = db.connection().await?;
    let plain = sqlx::query!(
        r#"-- store::webhooks::secrets::plain
        SELECT e.webhook_id, e.brand_id FROM atelier.webhook_endpoint e
        JOIN "Webhook" w ON w.id = e.webhook_id
        WHERE w.secret <> $1 AND e.deleted_at IS NULL ORDER BY e.webhook_id LIMIT $2"#,
        SEALED,
        limit
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    let lacking = sqlx::query_scalar!(
        r#"-- store::webhooks::secrets::lacking
        SELECT DISTINCT e.brand_id FROM atelier.webhook_endpoint e
        WHERE e.kind = 'request' AND e.deleted_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM atelier.webhook_secret s
            WHERE s.brand_id = e.brand_id AND s.webhook_id IS NULL AND s.kind = 'hmac'
                AND s.expires_at IS NULL)
        ORDER BY e.brand_id LIMIT $1"#,
        limit
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    drop(connection);
    let count = plain.len() + lacking.len();
    for row in plain {
        let brand = BrandId(row.brand_id);
        let owner = Owner {
            brand: &brand,
            webhook: Some(&row.webhook_id),
        };
        seal_plain(db, now, keys, owner, &row.webhook_id).await?;
    }
    for brand in lacking.into_iter().map(BrandId) {
        let owner = Owner {
            brand: &brand,
            webhook: None,
        };
        ensure(db, now, keys, owner).await?;
    }
    Ok(count as u64)
}

/// The older platform's text becomes the current secret. Where it was empty, nothing was signed until
/// now, and a secret that nobody knows begins to.
async fn seal_plain(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    owner: Owner<'_>,
    webhook: &str,
) -> Result<(), KeepError> {
    let mut tx = db.begin("seal_plain_webhook_secret").await?;
    lock(&mut tx, owner).await?;
    let secret = match take_plain(&mut tx, webhook).await? {
        Some(secret) => Some(secret),
        None if has_current(&mut tx, owner).await? => None,
        None => Some(fresh()?),
    };
    if let Some(secret) = secret {
        retire(&mut tx, now, owner, SecretKind::Hmac, now + OVERTAKEN).await?;
        insert(&mut tx, now, keys, owner, &secret, None).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn ensure(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    owner: Owner<'_>,
) -> Result<(), KeepError> {
    let mut tx = db.begin("ensure_webhook_secret").await?;
    lock(&mut tx, owner).await?;
    if !has_current(&mut tx, owner).await? {
        insert(&mut tx, now, keys, owner, &fresh()?, None).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn has_current(tx: &mut Transaction, owner: Owner<'_>) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"-- store::webhooks::secrets::has_current
        SELECT EXISTS (SELECT 1 FROM atelier.webhook_secret
            WHERE brand_id = $1 AND webhook_id IS NOT DISTINCT FROM $2 AND kind = 'hmac'
                AND expires_at IS NULL) AS "there!""#,
        owner.brand.as_str(),
        owner.webhook
    )
    .fetch_one(&mut **tx)
    .await?)
}

fn fresh() -> Result<NewSecret, SealError> {
    let bytes = crate::seal::random_bytes()?;
    Ok(NewSecret {
        id: Uuid::new_v4(),
        kind: SecretKind::Hmac,
        secret: format!("whsec_{}", STANDARD.encode(bytes)).into(),
    })
}

/// The signing key of an endpoint is taken away. Returns whether there was one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn remove_signing_key(db: &Database, owner: Owner<'_>) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let gone = sqlx::query!(
        r#"-- store::webhooks::secrets::remove_signing_key
        DELETE FROM atelier.webhook_secret
        WHERE brand_id = $1 AND webhook_id IS NOT DISTINCT FROM $2 AND kind = 'ed25519'"#,
        owner.brand.as_str(),
        owner.webhook
    )
    .execute(&mut *connection)
    .await?;
    Ok(gone.rows_affected() > 0)
}

/// What is known of an owner's secrets that sign at `now`, the current one first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    db: &Database,
    now: DateTime<Utc>,
    owner: Owner<'_>,
) -> Result<Vec<SecretInfo>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        SecretInfo,
        r#"-- store::webhooks::secrets::list
        SELECT kind, created_at, expires_at FROM atelier.webhook_secret
        WHERE brand_id = $1 AND webhook_id IS NOT DISTINCT FROM $2
            AND (expires_at IS NULL OR expires_at > $3)
        ORDER BY kind DESC, expires_at DESC NULLS FIRST, created_at DESC"#,
        owner.brand.as_str(),
        owner.webhook,
        now
    )
    .fetch_all(&mut *connection)
    .await?)
}

struct Row {
    asked: String,
    plain: String,
    id: Option<Uuid>,
    brand_id: String,
    owner: Option<String>,
    kind: Option<String>,
    sealed: Option<Vec<u8>>,
    sealed_with: Option<String>,
}

/// What each of the endpoints signs with at `now`. An endpoint that is not in the answer is gone.
///
/// A secret that the older platform wrote into `"Webhook"` comes first, as it is.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_endpoints(
    db: &Database,
    now: DateTime<Utc>,
    keys: Option<&SealingKeys>,
    webhooks: &[String],
) -> Result<HashMap<String, Result<SigningSecrets, NoSecret>>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"-- store::webhooks::secrets::of_endpoints
        SELECT e.webhook_id AS asked, w.secret AS plain, s.id AS "id?", e.brand_id,
            s.webhook_id AS owner, s.kind AS "kind?", s.sealed AS "sealed?", s.sealed_with AS "sealed_with?"
        FROM atelier.webhook_endpoint e
        JOIN "Webhook" w ON w.id = e.webhook_id
        LEFT JOIN atelier.webhook_secret s ON s.brand_id = e.brand_id
            AND s.webhook_id IS NOT DISTINCT FROM CASE e.kind WHEN 'endpoint' THEN e.webhook_id END
            AND (s.expires_at IS NULL OR s.expires_at > $2)
        WHERE e.webhook_id = ANY($1) AND e.deleted_at IS NULL
        ORDER BY s.expires_at DESC NULLS FIRST, s.created_at DESC"#,
        webhooks,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut found: HashMap<String, Result<SigningSecrets, NoSecret>> = HashMap::new();
    for row in rows {
        let asked = row.asked.clone();
        let entry = found.entry(asked).or_insert_with(|| Ok(plain(&row.plain)));
        if let Ok(secrets) = entry
            && let Err(why) = add(secrets, keys, row)
        {
            *entry = Err(why);
        }
    }
    for entry in found.values_mut() {
        if entry.as_ref().is_ok_and(|secrets| secrets.hmac.is_empty()) {
            *entry = Err(NoSecret::Missing);
        }
    }
    Ok(found)
}

fn plain(text: &str) -> SigningSecrets {
    let ours = text.is_empty() || text == SEALED;
    SigningSecrets {
        hmac: (!ours)
            .then(|| SecretString::from(text))
            .into_iter()
            .collect(),
        ed25519: Vec::new(),
    }
}

fn add(secrets: &mut SigningSecrets, keys: Option<&SealingKeys>, row: Row) -> Result<(), NoSecret> {
    let (Some(id), Some(kind), Some(bytes), Some(with)) =
        (row.id, row.kind, row.sealed, row.sealed_with)
    else {
        return Ok(());
    };
    let brand = BrandId(row.brand_id);
    let owner = Owner {
        brand: &brand,
        webhook: row.owner.as_deref(),
    };
    let keys = keys.ok_or(NoSecret::NoKeys)?;
    let secret = keys.open(&context(id, owner), &Sealed { with, bytes })?;
    match kind.as_str() {
        "ed25519" => secrets.ed25519.push(secret),
        _ => secrets.hmac.push(secret),
    }
    Ok(())
}
