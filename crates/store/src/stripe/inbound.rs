//! What Stripe tells.
//!
//! An event's row is written in the transaction of what the event changes, so one that comes twice changes nothing
//! the second time. Order does not matter: an event says what has happened, a state only goes forward, and a
//! payment is booked once by its reference, whatever came before it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::outbox::keep_invoice;
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::invoices::{self, InvoiceError, InvoiceRow, InvoiceState, Payment};
use crate::subscriptions;

/// Who is named in the log of what concerns money.
const ACTOR: &str = "stripe";

/// An event whose signature was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its id: the same whenever it comes.
    pub id: String,
    /// Its type, such as `invoice.paid`.
    pub kind: String,
    /// When it happened.
    pub happened_at: DateTime<Utc>,
    /// The invoice that it is about, as it was then.
    pub invoice: Option<ToldInvoice>,
}

/// An invoice, as Stripe tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldInvoice {
    /// What Stripe calls it.
    pub stripe_id: String,
    /// What we call it, as we have written there.
    pub ours: Option<Uuid>,
    /// Its currency, in small letters.
    pub currency: String,
    /// What was paid, in the currency's minor unit.
    pub amount_paid_minor: i64,
    /// Whether somebody has said there that it was paid elsewhere.
    pub paid_out_of_band: bool,
}

/// What an event has changed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A payment was booked.
    Paid,
    /// It was paid here before: the payment was booked already, or Stripe repeats what we told it.
    PaidBefore,
    /// A payment was booked for an invoice that was paid otherwise: a person gives it back.
    Overpaid,
    /// Money came in that cannot be booked: for a void invoice, in another currency, or of another amount than was
    /// booked for the same payment before. A person decides.
    Unbooked,
    /// It was given up.
    GivenUp,
    /// It was voided at Stripe alone. Here it stands: an invoice that was issued is taken back by a credit note, which
    /// a person issues.
    Voided,
    /// A payment has failed; dunning goes by the due date.
    PaymentFailed,
    /// Nothing: a kind of event that changes nothing, or an invoice whose state has gone further.
    Nothing,
    /// It is about no invoice of ours.
    Foreign,
}

impl Effect {
    /// The word in the column `effect`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::PaidBefore => "paid_before",
            Self::Overpaid => "overpaid",
            Self::Unbooked => "unbooked",
            Self::GivenUp => "given_up",
            Self::Voided => "voided",
            Self::PaymentFailed => "payment_failed",
            Self::Nothing => "nothing",
            Self::Foreign => "foreign",
        }
    }
}

/// Our invoice that an event is about.
struct Ours {
    id: Uuid,
    brand_id: String,
}

/// Takes an event. Returns what it has changed; `None` where it came before.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: nothing was written, and Stripe sends it again.
pub async fn take(
    db: &Database,
    now: DateTime<Utc>,
    told: &Told,
) -> Result<Option<Effect>, StoreError> {
    let Some((invoice, ours)) = find(db, told).await? else {
        let mut tx = db.begin("stripe_event").await?;
        let is_new = note(&mut tx, now, told, None, Effect::Foreign).await?;
        tx.commit().await?;
        return Ok(is_new.then_some(Effect::Foreign));
    };
    if told.kind == "invoice.marked_uncollectible" {
        return give_up(db, now, told, &ours).await;
    }
    // A payment may make a brand active again, so the brand is held first, as everywhere.
    let (mut tx, mut held) = subscriptions::hold(db, now, &ours.brand_id, "stripe_event").await?;
    let row = match invoices::lock(&mut tx, ours.id).await {
        Ok(row) => row,
        Err(InvoiceError::Store(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    if !note(&mut tx, now, told, Some(ours.id), Effect::Nothing).await? {
        return Ok(None);
    }
    // The event may be quicker than the answer to the request that made the invoice.
    keep_invoice(&mut tx, ours.id, &invoice.stripe_id).await?;
    let effect = match told.kind.as_str() {
        "invoice.paid" => match payment(&mut tx, told, invoice, &row).await? {
            Err(effect) => effect,
            Ok(payment) => {
                let booked = invoices::book(&mut tx, now, &mut held, &row, &payment, ACTOR).await;
                match booked {
                    Ok(booked) if !booked.is_new => Effect::PaidBefore,
                    Ok(booked) if booked.overpaid_minor > 0 => Effect::Overpaid,
                    Ok(_) => Effect::Paid,
                    Err(InvoiceError::Store(error)) => return Err(error),
                    Err(_) => Effect::Unbooked,
                }
            }
        },
        "invoice.voided" if row.state != InvoiceState::Void => Effect::Voided,
        "invoice.payment_failed" => Effect::PaymentFailed,
        _ => Effect::Nothing,
    };
    set_effect(&mut tx, told, effect).await?;
    tx.commit().await?;
    Ok(Some(effect))
}

/// The payment that an event tells of, or why none is booked.
async fn payment(
    tx: &mut Transaction,
    told: &Told,
    invoice: &ToldInvoice,
    ours: &InvoiceRow,
) -> Result<Result<Payment, Effect>, StoreError> {
    let balance = invoices::balance(tx, ours.id).await?;
    let amount_minor = match invoice.paid_out_of_band {
        // Somebody has said there that it was paid: we did, or a person who knows.
        true if ours.state == InvoiceState::Paid => return Ok(Err(Effect::PaidBefore)),
        true => balance.left(),
        false => invoice.amount_paid_minor,
    };
    let same_currency = invoice.currency.eq_ignore_ascii_case(&ours.currency);
    if ours.state == InvoiceState::Void || amount_minor <= 0 || !same_currency {
        return Ok(Err(Effect::Unbooked));
    }
    Ok(Ok(Payment {
        invoice: ours.id.to_string(),
        amount_minor,
        method: "stripe".to_owned(),
        reference: format!("stripe:{}", invoice.stripe_id),
        received_at: told.happened_at,
    }))
}

/// An event repeated after a death between the two transactions finds the invoice given up already.
async fn give_up(
    db: &Database,
    now: DateTime<Utc>,
    told: &Told,
    ours: &Ours,
) -> Result<Option<Effect>, StoreError> {
    let (id, reason) = (ours.id.to_string(), "marked uncollectible at Stripe");
    let effect = match invoices::uncollectible(db, now, &id, reason, ACTOR).await {
        Ok(_) => Effect::GivenUp,
        Err(InvoiceError::Store(error)) => return Err(error),
        // It was paid or voided since.
        Err(_) => Effect::Nothing,
    };
    let mut tx = db.begin("stripe_event").await?;
    let is_new = note(&mut tx, now, told, Some(ours.id), effect).await?;
    tx.commit().await?;
    Ok(is_new.then_some(effect))
}

/// The invoice that an event is about, by Stripe's id or by ours.
async fn find<'a>(
    db: &Database,
    told: &'a Told,
) -> Result<Option<(&'a ToldInvoice, Ours)>, StoreError> {
    let Some(invoice) = &told.invoice else {
        return Ok(None);
    };
    let mut connection = db.connection().await?;
    let ours = sqlx::query_as!(
        Ours,
        r#"-- store::stripe::find_invoice
        SELECT i.id, i.brand_id FROM atelier.invoice i
        WHERE i.state <> 'draft' AND (i.stripe_invoice_id = $2 OR (i.id = $1 AND i.stripe_invoice_id IS NULL))"#,
        invoice.ours,
        invoice.stripe_id
    )
    .fetch_optional(&mut *connection)
    .await?;
    Ok(ours.map(|ours| (invoice, ours)))
}

/// Writes an event down. `false` where it came before.
async fn note(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    told: &Told,
    ours: Option<Uuid>,
    effect: Effect,
) -> Result<bool, StoreError> {
    let written = sqlx::query!(
        r#"-- store::stripe::note
        INSERT INTO atelier.stripe_event (id, kind, invoice_id, stripe_invoice_id, effect, happened_at, received_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"#,
        told.id,
        told.kind,
        ours,
        told.invoice.as_ref().map(|invoice| &invoice.stripe_id),
        effect.as_str(),
        told.happened_at,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(written.rows_affected() == 1)
}

async fn set_effect(tx: &mut Transaction, told: &Told, effect: Effect) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::stripe::set_effect
        UPDATE atelier.stripe_event SET effect = $2 WHERE id = $1"#,
        told.id,
        effect.as_str()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
