//! What a period would be invoiced at if it ended now.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::{Document, Minor};
use serde::Serialize;

use super::draft;
use super::error::{InvoiceError, unbillable};
use super::statement::{PeriodRow, statement};
use crate::database::Database;

/// A document that was not written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// Whose.
    pub brand_id: BrandId,
    /// The period's first moment.
    pub period_start: DateTime<Utc>,
    /// The first moment after it.
    pub period_end: DateTime<Utc>,
    /// What it would say; none where there is nothing to bill, and so no invoice.
    pub document: Option<Document>,
}

/// The invoices that a brand would get for its periods that are not closed, the earliest first, by what was used
/// up to now. Fees are those of the whole period. Writes nothing.
///
/// # Errors
/// [`InvoiceError::Unbillable`] as closing would, and what the database says.
pub async fn preview(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
) -> Result<Vec<Preview>, InvoiceError> {
    let mut tx = db.begin("invoice_preview").await?;
    sqlx::query!(
        r#"-- store::invoices::preview_snapshot
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"#
    )
    .execute(&mut *tx)
    .await?;
    let periods = sqlx::query_as!(
        PeriodRow,
        r#"-- store::invoices::preview_periods
        SELECT p.period_start AS start, p.period_end AS "end", p.fee_from
        FROM atelier.billing_period p
        WHERE p.brand_id = $1 AND p.status <> 'closed' ORDER BY p.period_start"#,
        brand.as_str()
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut previews = Vec::new();
    for period in periods {
        let found = statement(&mut tx, brand.as_str(), &period).await?;
        let net = found.net().map_err(unbillable(brand.as_str()))?;
        let document = match net {
            Minor::ZERO => None,
            _ => Some(
                draft::of_period(&mut tx, now, brand.as_str(), &period, &found)
                    .await?
                    .0,
            ),
        };
        previews.push(Preview {
            brand_id: brand.clone(),
            period_start: period.start,
            period_end: period.end,
            document,
        });
    }
    Ok(previews)
}
