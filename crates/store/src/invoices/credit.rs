//! Credit notes: an issued invoice is never changed, what it asked for is given back by a document of its own.
//!
//! A credit note mirrors lines of the invoice, as a whole or for a part of their quantity, at the same price and
//! VAT, in a series of its own. It counts against what is still to be paid; where more was paid than is then asked
//! for, it stays open until the money is sent back ([`super::pay`] with the credit note's number).
//!
//! Written and issued in one transaction: dying before its commit leaves nothing. After a lost reply, a repeat with
//! the same reference finds what was issued.

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::invoice::{Document, Kind, LineInput, Minor, Quantity, Reference};
use serde_json::json;
use uuid::Uuid;

use super::draft::{self, Draft, LineRow, id_of};
use super::error::{InvoiceError, RuleError, unbillable};
use super::finalize::{Issued, Locked, issue};
use super::log::{self, Entry};
use super::payment::{self, InvoiceRow};
use super::public_row;
use super::states::{InvoiceKind, InvoiceState};
use crate::database::{Database, Transaction};
use crate::sellers;
use crate::subscriptions::{self, Held};

/// A line that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditPart {
    /// Its position on the invoice, from 1.
    pub position: i32,
    /// How much of its quantity; all that is left where none is given.
    pub quantity: Option<i64>,
}

/// What is to be credited.
#[derive(Debug, Clone)]
pub struct Credit {
    /// The invoice's id or number.
    pub invoice: String,
    /// The lines; everything that is left where there are none.
    pub parts: Vec<CreditPart>,
    /// Why, in words that the brand may read.
    pub reason: String,
    /// Names the credit: under the same reference it is issued once.
    pub reference: Option<String>,
}

/// Issues a credit note.
///
/// # Errors
/// [`InvoiceError::NotFound`], [`InvoiceError::Refused`] where there is not as much to credit, and what the database
/// says: all of it was written or nothing.
pub async fn credit(
    db: &Database,
    now: DateTime<Utc>,
    credit: &Credit,
    actor: &str,
) -> Result<Issued, InvoiceError> {
    let (id, brand) = payment::locate(db, &credit.invoice).await?;
    let (mut tx, mut held) = subscriptions::hold(db, now, &brand, "credit_invoice").await?;
    let invoice = payment::lock(&mut tx, id).await?;
    if let Some(before) = issued_before(&mut tx, &invoice, credit).await? {
        return Ok(before);
    }
    let issued = credit_in(&mut tx, now, &mut held, &invoice, credit, actor).await?;
    tx.commit().await?;
    Ok(issued)
}

/// The same in a transaction that holds brand and invoice.
pub(super) async fn credit_in(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    held: &mut Held,
    invoice: &InvoiceRow,
    credit: &Credit,
    actor: &str,
) -> Result<Issued, InvoiceError> {
    let is_creditable = invoice.kind != InvoiceKind::CreditNote
        && !matches!(invoice.state, InvoiceState::Draft | InvoiceState::Void);
    if !is_creditable {
        let why = format!(
            "it is a {} that is {}; only issued invoices are credited",
            invoice.kind, invoice.state
        );
        return Err(InvoiceError::refused(invoice.name(), why));
    }
    let left = left(tx, invoice).await?;
    let (document, lines) = mirror(now, invoice, credit, &left)?;
    let prefix = sellers::read(tx).await?.credit_prefix;
    let draft = Draft {
        id: credit_id(tx, invoice, credit).await?,
        brand: invoice.brand.clone(),
        kind: InvoiceKind::CreditNote,
        period: None,
        corrects: Some(invoice.id),
        reason: Some(credit.reason.clone()),
        document,
        lines,
    };
    if !draft::write(tx, now, &draft).await? {
        let why = "a credit note of this reference is being written; look again";
        return Err(InvoiceError::refused(invoice.name(), why));
    }
    let total = -draft.document.totals.gross.0;
    let locked = Locked::new(draft.id, draft.brand, draft.document, None, total);
    let mut issued = issue(tx, now, &prefix, vec![locked], actor).await?;
    let issued = issued
        .pop()
        .ok_or_else(|| InvoiceError::refused(invoice.name(), "its credit note got no number"))?;
    // What was paid beyond what is now asked for goes back; without such, the credit note is done with.
    let owed = payment::refund_due(tx, invoice.id).await?;
    if owed == 0 {
        payment::mark_paid(tx, now, issued.id).await?;
    }
    payment::settle(tx, now, invoice.id).await?;
    let entry = Entry {
        action: "invoice.credited",
        brand: invoice.brand.clone(),
        subject: format!("invoice:{}", invoice.id),
        detail: json!({
            "credit_note": issued.number, "total_minor": total, "reason": credit.reason,
            "reference": credit.reference, "to_refund_minor": owed,
        }),
    };
    log::write(tx, now, actor, &[entry]).await?;
    public_row::write(tx, &[invoice.id, issued.id]).await?;
    subscriptions::restore(tx, now, held, actor).await?;
    Ok(issued)
}

/// The credit note of this reference, where it was issued before.
async fn issued_before(
    tx: &mut Transaction,
    invoice: &InvoiceRow,
    credit: &Credit,
) -> Result<Option<Issued>, InvoiceError> {
    if credit.reference.is_none() {
        return Ok(None);
    }
    let row = sqlx::query!(
        r#"-- store::invoices::credit_of_reference
        SELECT number_text AS "number!", total_minor, currency FROM atelier.invoice
        WHERE id = $1 AND state <> 'draft'"#,
        credit_id(tx, invoice, credit).await?
    )
    .fetch_optional(&mut **tx)
    .await?;
    let id = credit_id(tx, invoice, credit).await?;
    Ok(row.map(|row| Issued {
        id,
        brand: BrandId(invoice.brand.clone()),
        number: row.number,
        total_minor: row.total_minor,
        currency: row.currency,
    }))
}

async fn credit_id(
    tx: &mut Transaction,
    invoice: &InvoiceRow,
    credit: &Credit,
) -> Result<Uuid, InvoiceError> {
    if let Some(reference) = &credit.reference {
        return Ok(id_of(&format!("credit:{}:by:{reference}", invoice.id)));
    }
    let before = sqlx::query_scalar!(
        r#"-- store::invoices::credits_before
        SELECT count(*) AS "count!" FROM atelier.invoice WHERE corrects = $1"#,
        invoice.id
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id_of(&format!("credit:{}:{before}", invoice.id)))
}

/// What is left of each line's quantity, in the order of the lines.
async fn left(tx: &mut Transaction, invoice: &InvoiceRow) -> Result<Vec<i64>, InvoiceError> {
    Ok(sqlx::query_scalar!(
        r#"-- store::invoices::left_to_credit
        SELECT (l.quantity + COALESCE((
            SELECT sum(c.quantity) FROM atelier.invoice_line c
            JOIN atelier.invoice n ON n.id = c.invoice_id AND n.corrects = l.invoice_id
            WHERE c.corrects_position = l.position), 0))::bigint AS "left!"
        FROM atelier.invoice_line l WHERE l.invoice_id = $1 ORDER BY l.position"#,
        invoice.id
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The mirror of the lines that are taken back. What cost nothing is not mirrored.
fn mirror(
    now: DateTime<Utc>,
    invoice: &InvoiceRow,
    credit: &Credit,
    left: &[i64],
) -> Result<(Document, Vec<LineRow>), InvoiceError> {
    let refused = |why: String| InvoiceError::refused(invoice.name(), why);
    let original = &invoice.document;
    let mut inputs: Vec<LineInput> = Vec::new();
    let mut rows: Vec<LineRow> = Vec::new();
    for ((line, left), position) in original.lines.iter().zip(left).zip(1_i32..) {
        let part = credit.parts.iter().find(|part| part.position == position);
        if part.is_none() && !credit.parts.is_empty() {
            continue;
        }
        let quantity = part.and_then(|part| part.quantity).unwrap_or(*left);
        if quantity > *left || quantity < 0 {
            let why = format!("of line {position} {left} can be credited, not {quantity}");
            return Err(refused(why));
        }
        if quantity == 0 || line.net == Minor::ZERO {
            continue;
        }
        inputs.push(LineInput {
            description: line.description.clone(),
            metric: line.metric,
            period: line.period,
            quantity: Quantity::whole(quantity),
            unit: line.unit,
            unit_price: line.unit_price,
            vat: line.vat.clone(),
        });
        rows.push(LineRow {
            kind: "correction",
            of_period: None,
            service: None,
            corrects_position: Some(position),
        });
    }
    let lines = i32::try_from(original.lines.len()).unwrap_or(i32::MAX);
    if let Some(part) = credit
        .parts
        .iter()
        .find(|part| !(1..=lines).contains(&part.position))
    {
        return Err(refused(format!("it has no line {}", part.position)));
    }
    if inputs.is_empty() {
        return Err(refused("there is nothing left to credit".to_owned()));
    }
    let mut head = original.head.clone();
    head.kind = Kind::CreditNote {
        corrects: Reference {
            number: invoice.name(),
            issued_on: head.issued_on,
        },
    };
    head.number = None;
    head.issued_on = now.date_naive();
    head.due_on = Some(head.issued_on);
    head.notes = vec![credit.reason.clone()];
    let document = Document::new(head, inputs, Vec::new(), Minor::ZERO);
    let document = document.map_err(RuleError::from);
    let document = document.map_err(unbillable(&invoice.brand))?;
    if document.totals.gross == Minor::ZERO {
        return Err(refused(
            "what is to be credited comes to nothing".to_owned(),
        ));
    }
    Ok((document, rows))
}
