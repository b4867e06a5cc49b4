//! Who did what that concerns money.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::database::Transaction;
use crate::error::StoreError;

/// One thing that was done.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Such as `invoice.issued`.
    pub(crate) action: &'static str,
    pub(crate) brand: String,
    /// The row it is about, such as `invoice:<id>`.
    pub(crate) subject: String,
    pub(crate) detail: Value,
}

/// Adds entries, in the transaction of what they tell.
pub(crate) async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    actor: &str,
    entries: &[Entry],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Entry) -> String| entries.iter().map(of).collect::<Vec<_>>();
    sqlx::query!(
        r#"-- store::invoices::log
        INSERT INTO atelier.audit_log (at, actor, action, brand_id, subject, detail)
        SELECT $1, $2, u.action, u.brand_id, u.subject, u.detail
        FROM unnest($3::text[], $4::text[], $5::text[], $6::jsonb[])
            AS u (action, brand_id, subject, detail)"#,
        now,
        actor,
        &column(|entry| entry.action.to_owned()),
        &column(|entry| entry.brand.clone()),
        &column(|entry| entry.subject.clone()),
        &entries
            .iter()
            .map(|entry| entry.detail.clone())
            .collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
