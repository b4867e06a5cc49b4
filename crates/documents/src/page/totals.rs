//! Under the lines: the tax of each rate on the left, the totals on the right.

use domain::invoice::{AdjustmentKind, Kind, VatCategory};

use super::canvas::{Ink, Style};
use super::flow::Flow;
use super::{MARGIN, RIGHT};
use crate::words;

const HEAD: Style = Style::of(7.5, Ink::Grey);
const TEXT: Style = Style::of(9.0, Ink::Black);
/// Where the totals begin.
const TOTALS: f32 = 348.0;
/// Where the figures of the tax end.
const TAXABLE: f32 = 220.0;
const TAX: f32 = 300.0;

pub(super) fn draw(flow: &mut Flow<'_>) {
    let document = flow.document;
    let rows = rows(flow);
    let left = 34.0 + 15.0 * document.totals.groups.len() as f32;
    let right = 17.0 * rows.len() as f32 + 30.0;
    flow.y += 6.0;
    flow.need(left.max(right));
    let top = flow.y;
    let tax_end = taxes(flow, top);
    flow.y = top;
    for (label, amount) in rows {
        flow.left(TOTALS, flow.y, TEXT, &label);
        flow.right(RIGHT, flow.y, TEXT, &amount);
        flow.y += 17.0;
    }
    flow.sheet
        .rule(TOTALS, RIGHT, flow.y - 8.0, 0.8, Ink::Accent);
    flow.y += 8.0;
    let bold = Style::bold(11.0, Ink::Black);
    let label = match document.head.kind {
        Kind::Invoice => flow.say("Amount due", "Montant à payer"),
        Kind::CreditNote { .. } => flow.say("Amount credited", "Montant crédité"),
    };
    flow.left(TOTALS, flow.y, bold, label);
    let due = words::money(document, document.totals.due);
    flow.right(RIGHT, flow.y, bold, &due);
    flow.y = (flow.y + 10.0).max(tax_end);
}

fn rows(flow: &Flow<'_>) -> Vec<(String, String)> {
    let (document, language) = (flow.document, flow.language);
    let totals = &document.totals;
    let figures = |amount: domain::invoice::Minor| {
        words::number(&amount.to_decimal(document.head.currency), language)
    };
    let mut rows = Vec::new();
    for adjustment in &document.adjustments {
        let sign = match adjustment.kind {
            AdjustmentKind::Allowance => "−",
            AdjustmentKind::Charge => "",
        };
        let amount = format!("{sign}{}", figures(adjustment.amount));
        rows.push((adjustment.reason.clone(), amount));
    }
    rows.push((
        flow.say("Total without VAT", "Total HT").to_owned(),
        figures(totals.net),
    ));
    let charged = |category| category == VatCategory::S;
    for group in totals.groups.iter().filter(|g| charged(g.category)) {
        let rate = words::percent(group.rate, language);
        let label = format!("{} {rate}", flow.say("VAT", "TVA"));
        rows.push((label, figures(group.tax)));
    }
    if !totals.groups.iter().any(|group| charged(group.category)) {
        rows.push((flow.say("VAT", "TVA").to_owned(), figures(totals.vat)));
    }
    rows.push((
        flow.say("Total with VAT", "Total TTC").to_owned(),
        figures(totals.gross),
    ));
    if totals.paid.0 != 0 {
        let paid = format!("−{}", figures(totals.paid));
        rows.push((flow.say("Already paid", "Déjà payé").to_owned(), paid));
    }
    rows
}

fn taxes(flow: &mut Flow<'_>, top: f32) -> f32 {
    let (document, language) = (flow.document, flow.language);
    let currency = document.head.currency;
    flow.left(
        MARGIN,
        top,
        HEAD,
        flow.say("VAT summary", "Détail de la TVA"),
    );
    flow.right(TAXABLE, top, HEAD, flow.say("Taxable", "Base HT"));
    flow.right(TAX, top, HEAD, flow.say("VAT", "TVA"));
    flow.sheet.rule(MARGIN, TAX, top + 6.0, 0.5, Ink::Hair);
    let mut y = top + 19.0;
    for group in &document.totals.groups {
        let rate = words::percent(group.rate, language);
        let name = match group.category {
            VatCategory::S => rate,
            VatCategory::Ae => flow.say("Reverse charge", "Autoliquidation").to_owned(),
            VatCategory::O => flow.say("Not subject", "Hors champ").to_owned(),
            VatCategory::E => flow.say("Exempt", "Exonéré").to_owned(),
            _ => rate,
        };
        flow.left(MARGIN, y, TEXT, &name);
        let taxable = words::number(&group.taxable.to_decimal(currency), language);
        flow.right(TAXABLE, y, TEXT, &taxable);
        let tax = words::number(&group.tax.to_decimal(currency), language);
        flow.right(TAX, y, TEXT, &tax);
        y += 15.0;
    }
    y
}
