//! What documents say, against their rows and against the rules.

use chrono::{DateTime, Utc};
use domain::invoice::Document;
use uuid::Uuid;

use super::Found;
use crate::database::Transaction;
use crate::invoices::InvoiceError;

/// Documents that are read at once.
const PAGE_ROWS: i64 = 500;

/// A line's row, in the document's terms.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    description: String,
    quantity: i64,
    unit: String,
    unit_price_e10: i64,
    net_minor: i64,
    vat_category: String,
    vat_rate_bp: i32,
}

pub(super) async fn agree(
    tx: &mut Transaction,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<Found>, InvoiceError> {
    let mut found = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let page = sqlx::query!(
            r#"-- store::audits::documents
            SELECT id, number_text, document, currency, net_minor, vat_minor, total_minor
            FROM atelier.invoice
            WHERE state <> 'draft' AND id > $1 AND ($2::timestamptz IS NULL OR issued_at >= $2)
            ORDER BY id LIMIT $3"#,
            after,
            since,
            PAGE_ROWS
        )
        .fetch_all(&mut **tx)
        .await?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after = last.id;
        let ids: Vec<Uuid> = page.iter().map(|row| row.id).collect();
        let mut lines = lines(tx, &ids).await?;
        for row in page {
            let rows = lines.remove(&row.id).unwrap_or_default();
            let amounts = (row.net_minor, row.vat_minor, row.total_minor);
            let faults = match serde_json::from_value::<Document>(row.document) {
                Err(error) => vec![format!("it cannot be read: {error}")],
                Ok(document) => {
                    let number = row.number_text.as_deref();
                    faults(&document, number, &row.currency, amounts, &rows)
                }
            };
            found.extend(faults.into_iter().map(|detail| Found {
                subject: format!("invoice:{}", row.id),
                detail,
            }));
        }
    }
}

async fn lines(
    tx: &mut Transaction,
    ids: &[Uuid],
) -> Result<std::collections::HashMap<Uuid, Vec<Line>>, InvoiceError> {
    let rows = sqlx::query!(
        r#"-- store::audits::lines
        SELECT invoice_id, description, quantity, unit, unit_price_e10, net_minor, vat_category, vat_rate_bp
        FROM atelier.invoice_line WHERE invoice_id = ANY($1) ORDER BY invoice_id, position"#,
        ids
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut lines: std::collections::HashMap<Uuid, Vec<Line>> = std::collections::HashMap::new();
    for row in rows {
        lines.entry(row.invoice_id).or_default().push(Line {
            description: row.description,
            quantity: row.quantity,
            unit: row.unit,
            unit_price_e10: row.unit_price_e10,
            net_minor: row.net_minor,
            vat_category: row.vat_category,
            vat_rate_bp: row.vat_rate_bp,
        });
    }
    Ok(lines)
}

fn faults(
    document: &Document,
    number: Option<&str>,
    currency: &str,
    amounts: (i64, i64, i64),
    rows: &[Line],
) -> Vec<String> {
    let mut faults: Vec<String> = document
        .violations()
        .iter()
        .map(|broken| format!("its document breaks {broken}"))
        .collect();
    let head = &document.head;
    if head.number.as_deref() != number {
        faults.push(format!("its document's number is {:?}", head.number));
    }
    let sign = head.kind.sign();
    let totals = &document.totals;
    let said = (
        sign * totals.net.0,
        sign * totals.vat.0,
        sign * totals.gross.0,
    );
    if said != amounts || head.currency.as_str() != currency {
        faults.push(format!(
            "its document comes to {said:?} {}, its row to {amounts:?} {currency}",
            head.currency
        ));
    }
    let said: Vec<Line> = document
        .lines
        .iter()
        .map(|line| Line {
            description: line.description.clone(),
            quantity: sign * line.quantity.as_whole().unwrap_or(0),
            unit: line.unit.code().to_owned(),
            unit_price_e10: line.unit_price.e10().unwrap_or(0),
            net_minor: sign * line.net.0,
            vat_category: line.vat.category.to_string(),
            vat_rate_bp: i32::try_from(line.vat.rate.as_hundredths()).unwrap_or(0),
        })
        .collect();
    if said != rows {
        faults.push("its document's lines are not its rows".to_owned());
    }
    faults
}
