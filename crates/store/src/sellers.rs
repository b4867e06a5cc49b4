//! Who sells: one row, which every document that is issued copies.

use chrono::{DateTime, Utc};
use domain::invoice::Seller;
use serde_json::json;
use sqlx::PgConnection;

use crate::database::Database;
use crate::error::StoreError;

/// The seller, and what its documents' numbers begin with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SellerSettings {
    /// As documents keep it.
    #[serde(rename = "seller")]
    pub profile: Seller,
    /// What invoices' numbers begin with: one to eight capital letters.
    pub invoice_prefix: String,
    /// The same of credit notes; another than that of invoices.
    pub credit_prefix: String,
    /// When it was set; never, where nobody has: then it is the placeholder that the migration made.
    pub updated_at: Option<DateTime<Utc>>,
}

/// The seller as it is now.
///
/// # Errors
/// [`StoreError::Inconsistent`] where what is stored cannot be read.
pub async fn load(db: &Database) -> Result<SellerSettings, StoreError> {
    let mut connection = db.connection().await?;
    read(&mut connection).await
}

/// As [`load`], on the caller's connection.
pub(crate) async fn read(connection: &mut PgConnection) -> Result<SellerSettings, StoreError> {
    let row = sqlx::query!(
        r#"-- store::sellers::read
        SELECT profile, invoice_prefix, credit_prefix, updated_at FROM atelier.seller WHERE id = 'default'"#
    )
    .fetch_one(connection)
    .await?;
    let profile = serde_json::from_value(row.profile);
    Ok(SellerSettings {
        profile: profile.map_err(|error| StoreError::Inconsistent {
            table: "atelier.seller",
            column: "profile",
            id: "default".to_owned(),
            detail: error.to_string(),
        })?,
        invoice_prefix: row.invoice_prefix,
        credit_prefix: row.credit_prefix,
        updated_at: row.updated_at,
    })
}

/// Sets the seller, as `actor`; documents that were issued keep the one of their day. The caller has checked it
/// ([`Seller::faults`]).
///
/// # Errors
/// [`StoreError::Database`] where a prefix is not one, or both are the same.
pub async fn set(
    db: &Database,
    now: DateTime<Utc>,
    actor: &str,
    settings: &SellerSettings,
) -> Result<(), StoreError> {
    let profile = json!(settings.profile);
    let mut tx = db.begin("set_seller").await?;
    sqlx::query!(
        r#"-- store::sellers::set
        UPDATE atelier.seller SET profile = $1, invoice_prefix = $2, credit_prefix = $3, updated_at = $4
        WHERE id = 'default'"#,
        profile,
        settings.invoice_prefix,
        settings.credit_prefix,
        now
    )
    .execute(&mut *tx)
    .await?;
    let detail = json!({
        "profile": profile,
        "invoice_prefix": settings.invoice_prefix,
        "credit_prefix": settings.credit_prefix,
    });
    sqlx::query!(
        r#"-- store::sellers::note
        INSERT INTO atelier.audit_log (at, actor, action, subject, detail)
        VALUES ($1, $2, 'seller.set', 'seller:default', $3)"#,
        now,
        actor,
        detail
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
