//! `atelier invoice`: closing periods, and everything that happens to an invoice.

mod close;
mod export;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use domain::invoice::{Currency, Document, UnitPrice};
use domain::{BrandId, Clock};
use serde_json::json;
use service::SystemClock;
use store::Database;
use store::invoices::{self, Credit, CreditPart, Filter, InvoiceSummary, Payment};

use crate::args::{InvoiceCommand, Which};
use crate::{output, stores};

/// Who the log says it was.
const ACTOR: &str = "cli";

pub(super) async fn run(command: InvoiceCommand) -> anyhow::Result<()> {
    let now = SystemClock.now();
    match command {
        InvoiceCommand::Close {
            now: at,
            brand,
            grace_s,
            json,
            database,
        } => {
            let db = stores::database(&database).await?;
            close::run(&db, at.unwrap_or(now), brand.map(BrandId), grace_s, json).await
        }
        InvoiceCommand::Preview {
            brand,
            json,
            database,
        } => {
            preview(
                &stores::database(&database).await?,
                now,
                BrandId(brand),
                json,
            )
            .await
        }
        InvoiceCommand::List {
            which,
            limit,
            database,
        } => {
            let db = stores::database(&database).await?;
            for one in invoices::list(&db, &filter(&which)?, limit).await? {
                output::data(&line(&one, now));
            }
            Ok(())
        }
        InvoiceCommand::Show { invoice, database } => {
            let db = stores::database(&database).await?;
            let found = invoices::find(&db, &invoice).await?;
            output::json(&found.with_context(|| format!("there is no invoice {invoice}"))?)
        }
        InvoiceCommand::Export {
            which,
            from,
            until,
            format,
            database,
        } => {
            let db = stores::database(&database).await?;
            export::run(&db, &filter(&which)?, (from, until), format).await
        }
        InvoiceCommand::Uncollectible {
            invoice,
            reason,
            database,
        } => {
            let db = stores::database(&database).await?;
            let given_up = invoices::uncollectible(&db, now, &invoice, &reason, ACTOR).await?;
            let said = if given_up {
                "is given up"
            } else {
                "was given up before"
            };
            output::data(&format!("{invoice} {said}"));
            Ok(())
        }
        other => change(now, other).await,
    }
}

/// The commands that give back or book money.
async fn change(now: DateTime<Utc>, command: InvoiceCommand) -> anyhow::Result<()> {
    match command {
        InvoiceCommand::Credit {
            invoice,
            reason,
            lines,
            reference,
            database,
        } => {
            let parts = lines
                .iter()
                .map(|line| part(line))
                .collect::<Result<_, _>>()?;
            let credit = Credit {
                invoice,
                parts,
                reason,
                reference,
            };
            let db = stores::database(&database).await?;
            let issued = invoices::credit(&db, now, &credit, ACTOR).await?;
            output::json(&json!({
                "credit_note": issued.number, "id": issued.id,
                "total_minor": issued.total_minor, "currency": issued.currency,
            }))
        }
        InvoiceCommand::Void {
            invoice,
            reason,
            reissue,
            database,
        } => {
            let db = stores::database(&database).await?;
            let voided = invoices::void(&db, now, &invoice, &reason, reissue, ACTOR).await?;
            output::json(&json!({
                "void": invoice, "credit_note": voided.credit_note.number, "reissue": voided.reissue,
            }))
        }
        InvoiceCommand::Pay {
            invoice,
            amount,
            reference,
            method,
            received_at,
            database,
        } => {
            let db = stores::database(&database).await?;
            let found = invoices::find(&db, &invoice).await?;
            let found = found.with_context(|| format!("there is no invoice {invoice}"))?;
            let payment = Payment {
                amount_minor: minor(&amount, found.document.head.currency)?,
                invoice,
                method,
                reference,
                received_at: received_at.unwrap_or(now),
            };
            output::json(&invoices::pay(&db, now, &payment, ACTOR).await?)
        }
        _ => Ok(()),
    }
}

async fn preview(
    db: &Database,
    now: DateTime<Utc>,
    brand: BrandId,
    as_json: bool,
) -> anyhow::Result<()> {
    let known = store::quota::of_brand(db, now, &brand).await?;
    known.with_context(|| format!("there is no brand {brand}"))?;
    let previews = invoices::preview(db, now, &brand).await?;
    if as_json {
        return output::json(&previews);
    }
    for one in &previews {
        let (from, until) = (one.period_start.date_naive(), one.period_end.date_naive());
        output::data(&format!("{brand}  {from} to {until}"));
        match &one.document {
            Some(document) => print_document(document),
            None => output::data("  nothing to bill"),
        }
    }
    Ok(())
}

fn print_document(document: &Document) {
    let currency = document.head.currency;
    for line in &document.lines {
        let quantity = line.quantity.to_decimal();
        let price = line.unit_price.to_decimal(currency.exponent());
        let net = line.net.to_decimal(currency);
        let described = &line.description;
        output::data(&format!(
            "  {quantity:>8} × {price:<12} {net:>12}  {described}"
        ));
    }
    let totals = &document.totals;
    let amounts = [
        ("net", totals.net),
        ("VAT", totals.vat),
        ("total", totals.gross),
    ];
    for (name, amount) in amounts {
        let amount = amount.to_decimal(currency);
        output::data(&format!("  {name:>23} {amount:>12}  {currency}"));
    }
}

/// One invoice as a line: number, state, brand, total, what is left, days.
fn line(one: &InvoiceSummary, now: DateTime<Utc>) -> String {
    let amount = |minor: i64| amount(minor, &one.currency);
    let day =
        |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), |at| at.date_naive().to_string());
    let state = match one.is_past_due(now) {
        true => "past_due".to_owned(),
        false => one.state.to_string(),
    };
    format!(
        "{}  {state:<13} {:<11} {}  {} {}  left {}  issued {}  due {}",
        one.name(),
        one.kind.as_str(),
        one.brand_id,
        amount(one.total_minor),
        one.currency,
        amount(one.balance_minor()),
        day(one.issued_at),
        day(one.due_at),
    )
}

/// An amount as a decimal of its currency.
fn amount(minor: i64, currency: &str) -> String {
    match currency.parse::<Currency>() {
        Ok(currency) => domain::invoice::Minor(minor).to_decimal(currency),
        Err(_) => minor.to_string(),
    }
}

fn filter(which: &Which) -> anyhow::Result<Filter> {
    Ok(Filter {
        brand: which.brand.clone().map(BrandId),
        state: which.state.as_deref().map(str::parse).transpose()?,
        kind: which.kind.as_deref().map(str::parse).transpose()?,
        issued_only: false,
        after: None,
    })
}

/// `2` or `2:5`.
fn part(text: &str) -> anyhow::Result<CreditPart> {
    let (position, quantity) = match text.split_once(':') {
        Some((position, quantity)) => (position, Some(quantity)),
        None => (text, None),
    };
    let wrong = || format!("--line {text}: expected a position, and perhaps a quantity: 2 or 2:5");
    Ok(CreditPart {
        position: position.parse().with_context(wrong)?,
        quantity: quantity.map(str::parse).transpose().with_context(wrong)?,
    })
}

/// `34.80` in minor units of a currency; no more decimals than it has.
fn minor(text: &str, currency: Currency) -> anyhow::Result<i64> {
    let e10 = text.parse::<UnitPrice>()?.e10();
    let scale = 10_i64.pow(10_u32.saturating_sub(currency.exponent()));
    match e10 {
        Some(e10) if e10 % scale == 0 => Ok(e10 / scale),
        _ => bail!(
            "{text} is not an amount of {currency}, which has {} decimals",
            currency.exponent()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_lines_are_read_exactly() {
        assert_eq!(minor("34.80", Currency::EUR).unwrap(), 3_480);
        assert_eq!(minor("34.8", Currency::EUR).unwrap(), 3_480);
        assert_eq!(minor("1200", "JPY".parse().unwrap()).unwrap(), 1_200);
        assert!(minor("34.805", Currency::EUR).is_err());
        assert!(minor("34,80", Currency::EUR).is_err());
        let found = part("2:5").unwrap();
        assert_eq!((found.position, found.quantity), (2, Some(5)));
        assert_eq!(part("3").unwrap().quantity, None);
        assert!(part("two").is_err());
    }
}
