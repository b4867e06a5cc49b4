//! What a brand sees of its invoices: what was issued to it, never a draft.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::Document;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::invoice_files::{self, FileRef, InvoiceFiles};

/// An issued invoice or credit note.
#[derive(Debug, Clone)]
pub struct BrandInvoice {
    /// Its id.
    pub id: Uuid,
    /// Its number, as it is printed.
    pub number: String,
    /// `regular`, `credit_note` or `one_off`.
    pub kind: String,
    /// `open`, `paid`, `void` or `uncollectible`.
    pub state: String,
    /// The invoice that a credit note corrects.
    pub corrects: Option<Uuid>,
    /// What it says, with its totals.
    pub document: Document,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// By when it is to be paid.
    pub due_at: DateTime<Utc>,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// When it was voided.
    pub voided_at: Option<DateTime<Utc>>,
    /// Payments so far, in the currency's minor unit.
    pub paid_minor: i64,
    /// Its files, once they are made.
    pub files: Option<InvoiceFiles>,
}

/// Which invoices of a brand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceFilter {
    /// Of this state.
    pub state: Option<String>,
    /// Issued before this one: when, and its id.
    pub before: Option<(DateTime<Utc>, Uuid)>,
}

/// A row, before what it says is read.
struct Row {
    id: Uuid,
    number: String,
    kind: String,
    state: String,
    corrects: Option<Uuid>,
    document: serde_json::Value,
    issued_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    voided_at: Option<DateTime<Utc>>,
    paid_minor: i64,
    pdf_key: Option<String>,
    pdf_sha256: Option<Vec<u8>>,
    xml_key: Option<String>,
    xml_sha256: Option<Vec<u8>>,
}

impl Row {
    fn read(self) -> Result<BrandInvoice, StoreError> {
        let pdf = invoice_files::file(self.pdf_key, self.pdf_sha256);
        let xml = invoice_files::file(self.xml_key, self.xml_sha256);
        Ok(BrandInvoice {
            document: invoice_files::read(self.id, self.document)?,
            id: self.id,
            number: self.number,
            kind: self.kind,
            state: self.state,
            corrects: self.corrects,
            issued_at: self.issued_at,
            due_at: self.due_at,
            paid_at: self.paid_at,
            voided_at: self.voided_at,
            paid_minor: self.paid_minor,
            files: pdf.zip(xml).map(|(pdf, xml)| InvoiceFiles { pdf, xml }),
        })
    }
}

/// A brand's invoices, the newest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Inconsistent`] where a stored document cannot be read, naming the invoice.
pub async fn list(
    db: &Database,
    brand: &BrandId,
    filter: &InvoiceFilter,
    limit: i64,
) -> Result<Vec<BrandInvoice>, StoreError> {
    let mut connection = db.connection().await?;
    let (before_at, before_id) = filter.before.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"-- store::brand_invoices::list
        SELECT i.id, i.number_text AS "number!", i.kind, i.state, i.corrects, i.document,
            i.issued_at AS "issued_at!", i.due_at AS "due_at!", i.paid_at, i.voided_at,
            (SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM atelier.payment p
             WHERE p.invoice_id = i.id) AS "paid_minor!",
            i.pdf_key, i.pdf_sha256, i.xml_key, i.xml_sha256
        FROM atelier.invoice i
        WHERE i.brand_id = $1 AND i.state <> 'draft' AND ($2::text IS NULL OR i.state = $2)
            AND ($3::timestamptz IS NULL OR (i.issued_at, i.id) < ($3, $4))
        ORDER BY i.issued_at DESC, i.id DESC LIMIT $5"#,
        brand.as_str(),
        filter.state,
        before_at,
        before_id,
        limit
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// One invoice of a brand.
///
/// # Errors
/// As [`list`].
pub async fn find(
    db: &Database,
    brand: &BrandId,
    id: Uuid,
) -> Result<Option<BrandInvoice>, StoreError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query_as!(
        Row,
        r#"-- store::brand_invoices::find
        SELECT i.id, i.number_text AS "number!", i.kind, i.state, i.corrects, i.document,
            i.issued_at AS "issued_at!", i.due_at AS "due_at!", i.paid_at, i.voided_at,
            (SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM atelier.payment p
             WHERE p.invoice_id = i.id) AS "paid_minor!",
            i.pdf_key, i.pdf_sha256, i.xml_key, i.xml_sha256
        FROM atelier.invoice i WHERE i.id = $1 AND i.brand_id = $2 AND i.state <> 'draft'"#,
        id,
        brand.as_str()
    )
    .fetch_optional(&mut *connection)
    .await?;
    row.map(Row::read).transpose()
}

/// A file that a signed address opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedFile {
    /// The number of its invoice, for the name under which it is saved.
    pub number: String,
    /// Where it lies.
    pub file: FileRef,
}

/// Which of an invoice's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The page.
    Pdf,
    /// The XML.
    Xml,
}

/// One file of an invoice, whosever it is: for a caller who was shown an address of ours. With `brand` it must be
/// that brand's.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn file(
    db: &Database,
    brand: Option<&BrandId>,
    id: Uuid,
    kind: FileKind,
) -> Result<Option<OpenedFile>, StoreError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::brand_invoices::file
        SELECT number_text AS "number!", pdf_key, pdf_sha256, xml_key, xml_sha256
        FROM atelier.invoice
        WHERE id = $1 AND state <> 'draft' AND rendered_at IS NOT NULL AND ($2::text IS NULL OR brand_id = $2)"#,
        id,
        brand.map(BrandId::as_str)
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let file = match kind {
        FileKind::Pdf => invoice_files::file(row.pdf_key, row.pdf_sha256),
        FileKind::Xml => invoice_files::file(row.xml_key, row.xml_sha256),
    };
    Ok(file.map(|file| OpenedFile {
        number: row.number,
        file,
    }))
}
