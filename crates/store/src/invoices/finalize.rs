//! Giving drafts their numbers.
//!
//! One transaction takes the numbers of its drafts, writes them with what follows from having one (the period is
//! closed, the event, the row in `"Invoice"`, the entry in the log) and commits. Dying before the commit leaves
//! the drafts and the series as they were; when the reply is lost, the next run finds no draft. Two at once: each
//! takes drafts that the other has not locked, and the second waits for the series.

use chrono::{DateTime, Days, SecondsFormat, Utc};
use domain::invoice::Document;
use domain::{BrandId, Event, EventKind, InvoiceFinalized};
use serde_json::json;
use uuid::Uuid;

use super::draft::to_json;
use super::error::InvoiceError;
use super::log::{self, Entry};
use super::states::InvoiceKind;
use super::{public_row, read, series};
use crate::database::{Database, Transaction};
use crate::periods::midnight;
use crate::sellers;

/// A document that got its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub brand: BrandId,
    /// Its number.
    pub number: String,
    /// What it comes to with VAT, in minor units; negative for a credit note.
    pub total_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// A draft whose row is locked.
pub(super) struct Locked {
    pub(super) id: Uuid,
    pub(super) brand: String,
    pub(super) document: Document,
    /// Days from issue until payment is due, as the draft has them.
    payment_days: u64,
    period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    total_minor: i64,
}

/// Issues at most `most` drafts of regular invoices, those of the earliest periods first; of one brand alone
/// where it is given.
///
/// # Errors
/// What the database says: nothing or all of it was issued, and running it again is right in either case.
pub async fn finalize(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    most: i64,
) -> Result<Vec<Issued>, InvoiceError> {
    let mut tx = db.begin("finalize_invoices").await?;
    let drafts = lock(&mut tx, brand, most).await?;
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let prefix = sellers::read(&mut tx).await?.invoice_prefix;
    let issued = issue(&mut tx, now, &prefix, drafts, "duty:billing").await?;
    tx.commit().await?;
    Ok(issued)
}

async fn lock(
    tx: &mut Transaction,
    brand: Option<&BrandId>,
    most: i64,
) -> Result<Vec<Locked>, InvoiceError> {
    let rows = sqlx::query!(
        r#"-- store::invoices::lock_drafts
        SELECT id, brand_id, document, period_start, period_end, total_minor FROM atelier.invoice
        WHERE state = 'draft' AND kind = 'regular' AND ($1::text IS NULL OR brand_id = $1)
        ORDER BY period_end, brand_id LIMIT $2 FOR UPDATE SKIP LOCKED"#,
        brand.map(BrandId::as_str),
        most
    )
    .fetch_all(&mut **tx)
    .await?;
    let drafts = rows.into_iter().map(|row| {
        let document = read::parsed(row.id, row.document)?;
        let period = row.period_start.zip(row.period_end);
        Ok(Locked::new(
            row.id,
            row.brand_id,
            document,
            period,
            row.total_minor,
        ))
    });
    drafts.collect()
}

impl Locked {
    pub(super) fn new(
        id: Uuid,
        brand: String,
        document: Document,
        period: Option<(DateTime<Utc>, DateTime<Utc>)>,
        total_minor: i64,
    ) -> Self {
        let head = &document.head;
        let due_on = head.due_on.unwrap_or(head.issued_on);
        let payment_days = (due_on - head.issued_on).num_days();
        Self {
            id,
            brand,
            payment_days: u64::try_from(payment_days).unwrap_or(0),
            document,
            period,
            total_minor,
        }
    }
}

/// A draft with its number.
struct Numbered {
    draft: Locked,
    number: i64,
    text: String,
    due_at: DateTime<Utc>,
}

/// Gives drafts that this transaction has locked or written the next numbers, and writes what follows.
pub(super) async fn issue(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    prefix: &str,
    drafts: Vec<Locked>,
    actor: &str,
) -> Result<Vec<Issued>, InvoiceError> {
    let numbers = series::take(tx, now, prefix, drafts.len()).await?;
    let issued_on = now.date_naive();
    let numbered: Vec<Numbered> = drafts
        .into_iter()
        .zip(numbers.first..)
        .map(|(mut draft, number)| {
            let text = numbers.text(number);
            let due_on = issued_on.checked_add_days(Days::new(draft.payment_days));
            let due_on = due_on.unwrap_or(issued_on);
            let head = &mut draft.document.head;
            head.number = Some(text.clone());
            head.issued_on = issued_on;
            head.due_on = head.due_on.and(Some(due_on));
            let overdue = due_on.succ_opt().unwrap_or(due_on);
            Numbered {
                draft,
                number,
                text,
                due_at: midnight(overdue),
            }
        })
        .collect();
    write_numbers(tx, now, &numbers.series, &numbered).await?;
    let ids: Vec<Uuid> = numbered.iter().map(|one| one.draft.id).collect();
    public_row::write(tx, &ids).await?;
    close_periods(tx, now, &ids).await?;
    let events: Vec<Event> = numbered.iter().map(|one| event(one, now)).collect();
    crate::outbox::write(tx, now, &events).await?;
    let entries: Vec<Entry> = numbered.iter().map(entry).collect();
    log::write(tx, now, actor, &entries).await?;
    let issued = numbered.into_iter().map(|one| Issued {
        id: one.draft.id,
        brand: BrandId(one.draft.brand),
        number: one.text,
        total_minor: one.draft.total_minor,
        currency: one.draft.document.head.currency.to_string(),
    });
    Ok(issued.collect())
}

async fn write_numbers(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    series: &str,
    numbered: &[Numbered],
) -> Result<(), InvoiceError> {
    sqlx::query!(
        r#"-- store::invoices::issue
        UPDATE atelier.invoice i SET state = 'open', series = $1, number = u.number,
            number_text = u.number_text, document = u.document, issued_at = $2, due_at = u.due_at
        FROM unnest($3::uuid[], $4::bigint[], $5::text[], $6::jsonb[], $7::timestamptz[])
            AS u (id, number, number_text, document, due_at)
        WHERE i.id = u.id AND i.state = 'draft'"#,
        series,
        now,
        &numbered.iter().map(|one| one.draft.id).collect::<Vec<_>>(),
        &numbered.iter().map(|one| one.number).collect::<Vec<_>>(),
        &numbered
            .iter()
            .map(|one| one.text.clone())
            .collect::<Vec<_>>(),
        &numbered
            .iter()
            .map(|one| to_json(&one.draft.document))
            .collect::<Vec<_>>(),
        &numbered.iter().map(|one| one.due_at).collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The periods of regular invoices are closed for good.
async fn close_periods(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    ids: &[Uuid],
) -> Result<(), InvoiceError> {
    sqlx::query!(
        r#"-- store::invoices::close_periods
        UPDATE atelier.billing_period p SET status = 'closed', closed_at = $2
        FROM atelier.invoice i
        WHERE i.id = ANY($1) AND i.kind = 'regular' AND p.brand_id = i.brand_id
            AND p.period_start = i.period_start AND p.status <> 'closed'"#,
        ids,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn event(one: &Numbered, now: DateTime<Utc>) -> Event {
    let head = &one.draft.document.head;
    let (start, end) = one.draft.period.unwrap_or_else(|| {
        let until = head.period.to.succ_opt().unwrap_or(head.period.to);
        (midnight(head.period.from), midnight(until))
    });
    let data = InvoiceFinalized {
        currency: head.currency.to_string(),
        due_date: head.due_on.unwrap_or(head.issued_on).to_string(),
        invoice_id: one.draft.id.to_string(),
        number: one.text.clone(),
        period_end: end,
        period_start: start,
        total_cents: one.draft.total_minor,
    };
    let (kind, brand) = (EventKind::InvoiceFinalized, &one.draft.brand);
    let key = format!("{kind}:{brand}:{}", one.draft.id);
    Event::of_fact(kind, key, BrandId(brand.clone()), now, data.to_data())
}

fn entry(one: &Numbered) -> Entry {
    let kind = match one.draft.document.head.kind.sign() {
        1 => InvoiceKind::Regular,
        _ => InvoiceKind::CreditNote,
    };
    Entry {
        action: "invoice.issued",
        brand: one.draft.brand.clone(),
        subject: format!("invoice:{}", one.draft.id),
        detail: json!({
            "number": one.text,
            "kind": kind,
            "total_minor": one.draft.total_minor,
            "due_at": one.due_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        }),
    }
}
