//! Money that came in, booked once by its reference; and invoices that are given up.
//!
//! A payment that settles the last overdue invoice of a brand makes the brand active again in the same transaction.
//! Dying before the commit books nothing; after a lost reply, a repeat with the same reference finds it booked.

use chrono::{DateTime, Utc};
use domain::invoice::Document;
use serde_json::json;
use uuid::Uuid;

use super::draft::id_of;
use super::error::InvoiceError;
use super::log::{self, Entry};
use super::states::{InvoiceKind, InvoiceState};
use super::{public_row, read};
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::subscriptions::{self, Held};

/// Money that came in for an invoice, or went out for a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The invoice's id or number.
    pub invoice: String,
    /// How much, in the minor unit of the invoice's currency; more than zero.
    pub amount_minor: i64,
    /// How it came: `transfer`, `card`, `stripe`.
    pub method: String,
    /// What names it where it came from, such as the bank's statement and line: it is booked once under this.
    pub reference: String,
    /// When it came in.
    pub received_at: DateTime<Utc>,
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Booked {
    /// Whether it was booked now, and not before.
    pub is_new: bool,
    /// Where the invoice stands.
    pub state: InvoiceState,
    /// What is still to be paid.
    pub balance_minor: i64,
    /// What was paid beyond it.
    pub overpaid_minor: i64,
    /// Whether the brand is active again by it.
    pub restored: bool,
}

/// An invoice whose row is locked.
pub(crate) struct InvoiceRow {
    pub(crate) id: Uuid,
    pub(crate) brand: String,
    pub(crate) kind: InvoiceKind,
    pub(crate) state: InvoiceState,
    number: Option<String>,
    pub(crate) currency: String,
    pub(super) document: Document,
}

impl InvoiceRow {
    /// Its number, or the id of a draft.
    pub(crate) fn name(&self) -> String {
        self.number.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// What was asked for, paid and credited, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) total: i64,
    pub(crate) paid: i64,
    pub(crate) credited: i64,
}

impl Balance {
    /// What is still to be paid; below nothing where more was.
    pub(crate) fn left(self) -> i64 {
        self.total - self.paid - self.credited
    }
}

/// Books a payment.
///
/// # Errors
/// [`InvoiceError::NotFound`]; [`InvoiceError::Refused`] where the invoice cannot be paid, or the reference names
/// another payment; and what the database says: all of it was written or nothing.
pub async fn pay(
    db: &Database,
    now: DateTime<Utc>,
    payment: &Payment,
    actor: &str,
) -> Result<Booked, InvoiceError> {
    let (id, brand) = locate(db, &payment.invoice).await?;
    let (mut tx, mut held) = subscriptions::hold(db, now, &brand, "book_payment").await?;
    let invoice = lock(&mut tx, id).await?;
    let booked = book(&mut tx, now, &mut held, &invoice, payment, actor).await?;
    tx.commit().await?;
    Ok(booked)
}

/// Books a payment in a transaction that holds brand ([`subscriptions::hold`]) and invoice ([`lock`]).
pub(crate) async fn book(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    held: &mut Held,
    invoice: &InvoiceRow,
    payment: &Payment,
    actor: &str,
) -> Result<Booked, InvoiceError> {
    let is_new = insert(tx, now, invoice, payment).await?;
    let mut state = invoice.state;
    let mut restored = false;
    if is_new {
        if matches!(invoice.state, InvoiceState::Draft | InvoiceState::Void) {
            let why = format!("it is {} and asks for nothing", invoice.state);
            return Err(InvoiceError::refused(invoice.name(), why));
        }
        let is_paid = match invoice.kind {
            InvoiceKind::CreditNote => refunded(tx, payment, invoice).await?,
            _ => settle(tx, payment.received_at, invoice.id).await?,
        };
        if is_paid {
            state = InvoiceState::Paid;
        }
        let entry = Entry {
            action: "invoice.payment",
            brand: invoice.brand.clone(),
            subject: format!("invoice:{}", invoice.id),
            detail: json!({
                "amount_minor": payment.amount_minor, "reference": payment.reference,
                "method": payment.method, "state": state,
            }),
        };
        log::write(tx, now, actor, &[entry]).await?;
        public_row::write(tx, &[invoice.id]).await?;
        restored = subscriptions::restore(tx, now, held, actor).await?;
    }
    let balance = balance(tx, invoice.id).await?;
    let left = match invoice.kind {
        InvoiceKind::CreditNote => -(balance.total + balance.paid),
        _ => balance.left(),
    };
    Ok(Booked {
        is_new,
        state,
        balance_minor: if state == InvoiceState::Open {
            left.max(0)
        } else {
            0
        },
        overpaid_minor: (-left).max(0),
        restored,
    })
}

/// Writes the payment. `false` when it was booked before.
async fn insert(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    invoice: &InvoiceRow,
    payment: &Payment,
) -> Result<bool, InvoiceError> {
    if payment.amount_minor <= 0 {
        return Err(InvoiceError::refused(
            invoice.name(),
            "a payment is more than nothing",
        ));
    }
    let written = sqlx::query!(
        r#"-- store::invoices::insert_payment
        INSERT INTO atelier.payment (id, invoice_id, amount_minor, currency, method, reference,
            received_at, noted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"#,
        id_of(&format!("payment:{}", payment.reference)),
        invoice.id,
        payment.amount_minor,
        invoice.currency,
        payment.method,
        payment.reference,
        payment.received_at,
        now
    )
    .execute(&mut **tx)
    .await?;
    if written.rows_affected() == 1 {
        return Ok(true);
    }
    let before = sqlx::query!(
        r#"-- store::invoices::payment_of_reference
        SELECT p.invoice_id, p.amount_minor, i.number_text
        FROM atelier.payment p JOIN atelier.invoice i ON i.id = p.invoice_id WHERE p.reference = $1"#,
        payment.reference
    )
    .fetch_one(&mut **tx)
    .await?;
    if (before.invoice_id, before.amount_minor) == (invoice.id, payment.amount_minor) {
        return Ok(false);
    }
    let why = format!(
        "the reference {:?} is that of a payment of {} for {}; nothing was booked",
        payment.reference,
        before.amount_minor,
        before.number_text.unwrap_or_default()
    );
    Err(InvoiceError::refused(invoice.name(), why))
}

/// A credit note is done with once all that is owed was sent back.
async fn refunded(
    tx: &mut Transaction,
    payment: &Payment,
    credit_note: &InvoiceRow,
) -> Result<bool, InvoiceError> {
    let corrects = sqlx::query_scalar!(
        r#"-- store::invoices::corrects
        SELECT corrects AS "corrects!" FROM atelier.invoice WHERE id = $1"#,
        credit_note.id
    )
    .fetch_one(&mut **tx)
    .await?;
    let balance = balance(tx, credit_note.id).await?;
    if balance.paid > -balance.total {
        let why = format!("it gives back {}, not {}", -balance.total, balance.paid);
        return Err(InvoiceError::refused(credit_note.name(), why));
    }
    if refund_due(tx, corrects).await? > 0 && balance.paid < -balance.total {
        return Ok(false);
    }
    Ok(mark_paid(tx, payment.received_at, credit_note.id).await?)
}

/// The id and brand of an invoice.
pub(crate) async fn locate(db: &Database, invoice: &str) -> Result<(Uuid, String), InvoiceError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::invoices::locate
        SELECT id, brand_id FROM atelier.invoice WHERE id = $1 OR number_text = $2"#,
        Uuid::parse_str(invoice).ok(),
        invoice
    )
    .fetch_optional(&mut *connection)
    .await?;
    row.map(|row| (row.id, row.brand_id))
        .ok_or_else(|| InvoiceError::NotFound(invoice.to_owned()))
}

/// Locks an invoice's row, after its brand.
pub(crate) async fn lock(tx: &mut Transaction, id: Uuid) -> Result<InvoiceRow, InvoiceError> {
    let row = sqlx::query!(
        r#"-- store::invoices::lock
        SELECT brand_id, kind, state, number_text, currency, document FROM atelier.invoice
        WHERE id = $1 FOR NO KEY UPDATE"#,
        id
    )
    .fetch_one(&mut **tx)
    .await?;
    let wrong = |column, detail: &str| StoreError::Inconsistent {
        table: "atelier.invoice",
        column,
        id: id.to_string(),
        detail: detail.to_owned(),
    };
    Ok(InvoiceRow {
        id,
        kind: row.kind.parse().map_err(|_| wrong("kind", &row.kind))?,
        state: row.state.parse().map_err(|_| wrong("state", &row.state))?,
        brand: row.brand_id,
        number: row.number_text,
        currency: row.currency,
        document: read::parsed(id, row.document)?,
    })
}

/// What was asked for, paid and credited.
pub(crate) async fn balance(tx: &mut Transaction, id: Uuid) -> Result<Balance, StoreError> {
    Ok(sqlx::query_as!(
        Balance,
        r#"-- store::invoices::balance
        SELECT i.total_minor AS total,
            (SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM atelier.payment p
             WHERE p.invoice_id = i.id) AS "paid!",
            (SELECT COALESCE(-sum(c.total_minor), 0)::bigint FROM atelier.invoice c
             WHERE c.corrects = i.id AND c.state <> 'draft') AS "credited!"
        FROM atelier.invoice i WHERE i.id = $1"#,
        id
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// What was paid for an invoice beyond what it and its credit notes ask for, less what was sent back.
pub(super) async fn refund_due(tx: &mut Transaction, id: Uuid) -> Result<i64, StoreError> {
    let sent_back = sqlx::query_scalar!(
        r#"-- store::invoices::sent_back
        SELECT COALESCE(sum(p.amount_minor), 0)::bigint AS "sum!" FROM atelier.payment p
        JOIN atelier.invoice c ON c.id = p.invoice_id WHERE c.corrects = $1"#,
        id
    )
    .fetch_one(&mut **tx)
    .await?;
    let balance = balance(tx, id).await?;
    Ok((-balance.left()).max(0).min(balance.paid) - sent_back.min(balance.paid))
}

/// Makes an invoice paid where nothing is left to be paid.
pub(super) async fn settle(
    tx: &mut Transaction,
    at: DateTime<Utc>,
    id: Uuid,
) -> Result<bool, StoreError> {
    match balance(tx, id).await?.left() {
        left if left <= 0 => mark_paid(tx, at, id).await,
        _ => Ok(false),
    }
}

/// `false` where it is not open or given up.
pub(super) async fn mark_paid(
    tx: &mut Transaction,
    at: DateTime<Utc>,
    id: Uuid,
) -> Result<bool, StoreError> {
    let marked = sqlx::query!(
        r#"-- store::invoices::mark_paid
        UPDATE atelier.invoice SET state = 'paid', paid_at = $2
        WHERE id = $1 AND state IN ('open', 'uncollectible')"#,
        id,
        at
    )
    .execute(&mut **tx)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Gives an open invoice up. The brand stays as dunning has left it. Returns `false` where it was given up before.
///
/// # Errors
/// [`InvoiceError::NotFound`], [`InvoiceError::Refused`], and what the database says.
pub async fn uncollectible(
    db: &Database,
    now: DateTime<Utc>,
    invoice: &str,
    reason: &str,
    actor: &str,
) -> Result<bool, InvoiceError> {
    let (id, brand) = locate(db, invoice).await?;
    let mut tx = db.begin("give_up_invoice").await?;
    let row = lock(&mut tx, id).await?;
    match (row.state, row.kind) {
        (InvoiceState::Uncollectible, _) => return Ok(false),
        (InvoiceState::Open, kind) if kind != InvoiceKind::CreditNote => {}
        (state, kind) => {
            let why = format!("it is a {kind} that is {state}; only open invoices are given up");
            return Err(InvoiceError::refused(row.name(), why));
        }
    }
    sqlx::query!(
        r#"-- store::invoices::give_up
        UPDATE atelier.invoice SET state = 'uncollectible' WHERE id = $1"#,
        id
    )
    .execute(&mut *tx)
    .await?;
    let entry = Entry {
        action: "invoice.uncollectible",
        brand,
        subject: format!("invoice:{id}"),
        detail: json!({ "reason": reason }),
    };
    log::write(&mut tx, now, actor, &[entry]).await?;
    public_row::write(&mut tx, &[id]).await?;
    tx.commit().await?;
    Ok(true)
}
