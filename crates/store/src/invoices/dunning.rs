//! What happens while an invoice is not paid.
//!
//! | step | days after the due date | the brand |
//! |---|---|---|
//! | 1 | 0 | PAST_DUE, and told |
//! | 2 | 3 | told |
//! | 3 | 7 | told |
//! | 4 | 14 | CANCELED, and told: intake refuses |
//!
//! Each step is a transaction: the invoice, the brand's change and the event commit together, and the event's key
//! names invoice and step. Steps keep their distance: after an outage of ours a brand still gets its warnings, and
//! the days between them.

use chrono::{DateTime, Utc};
use domain::{BrandId, Event, EventKind, InvoicePastDue};
use serde_json::json;
use uuid::Uuid;

use super::error::InvoiceError;
use super::log::{self, Entry};
use super::payment;
use crate::database::Database;
use crate::subscriptions::{self, NewChange, Reason, Status};

/// Days after the due date at which each step comes.
pub const DUNNING_DAYS: [i32; 4] = [0, 3, 7, 14];

/// How much shorter than planned the time between two steps may become because the first of them was late.
const SLACK_HOURS: i32 = 12;

/// What one round of dunning came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dunned {
    /// Invoices that came a step further.
    pub steps: u64,
    /// Brands that were cancelled.
    pub canceled: u64,
}

/// Takes at most `most` invoices that are due a step further, each by one step; of one brand alone where it is given.
///
/// # Errors
/// What the database says; each invoice is a transaction, and the rest is done next time.
pub async fn dun(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    most: i64,
) -> Result<Dunned, InvoiceError> {
    let mut connection = db.connection().await?;
    let due = sqlx::query!(
        r#"-- store::invoices::to_dun
        SELECT id, brand_id FROM atelier.invoice
        WHERE state = 'open' AND kind <> 'credit_note' AND due_at <= $1 AND dunning_step < 4
            AND due_at + make_interval(days => ($2::int[])[dunning_step + 1]) <= $1
            AND (dunned_at IS NULL OR dunned_at + make_interval(
                days => ($2::int[])[dunning_step + 1] - ($2::int[])[dunning_step], hours => -$3::int) <= $1)
            AND ($4::text IS NULL OR brand_id = $4)
        ORDER BY due_at, id LIMIT $5"#,
        now,
        &DUNNING_DAYS,
        SLACK_HOURS,
        brand.map(BrandId::as_str),
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut dunned = Dunned::default();
    for invoice in due {
        let Some(step) = step(db, now, invoice.id, &invoice.brand_id).await? else {
            continue;
        };
        dunned.steps += 1;
        dunned.canceled += u64::from(step.canceled);
    }
    Ok(dunned)
}

struct Step {
    canceled: bool,
}

/// One invoice, one step. `None` when somebody else did it, or it was paid meanwhile.
async fn step(
    db: &Database,
    now: DateTime<Utc>,
    id: Uuid,
    brand: &str,
) -> Result<Option<Step>, InvoiceError> {
    let (mut tx, mut held) = subscriptions::hold(db, now, brand, "dun_invoice").await?;
    let moved = sqlx::query!(
        r#"-- store::invoices::dun
        UPDATE atelier.invoice SET dunning_step = dunning_step + 1, dunned_at = $2
        WHERE id = $1 AND state = 'open' AND dunning_step < 4
            AND due_at + make_interval(days => ($3::int[])[dunning_step + 1]) <= $2
            AND (dunned_at IS NULL OR dunned_at + make_interval(
                days => ($3::int[])[dunning_step + 1] - ($3::int[])[dunning_step], hours => -$4::int) <= $2)
        RETURNING dunning_step, due_at AS "due_at!", number_text AS "number!", currency, total_minor,
            document #>> '{due_on}' AS due_on"#,
        id,
        now,
        &DUNNING_DAYS,
        SLACK_HOURS
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = moved else { return Ok(None) };
    let is_last = usize::try_from(row.dunning_step) == Ok(DUNNING_DAYS.len());
    let was = held.status.clone();
    let status = if is_last {
        Status::Canceled
    } else {
        Status::PastDue
    };
    let mut canceled = false;
    if was != "CANCELED" && was != status.as_str() {
        let plan = held.plan.clone();
        let new = NewChange {
            plan: &plan,
            status,
            reason: Reason::Dunning,
            effective_at: now,
            max_monthly_generations: None,
            actor: "duty:billing",
        };
        subscriptions::change(&mut tx, now, &mut held, &new).await?;
        canceled = is_last;
    }
    let balance = payment::balance(&mut tx, id).await?;
    let data = InvoicePastDue {
        currency: row.currency,
        days_overdue: u32::try_from((now - row.due_at).num_days()).unwrap_or(0),
        due_date: row.due_on.unwrap_or_default(),
        invoice_id: id.to_string(),
        number: row.number.clone(),
        total_cents: balance.total - balance.paid - balance.credited,
    };
    let kind = EventKind::InvoicePastDue;
    let key = format!("{kind}:{brand}:{id}:{}", row.dunning_step);
    let event = Event::of_fact(kind, key, BrandId(brand.to_owned()), now, data.to_data());
    crate::outbox::write(&mut tx, now, &[event]).await?;
    let entry = Entry {
        action: "invoice.dunned",
        brand: brand.to_owned(),
        subject: format!("invoice:{id}"),
        detail: json!({ "number": row.number, "step": row.dunning_step, "status": held.status }),
    };
    log::write(&mut tx, now, "duty:billing", &[entry]).await?;
    tx.commit().await?;
    Ok(Some(Step { canceled }))
}
