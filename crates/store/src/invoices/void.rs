//! Taking an invoice back as a whole, as if it had not been issued: a wrong buyer, a wrong address.
//!
//! Its number stays taken, so a credit note mirrors all of it, and the sum over documents is nothing. It may be
//! issued anew: its buckets are unsealed and its period awaits its draft again, which takes buyer, seller and
//! prices as they are then.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::credit::{Credit, credit_in};
use super::error::InvoiceError;
use super::finalize::Issued;
use super::log::{self, Entry};
use super::states::{InvoiceKind, InvoiceState};
use super::{payment, public_row};
use crate::database::{Database, Transaction};
use crate::subscriptions;

/// What became of an invoice that was voided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voided {
    /// The credit note that mirrors it.
    pub credit_note: Issued,
    /// Whether its period is to be invoiced anew.
    pub reissue: bool,
}

/// Voids an open invoice of which nothing was paid or credited.
///
/// # Errors
/// [`InvoiceError::NotFound`], [`InvoiceError::Refused`], and what the database says: all of it was written or
/// nothing. After a lost reply, a repeat is refused because the invoice is void.
pub async fn void(
    db: &Database,
    now: DateTime<Utc>,
    invoice: &str,
    reason: &str,
    reissue: bool,
    actor: &str,
) -> Result<Voided, InvoiceError> {
    let (id, brand) = payment::locate(db, invoice).await?;
    let (mut tx, mut held) = subscriptions::hold(db, now, &brand, "void_invoice").await?;
    if reissue {
        hold_period(&mut tx, id).await?;
    }
    let row = payment::lock(&mut tx, id).await?;
    let balance = payment::balance(&mut tx, id).await?;
    let is_regular = row.kind == InvoiceKind::Regular;
    let why = if row.state != InvoiceState::Open || row.kind == InvoiceKind::CreditNote {
        format!(
            "it is a {} that is {}; only open invoices are voided",
            row.kind, row.state
        )
    } else if balance.paid != 0 || balance.credited != 0 {
        "something of it was paid or credited already: credit the rest instead".to_owned()
    } else if reissue && !is_regular {
        "only a period's invoice can be issued anew".to_owned()
    } else {
        String::new()
    };
    if !why.is_empty() {
        return Err(InvoiceError::refused(row.name(), why));
    }
    let all = Credit {
        invoice: invoice.to_owned(),
        parts: Vec::new(),
        reason: reason.to_owned(),
        reference: Some("void".to_owned()),
    };
    // It is void before it is settled, so the credit does not make it paid.
    set_void(&mut tx, now, id).await?;
    let credit_note = credit_in(&mut tx, now, &mut held, &row, &all, actor).await?;
    if reissue {
        open_again(&mut tx, id).await?;
    }
    let entry = Entry {
        action: "invoice.voided",
        brand,
        subject: format!("invoice:{id}"),
        detail: json!({ "reason": reason, "reissue": reissue, "credit_note": credit_note.number }),
    };
    log::write(&mut tx, now, actor, &[entry]).await?;
    public_row::write(&mut tx, &[id]).await?;
    tx.commit().await?;
    Ok(Voided {
        credit_note,
        reissue,
    })
}

/// Periods are locked before invoices.
async fn hold_period(tx: &mut Transaction, id: Uuid) -> Result<(), InvoiceError> {
    sqlx::query!(
        r#"-- store::invoices::hold_period
        SELECT 1 AS "one!" FROM atelier.billing_period p
        JOIN atelier.invoice i ON p.brand_id = i.brand_id AND p.period_start = i.period_start
        WHERE i.id = $1 FOR NO KEY UPDATE OF p"#,
        id
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

async fn set_void(tx: &mut Transaction, now: DateTime<Utc>, id: Uuid) -> Result<(), InvoiceError> {
    sqlx::query!(
        r#"-- store::invoices::set_void
        UPDATE atelier.invoice SET state = 'void', voided_at = $2 WHERE id = $1"#,
        id,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the invoice billed is to be billed again.
async fn open_again(tx: &mut Transaction, id: Uuid) -> Result<(), InvoiceError> {
    sqlx::query!(
        r#"-- store::invoices::unseal
        UPDATE atelier.usage_bucket SET sealed_by = NULL WHERE sealed_by = $1"#,
        id
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"-- store::invoices::await_draft
        UPDATE atelier.billing_period p SET status = 'closing', closed_at = NULL
        FROM atelier.invoice i
        WHERE i.id = $1 AND p.brand_id = i.brand_id AND p.period_start = i.period_start"#,
        id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
