//! A document before it has a number: made from charges, and written with its lines.

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::invoice::{
    Charge, ChargeKind, Document, Head, Kind, LineInput, Minor, Period, Quantity, describe,
    vat_treatment,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::{InvoiceError, RuleError, unbillable};
use super::parties::read_buyer;
use super::statement::{PeriodRow, Statement};
use super::states::InvoiceKind;
use crate::database::Transaction;
use crate::periods::midnight;
use crate::sellers;

/// What ids of invoices are derived in: a draft that is made twice is the same draft.
const IDS: Uuid = Uuid::from_u128(0x3d0c_7a52_91be_4c1f_8a64_0f2b_6de1_97a3);

/// The id of a document, from what it is about.
pub(super) fn id_of(what: &str) -> Uuid {
    Uuid::new_v5(&IDS, what.as_bytes())
}

/// What a line's row says besides the document's line.
#[derive(Debug, Clone)]
pub(super) struct LineRow {
    pub(super) kind: &'static str,
    pub(super) of_period: Option<DateTime<Utc>>,
    pub(super) service: Option<(NaiveDate, NaiveDate)>,
    pub(super) corrects_position: Option<i32>,
}

/// A document that is to be written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: Uuid,
    pub(super) brand: String,
    pub(super) kind: InvoiceKind,
    pub(super) period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(super) corrects: Option<Uuid>,
    pub(super) reason: Option<String>,
    pub(super) document: Document,
    /// One per line of the document, in its order.
    pub(super) lines: Vec<LineRow>,
}

/// The document of a period's charges, with both parties as they are now. Its days are provisional.
pub(super) async fn of_period(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    brand: &str,
    period: &PeriodRow,
    statement: &Statement,
) -> Result<(Document, Vec<LineRow>), InvoiceError> {
    let seller = sellers::read(connection).await?.profile;
    let party = read_buyer(connection, brand, &seller).await?;
    let days = Period::half_open(period.start.date_naive(), period.end.date_naive());
    let made = || -> Result<Document, RuleError> {
        let vat = vat_treatment(&seller, &party.buyer, days.to)?;
        let lines = statement.charges.iter().map(|(charge, _)| {
            let of_charge = Period::half_open(charge.from, charge.until);
            LineInput {
                description: describe(charge, party.buyer.language),
                metric: charge.metric,
                period: (of_charge != days).then_some(of_charge),
                quantity: Quantity::whole(charge.quantity),
                unit: charge.unit,
                unit_price: charge.unit_price,
                vat: vat.clone(),
            }
        });
        let issued_on = now.date_naive();
        let head = Head {
            kind: Kind::Invoice,
            number: None,
            issued_on,
            due_on: issued_on.checked_add_days(Days::new(u64::from(party.payment_days))),
            period: days,
            currency: statement.currency,
            seller: seller.clone(),
            buyer: party.buyer.clone(),
            notes: Vec::new(),
        };
        Ok(Document::new(
            head,
            lines.collect(),
            Vec::new(),
            Minor::ZERO,
        )?)
    };
    let document = made().map_err(unbillable(brand))?;
    let lines = statement.charges.iter();
    let lines = lines.map(|(charge, of_period)| line_row(charge, *of_period));
    Ok((document, lines.collect()))
}

fn line_row(charge: &Charge, of_period: DateTime<Utc>) -> LineRow {
    let (kind, of_period) = match charge.kind {
        ChargeKind::Fee => ("fee", None),
        ChargeKind::Included => ("included", Some(of_period)),
        ChargeKind::Overage => ("overage", Some(of_period)),
    };
    LineRow {
        kind,
        of_period,
        service: Some((charge.from, charge.until)),
        corrects_position: None,
    }
}

/// Writes a draft and its lines. `false` where the period has an invoice already: nothing was written.
pub(super) async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    draft: &Draft,
) -> Result<bool, InvoiceError> {
    let document = &draft.document;
    // In the ledger a credit note's amounts are negative, so that documents add up.
    let sign = document.head.kind.sign();
    let totals = &document.totals;
    let written = sqlx::query!(
        r#"-- store::invoices::write_draft
        INSERT INTO atelier.invoice (id, brand_id, kind, state, period_start, period_end, corrects,
            document, currency, net_minor, vat_minor, total_minor, reason, created_at)
        VALUES ($1, $2, $3, 'draft', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT DO NOTHING"#,
        draft.id,
        draft.brand,
        draft.kind.as_str(),
        draft.period.map(|period| period.0),
        draft.period.map(|period| period.1),
        draft.corrects,
        to_json(document),
        document.head.currency.as_str(),
        sign * totals.net.0,
        sign * totals.vat.0,
        sign * totals.gross.0,
        draft.reason,
        now
    )
    .execute(&mut **tx)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    write_lines(tx, draft, sign).await?;
    Ok(true)
}

async fn write_lines(tx: &mut Transaction, draft: &Draft, sign: i64) -> Result<(), InvoiceError> {
    let lines = &draft.document.lines;
    let too_large = || unbillable(&draft.brand)(RuleError::TooLarge);
    let quantities = lines
        .iter()
        .map(|line| Some(sign * line.quantity.as_whole()?))
        .collect::<Option<Vec<i64>>>()
        .ok_or_else(too_large)?;
    let prices = lines
        .iter()
        .map(|line| line.unit_price.e10())
        .collect::<Option<Vec<i64>>>()
        .ok_or_else(too_large)?;
    let rows = &draft.lines;
    let services = |of: fn(&(NaiveDate, NaiveDate)) -> NaiveDate| -> Vec<Option<DateTime<Utc>>> {
        let each = rows
            .iter()
            .map(|row| row.service.as_ref().map(|days| midnight(of(days))));
        each.collect()
    };
    sqlx::query!(
        r#"-- store::invoices::write_lines
        INSERT INTO atelier.invoice_line (invoice_id, position, kind, description, metric, of_period,
            service_start, service_end, quantity, unit, unit_price_e10, net_minor, vat_category,
            vat_rate_bp, corrects_position)
        SELECT $1, u.position, u.kind, u.description, u.metric, u.of_period, u.service_start,
            u.service_end, u.quantity, u.unit, u.unit_price_e10, u.net_minor, u.vat_category,
            u.vat_rate_bp, u.corrects_position
        FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::text[], $11::bigint[],
            $12::bigint[], $13::text[], $14::int[], $15::int[])
            AS u (position, kind, description, metric, of_period, service_start, service_end,
                quantity, unit, unit_price_e10, net_minor, vat_category, vat_rate_bp,
                corrects_position)"#,
        draft.id,
        &(1..).take(lines.len()).collect::<Vec<i32>>(),
        &rows.iter().map(|row| row.kind.to_owned()).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.description.clone()).collect::<Vec<_>>(),
        &lines
            .iter()
            .map(|line| line.metric.map(|metric| metric.to_string()))
            .collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|row| row.of_period).collect::<Vec<_>>() as &[Option<DateTime<Utc>>],
        &services(|days| days.0) as &[Option<DateTime<Utc>>],
        &services(|days| days.1) as &[Option<DateTime<Utc>>],
        &quantities,
        &lines.iter().map(|line| line.unit.code().to_owned()).collect::<Vec<_>>(),
        &prices,
        &lines.iter().map(|line| sign * line.net.0).collect::<Vec<_>>(),
        &lines
            .iter()
            .map(|line| line.vat.category.to_string())
            .collect::<Vec<_>>(),
        &lines
            .iter()
            .map(|line| i32::try_from(line.vat.rate.as_hundredths()).unwrap_or(0))
            .collect::<Vec<_>>(),
        &rows.iter().map(|row| row.corrects_position).collect::<Vec<_>>() as &[Option<i32>]
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A document as its column holds it.
pub(super) fn to_json(document: &Document) -> Value {
    // Texts, integers and lists of them: this cannot fail.
    serde_json::to_value(document).unwrap_or_default()
}
