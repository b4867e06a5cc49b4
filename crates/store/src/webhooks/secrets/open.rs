//! An owner's own secrets in the clear.
//!
//! For two answers alone: that to the repeat of a request which made a secret, because the first answer
//! may have been lost, and that which shows the public halves of signing keys.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::{Owner, SecretInfo, context};
use crate::database::Database;
use crate::error::StoreError;
use crate::provider_keys::KeepError;
use crate::seal::{Sealed, SealingKeys};

/// A kept secret and what is known of it.
#[derive(Debug)]
pub struct OpenSecret {
    /// What is known of it.
    pub info: SecretInfo,
    /// The secret in its text form.
    pub secret: SecretString,
}

/// The secrets that sign for an owner at `now`, the current one of each kind first.
///
/// # Errors
/// [`KeepError::Seal`] where one does not open, [`KeepError::Store`].
pub async fn open(
    db: &Database,
    now: DateTime<Utc>,
    keys: &SealingKeys,
    owner: Owner<'_>,
) -> Result<Vec<OpenSecret>, KeepError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::webhooks::secrets::open
        SELECT id, kind, sealed, sealed_with, created_at, expires_at FROM atelier.webhook_secret
        WHERE brand_id = $1 AND webhook_id IS NOT DISTINCT FROM $2
            AND (expires_at IS NULL OR expires_at > $3)
        ORDER BY kind DESC, expires_at DESC NULLS FIRST, created_at DESC"#,
        owner.brand.as_str(),
        owner.webhook,
        now
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    let opened = rows.into_iter().map(|row| {
        let sealed = Sealed {
            with: row.sealed_with,
            bytes: row.sealed,
        };
        Ok(OpenSecret {
            secret: keys.open(&context(row.id, owner), &sealed)?,
            info: SecretInfo {
                kind: row.kind,
                created_at: row.created_at,
                expires_at: row.expires_at,
            },
        })
    });
    opened.collect()
}
