//! A period's end: its buckets are sealed and its draft is written, in one transaction.
//!
//! - Dying before the commit leaves the period open and its buckets unsealed: the next run closes it.
//! - Dying after it leaves a draft, which [`super::finalize`] finds; the period is `closing` until then.
//! - The reply is lost: the next run finds it closed, or finds the draft.
//!
//! Two that close at once: the period's row is locked, and who does not get it goes on to the next.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::Minor;
use serde_json::json;
use uuid::Uuid;

use super::draft::{self, Draft, id_of};
use super::error::{InvoiceError, unbillable};
use super::log::{self, Entry};
use super::statement::{PeriodRow, statement};
use super::states::InvoiceKind;
use crate::database::{Database, Transaction};
use crate::error::StoreError;

/// A period that is over and not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePeriod {
    /// Whose.
    pub brand: BrandId,
    /// Its first moment.
    pub period_start: DateTime<Utc>,
    /// The first moment after it.
    pub period_end: DateTime<Utc>,
}

/// What became of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It has a draft, which is to be finalised.
    Drafted(Uuid),
    /// It comes to nothing and is closed without an invoice.
    Nothing,
    /// Nothing was done: somebody else has it in hand, or an earlier period has to be closed first.
    Skipped,
}

/// Periods that ended by `cut` and await their draft, after `after`, at most `most` of them, the longest over
/// first; of one brand alone where it is given.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn due(
    db: &Database,
    cut: DateTime<Utc>,
    brand: Option<&BrandId>,
    after: Option<&DuePeriod>,
    most: i64,
) -> Result<Vec<DuePeriod>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::invoices::due
        SELECT p.brand_id, p.period_start, p.period_end FROM atelier.billing_period p
        WHERE p.status <> 'closed' AND p.period_end <= $1
            AND ($2::text IS NULL OR p.brand_id = $2)
            AND ($3::timestamptz IS NULL OR (p.period_end, p.brand_id) > ($3, $4::text))
            AND NOT EXISTS (SELECT 1 FROM atelier.invoice i
                WHERE i.brand_id = p.brand_id AND i.period_start = p.period_start
                    AND i.kind = 'regular' AND i.state <> 'void')
        ORDER BY p.period_end, p.brand_id LIMIT $5"#,
        cut,
        brand.map(BrandId::as_str),
        after.map(|last| last.period_end),
        after.map(|last| last.brand.to_string()),
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| DuePeriod {
            brand: BrandId(row.brand_id),
            period_start: row.period_start,
            period_end: row.period_end,
        })
        .collect())
}

/// How many periods ended by `cut` and are not closed.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn overdue(db: &Database, cut: DateTime<Utc>) -> Result<i64, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::invoices::overdue
        SELECT count(*) AS "count!" FROM atelier.billing_period
        WHERE status <> 'closed' AND period_end <= $1"#,
        cut
    )
    .fetch_one(&mut *connection)
    .await?)
}

/// Closes one period: seals its buckets and writes its draft, or closes it for good where it comes to nothing.
/// May be cancelled at any point: all of it is done or nothing.
///
/// # Errors
/// [`InvoiceError::Unbillable`] where it cannot be made into a document: it stays open, and so do those after
/// it. Otherwise what the database says.
pub async fn close(
    db: &Database,
    now: DateTime<Utc>,
    due: &DuePeriod,
) -> Result<Closed, InvoiceError> {
    let brand = due.brand.as_str();
    let mut tx = db.begin("close_period").await?;
    let Some(period) = take(&mut tx, due).await? else {
        return Ok(Closed::Skipped);
    };
    let found = statement(&mut tx, brand, &period).await?;
    if found.net().map_err(unbillable(brand))? == Minor::ZERO {
        set_status(&mut tx, due, "closed", Some(now)).await?;
        let entry = Entry {
            action: "period.closed",
            brand: brand.to_owned(),
            subject: format!("period:{brand}:{}", due.period_start.to_rfc3339()),
            detail: json!({ "billed": "nothing" }),
        };
        log::write(&mut tx, now, "duty:billing", &[entry]).await?;
        tx.commit().await?;
        return Ok(Closed::Nothing);
    }
    let (document, lines) = draft::of_period(&mut tx, now, brand, &period, &found).await?;
    let id = next_id(&mut tx, due).await?;
    let draft = Draft {
        id,
        brand: brand.to_owned(),
        kind: InvoiceKind::Regular,
        period: Some((period.start, period.end)),
        corrects: None,
        reason: None,
        document,
        lines,
    };
    if !draft::write(&mut tx, now, &draft).await? {
        return Ok(Closed::Skipped);
    }
    seal(&mut tx, due, id).await?;
    set_status(&mut tx, due, "closing", None).await?;
    tx.commit().await?;
    Ok(Closed::Drafted(id))
}

/// Locks the period, which waits for nobody. Whoever records usage in it holds it `FOR SHARE`, so no usage can
/// arrive afterwards, and none that is under way is missed.
async fn take(tx: &mut Transaction, due: &DuePeriod) -> Result<Option<PeriodRow>, StoreError> {
    Ok(sqlx::query_as!(
        PeriodRow,
        r#"-- store::invoices::take_period
        SELECT p.period_start AS start, p.period_end AS "end", p.fee_from
        FROM atelier.billing_period p
        WHERE p.brand_id = $1 AND p.period_start = $2 AND p.status <> 'closed'
            AND NOT EXISTS (SELECT 1 FROM atelier.billing_period e
                WHERE e.brand_id = p.brand_id AND e.period_start < p.period_start AND e.status = 'open')
        FOR NO KEY UPDATE OF p SKIP LOCKED"#,
        due.brand.as_str(),
        due.period_start
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// The id of a period's next invoice: it has several where some were voided.
async fn next_id(tx: &mut Transaction, due: &DuePeriod) -> Result<Uuid, StoreError> {
    let before = sqlx::query_scalar!(
        r#"-- store::invoices::invoices_of_period
        SELECT count(*) AS "count!" FROM atelier.invoice
        WHERE brand_id = $1 AND period_start = $2 AND kind = 'regular'"#,
        due.brand.as_str(),
        due.period_start
    )
    .fetch_one(&mut **tx)
    .await?;
    let (brand, start) = (&due.brand, due.period_start.to_rfc3339());
    Ok(id_of(&format!("regular:{brand}:{start}:{before}")))
}

async fn seal(tx: &mut Transaction, due: &DuePeriod, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::invoices::seal
        UPDATE atelier.usage_bucket SET sealed_by = $3 WHERE brand_id = $1 AND period_start = $2"#,
        due.brand.as_str(),
        due.period_start,
        id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn set_status(
    tx: &mut Transaction,
    due: &DuePeriod,
    status: &str,
    closed_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::invoices::set_period_status
        UPDATE atelier.billing_period SET status = $3, closed_at = $4
        WHERE brand_id = $1 AND period_start = $2"#,
        due.brand.as_str(),
        due.period_start,
        status,
        closed_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
