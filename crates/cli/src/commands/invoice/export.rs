//! `atelier invoice export`: what was issued, for a bookkeeper.

use chrono::{DateTime, SecondsFormat, Utc};
use store::Database;
use store::invoices::{self, Filter, InvoiceSummary};

use super::amount;
use crate::args::Format;
use crate::output;

/// Documents that are read at once.
const PAGE: i64 = 200;

const COLUMNS: [&str; 20] = [
    "number",
    "kind",
    "state",
    "brand",
    "buyer",
    "buyer_country",
    "buyer_vat_id",
    "issued_on",
    "due_on",
    "period_start",
    "period_end",
    "currency",
    "net",
    "vat",
    "total",
    "paid",
    "credited",
    "left",
    "corrects",
    "stripe_invoice",
];

pub(super) async fn run(
    db: &Database,
    filter: &Filter,
    (from, until): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    format: Format,
) -> anyhow::Result<()> {
    let mut filter = Filter {
        issued_only: true,
        ..filter.clone()
    };
    if format == Format::Csv {
        output::data(&COLUMNS.join(","));
    }
    loop {
        let page = invoices::list(db, &filter, PAGE).await?;
        for one in &page {
            let issued = one.issued_at.unwrap_or(one.created_at);
            if from.is_some_and(|from| issued < from) || until.is_some_and(|until| issued >= until)
            {
                continue;
            }
            let Some(document) = invoices::document(db, one.id).await? else {
                continue;
            };
            match format {
                Format::Json => {
                    let invoice = invoices::Invoice {
                        summary: one.clone(),
                        document,
                    };
                    output::data(&serde_json::to_string(&invoice)?);
                }
                Format::Csv => output::data(&row(one, &document)),
            }
        }
        let Some(last) = page.last() else {
            return Ok(());
        };
        filter.after = Some((last.created_at, last.id));
    }
}

fn row(one: &InvoiceSummary, document: &domain::invoice::Document) -> String {
    let head = &document.head;
    let money = |minor: i64| amount(minor, &one.currency);
    let moment = |at: Option<DateTime<Utc>>| {
        at.map_or(String::new(), |at| {
            at.to_rfc3339_opts(SecondsFormat::Secs, true)
        })
    };
    let buyer = &head.buyer;
    let values = [
        one.name(),
        one.kind.to_string(),
        one.state.to_string(),
        one.brand_id.to_string(),
        buyer.name.clone(),
        buyer.address.country.to_string(),
        buyer
            .vat_id
            .as_ref()
            .map_or(String::new(), |id| id.as_str().to_owned()),
        head.issued_on.to_string(),
        head.due_on.map_or(String::new(), |day| day.to_string()),
        moment(one.period_start),
        moment(one.period_end),
        one.currency.clone(),
        money(one.net_minor),
        money(one.vat_minor),
        money(one.total_minor),
        money(one.paid_minor),
        money(one.credited_minor),
        money(one.balance_minor()),
        one.corrects_number.clone().unwrap_or_default(),
        one.stripe_invoice_id.clone().unwrap_or_default(),
    ];
    values.map(|value| quoted(&value)).join(",")
}

/// A value as a field of CSV (RFC 4180). What a spreadsheet would take for a formula and is no number is marked as
/// text.
fn quoted(value: &str) -> String {
    let is_number = value.parse::<f64>().is_ok();
    let formula = !is_number && value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if formula {
        format!("'{value}")
    } else {
        value.to_owned()
    };
    match value.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_and_formulas_are_text() {
        assert_eq!(quoted("Tasse & Co"), "Tasse & Co");
        assert_eq!(quoted("Zoé, \"Léo\""), "\"Zoé, \"\"Léo\"\"\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("-12.30"), "-12.30");
    }
}
