//! The files of issued invoices: which are missing, and what was made.
//!
//! Files are made after the invoice was issued, from what its row says, by whoever comes first. They lie in the
//! object store under keys made of their content, so making them again overwrites the same thing; what was made
//! is written down once, with its hash, and never changes (`atelier.keep_invoice`). Whoever dies between the
//! upload and the row leaves objects that the next one writes again.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::Document;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;

/// An issued invoice without files.
#[derive(Debug, Clone)]
pub struct Unrendered {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub brand_id: BrandId,
    /// Its number, as it is printed.
    pub number: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// What it says, or why that cannot be read: one bad row must not keep the others waiting.
    pub document: Result<Document, String>,
}

/// Where a file lies, and its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// The key in the object store.
    pub key: String,
    /// The hash of its bytes.
    pub sha256: [u8; 32],
}

/// The files of one invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceFiles {
    /// The page.
    pub pdf: FileRef,
    /// The XML of EN 16931.
    pub xml: FileRef,
}

/// What became of writing files down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// They are the invoice's files from now on.
    Now,
    /// The same ones were there already.
    Before,
    /// Others were there already, and stay: rendering has changed since.
    Others,
}

/// The next issued invoices without files, in the order of issue, at most `most`, those after `after` only: a
/// caller that cannot make one goes on behind it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn due(
    db: &Database,
    after: Option<(DateTime<Utc>, Uuid)>,
    most: i64,
) -> Result<Vec<Unrendered>, StoreError> {
    let mut connection = db.connection().await?;
    let (after_at, after_id) = after.unzip();
    let rows = sqlx::query!(
        r#"-- store::invoice_files::due
        SELECT id, brand_id, number_text AS "number_text!", issued_at AS "issued_at!", document
        FROM atelier.invoice
        WHERE state <> 'draft' AND rendered_at IS NULL
            AND ($1::timestamptz IS NULL OR (issued_at, id) > ($1, $2))
        ORDER BY issued_at, id LIMIT $3"#,
        after_at,
        after_id,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    let found = rows.into_iter().map(|row| Unrendered {
        id: row.id,
        brand_id: BrandId(row.brand_id),
        number: row.number_text,
        issued_at: row.issued_at,
        document: serde_json::from_value(row.document).map_err(|error| error.to_string()),
    });
    Ok(found.collect())
}

/// A document as its row keeps it.
pub(crate) fn read(id: Uuid, stored: serde_json::Value) -> Result<Document, StoreError> {
    serde_json::from_value(stored).map_err(|error| StoreError::Inconsistent {
        table: "atelier.invoice",
        column: "document",
        id: id.to_string(),
        detail: error.to_string(),
    })
}

/// Writes down where an invoice's files lie, and the address that the older platform's pages show. The files are
/// in the object store already.
///
/// # Errors
/// [`StoreError::Unavailable`]; doing it again is harmless.
pub async fn record(
    db: &Database,
    now: DateTime<Utc>,
    invoice: Uuid,
    files: &InvoiceFiles,
    pdf_url: Option<&str>,
) -> Result<Recorded, StoreError> {
    let mut tx = db.begin("invoice_files").await?;
    let written = sqlx::query!(
        r#"-- store::invoice_files::record
        UPDATE atelier.invoice SET pdf_key = $2, pdf_sha256 = $3, xml_key = $4, xml_sha256 = $5, rendered_at = $6
        WHERE id = $1 AND state <> 'draft' AND rendered_at IS NULL"#,
        invoice,
        files.pdf.key,
        &files.pdf.sha256[..],
        files.xml.key,
        &files.xml.sha256[..],
        now
    )
    .execute(&mut *tx)
    .await?;
    if written.rows_affected() == 0 {
        let kept = of_invoice(&mut tx, invoice).await?;
        return Ok(match kept {
            Some(kept) if kept == *files => Recorded::Before,
            _ => Recorded::Others,
        });
    }
    if let Some(url) = pdf_url {
        show(&mut tx, invoice, url).await?;
    }
    tx.commit().await?;
    Ok(Recorded::Now)
}

/// Puts an address where the older platform looks for it.
async fn show(tx: &mut sqlx::PgConnection, invoice: Uuid, url: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::invoice_files::show
        UPDATE "Invoice" SET "pdfUrl" = $2 WHERE id = $1 AND "pdfUrl" IS NULL"#,
        invoice.to_string(),
        url
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn of_invoice(
    tx: &mut sqlx::PgConnection,
    invoice: Uuid,
) -> Result<Option<InvoiceFiles>, StoreError> {
    let row = sqlx::query!(
        r#"-- store::invoice_files::of_invoice
        SELECT pdf_key, pdf_sha256, xml_key, xml_sha256 FROM atelier.invoice WHERE id = $1"#,
        invoice
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(file(row.pdf_key, row.pdf_sha256)
        .zip(file(row.xml_key, row.xml_sha256))
        .map(|(pdf, xml)| InvoiceFiles { pdf, xml }))
}

/// The file of two columns, where both are there.
pub(crate) fn file(key: Option<String>, sha256: Option<Vec<u8>>) -> Option<FileRef> {
    let sha256 = sha256?.try_into().ok()?;
    Some(FileRef { key: key?, sha256 })
}

/// Rendered invoices whose page's address is not yet shown to the older platform, at most `most`: issued while no
/// secret for addresses was set.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn unshown(db: &Database, most: i64) -> Result<Vec<(Uuid, DateTime<Utc>)>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::invoice_files::unshown
        SELECT i.id, i.issued_at AS "issued_at!" FROM atelier.invoice i JOIN "Invoice" p ON p.id = i.id::text
        WHERE i.rendered_at IS NOT NULL AND p."pdfUrl" IS NULL
        ORDER BY i.issued_at, i.id LIMIT $1"#,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, row.issued_at))
        .collect())
}

/// Shows the addresses of rendered invoices' pages; one that is shown already stays.
///
/// # Errors
/// [`StoreError::Unavailable`]; doing it again is harmless.
pub async fn show_all(db: &Database, urls: &[(Uuid, String)]) -> Result<(), StoreError> {
    let mut tx = db.begin("invoice_urls").await?;
    for (invoice, url) in urls {
        show(&mut tx, *invoice, url).await?;
    }
    tx.commit().await
}
