//! Finding and listing invoices.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::Document;
use serde::Serialize;
use uuid::Uuid;

use super::states::{InvoiceKind, InvoiceState};
use crate::database::Database;
use crate::error::StoreError;

/// An invoice without what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InvoiceSummary {
    /// Its id, here and in `"Invoice"`.
    pub id: Uuid,
    /// Whose.
    pub brand_id: BrandId,
    /// What it is for.
    pub kind: InvoiceKind,
    /// Where it stands.
    pub state: InvoiceState,
    /// As it is printed; none for a draft.
    pub number: Option<String>,
    /// The period it is about.
    pub period_start: Option<DateTime<Utc>>,
    /// Where that ends.
    pub period_end: Option<DateTime<Utc>>,
    /// The invoice that a credit note takes back.
    pub corrects: Option<Uuid>,
    /// The number of that invoice.
    pub corrects_number: Option<String>,
    /// ISO 4217 code of the amounts, which are in its minor unit. A credit note's are negative.
    pub currency: String,
    /// Without VAT.
    pub net_minor: i64,
    /// The VAT.
    pub vat_minor: i64,
    /// With VAT.
    pub total_minor: i64,
    /// What was paid.
    pub paid_minor: i64,
    /// What credit notes took back.
    pub credited_minor: i64,
    /// Why it is, where a person asked for it.
    pub reason: Option<String>,
    /// When its draft was made.
    pub created_at: DateTime<Utc>,
    /// When it got its number.
    pub issued_at: Option<DateTime<Utc>>,
    /// The first moment at which it is overdue.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was paid as a whole.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it was voided.
    pub voided_at: Option<DateTime<Utc>>,
    /// How far dunning has come, 0 to 4.
    pub dunning_step: i16,
    /// What Stripe calls it.
    pub stripe_invoice_id: Option<String>,
    /// Where its page lies in the object store.
    pub pdf_key: Option<String>,
    /// Where its XML lies.
    pub xml_key: Option<String>,
    /// When these were written.
    pub rendered_at: Option<DateTime<Utc>>,
}

impl InvoiceSummary {
    /// What is still to be paid; 0 where it was paid, credited or voided.
    pub fn balance_minor(&self) -> i64 {
        match self.state {
            InvoiceState::Void => 0,
            _ => (self.total_minor - self.credited_minor - self.paid_minor).max(0),
        }
    }

    /// Whether it should have been paid by `now`.
    pub fn is_past_due(&self, now: DateTime<Utc>) -> bool {
        self.state == InvoiceState::Open
            && self.kind != InvoiceKind::CreditNote
            && self.due_at.is_some_and(|due| due <= now)
    }

    /// Its number, or the id of a draft.
    pub fn name(&self) -> String {
        self.number.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// An invoice and what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Invoice {
    /// Everything else.
    #[serde(flatten)]
    pub summary: InvoiceSummary,
    /// What it says. A draft's has no number, and its days are provisional.
    pub document: Document,
}

/// Which invoices a list holds.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this brand alone.
    pub brand: Option<BrandId>,
    /// In this state alone.
    pub state: Option<InvoiceState>,
    /// Of this kind alone.
    pub kind: Option<InvoiceKind>,
    /// Whether drafts are left out, as from what a brand sees.
    pub issued_only: bool,
    /// What comes after this one, by time of making: the `created_at` and `id` of the last of a page.
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

/// Invoices, the newest first, at most `most` of them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn list(
    db: &Database,
    filter: &Filter,
    most: i64,
) -> Result<Vec<InvoiceSummary>, StoreError> {
    let mut connection = db.connection().await?;
    let (before, before_id) = filter.after.unzip();
    let ids = sqlx::query_scalar!(
        r#"-- store::invoices::list
        SELECT id FROM atelier.invoice
        WHERE ($1::text IS NULL OR brand_id = $1) AND ($2::text IS NULL OR state = $2)
            AND ($3::text IS NULL OR kind = $3) AND (NOT $4 OR state <> 'draft')
            AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $7"#,
        filter.brand.as_ref().map(BrandId::as_str),
        filter.state.map(InvoiceState::as_str),
        filter.kind.map(InvoiceKind::as_str),
        filter.issued_only,
        before,
        before_id,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut found = summaries(db, &ids).await?;
    found.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
    Ok(found)
}

/// The invoice of this id or number, with what it says.
///
/// # Errors
/// [`StoreError::Unavailable`], and [`StoreError::Inconsistent`] where its document cannot be read.
pub async fn find(db: &Database, id_or_number: &str) -> Result<Option<Invoice>, StoreError> {
    let mut connection = db.connection().await?;
    let id = sqlx::query_scalar!(
        r#"-- store::invoices::find
        SELECT id FROM atelier.invoice WHERE id = $1 OR number_text = $2"#,
        Uuid::parse_str(id_or_number).ok(),
        id_or_number
    )
    .fetch_optional(&mut *connection)
    .await?;
    drop(connection);
    let Some(id) = id else { return Ok(None) };
    let summary = summaries(db, &[id]).await?.into_iter().next();
    let document = document(db, id).await?;
    Ok(summary
        .zip(document)
        .map(|(summary, document)| Invoice { summary, document }))
}

/// What an invoice says.
///
/// # Errors
/// As [`find`].
pub async fn document(db: &Database, id: Uuid) -> Result<Option<Document>, StoreError> {
    let mut connection = db.connection().await?;
    let found = sqlx::query_scalar!(
        r#"-- store::invoices::document
        SELECT document FROM atelier.invoice WHERE id = $1"#,
        id
    )
    .fetch_optional(&mut *connection)
    .await?;
    found.map(|value| parsed(id, value)).transpose()
}

/// A document as a row holds it.
pub(super) fn parsed(id: Uuid, value: serde_json::Value) -> Result<Document, StoreError> {
    serde_json::from_value(value).map_err(|error| StoreError::Inconsistent {
        table: "atelier.invoice",
        column: "document",
        id: id.to_string(),
        detail: error.to_string(),
    })
}

async fn summaries(db: &Database, ids: &[Uuid]) -> Result<Vec<InvoiceSummary>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::invoices::summaries
        SELECT i.id AS "id!", i.brand_id AS "brand_id!", i.kind AS "kind!", i.state AS "state!",
            i.number_text, i.period_start, i.period_end, i.corrects,
            o.number_text AS "corrects_number?", i.currency AS "currency!",
            i.net_minor AS "net_minor!", i.vat_minor AS "vat_minor!", i.total_minor AS "total_minor!",
            i.reason, i.created_at AS "created_at!", i.issued_at, i.due_at, i.paid_at, i.voided_at,
            i.dunning_step AS "dunning_step!", i.stripe_invoice_id, i.pdf_key, i.xml_key, i.rendered_at,
            (SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM atelier.payment p
             WHERE p.invoice_id = i.id) AS "paid!",
            (SELECT COALESCE(-sum(c.total_minor), 0)::bigint FROM atelier.invoice c
             WHERE c.corrects = i.id AND c.state <> 'draft') AS "credited!"
        FROM atelier.invoice i LEFT JOIN atelier.invoice o ON o.id = i.corrects
        WHERE i.id = ANY($1)"#,
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(InvoiceSummary {
                kind: named(row.id, "kind", &row.kind)?,
                state: named(row.id, "state", &row.state)?,
                id: row.id,
                brand_id: BrandId(row.brand_id),
                number: row.number_text,
                period_start: row.period_start,
                period_end: row.period_end,
                corrects: row.corrects,
                corrects_number: row.corrects_number,
                currency: row.currency,
                net_minor: row.net_minor,
                vat_minor: row.vat_minor,
                total_minor: row.total_minor,
                paid_minor: row.paid,
                credited_minor: row.credited,
                reason: row.reason,
                created_at: row.created_at,
                issued_at: row.issued_at,
                due_at: row.due_at,
                paid_at: row.paid_at,
                voided_at: row.voided_at,
                dunning_step: row.dunning_step,
                stripe_invoice_id: row.stripe_invoice_id,
                pdf_key: row.pdf_key,
                xml_key: row.xml_key,
                rendered_at: row.rendered_at,
            })
        })
        .collect()
}

fn named<T: std::str::FromStr>(
    id: Uuid,
    column: &'static str,
    name: &str,
) -> Result<T, StoreError> {
    name.parse().map_err(|_| StoreError::Inconsistent {
        table: "atelier.invoice",
        column,
        id: id.to_string(),
        detail: name.to_owned(),
    })
}
