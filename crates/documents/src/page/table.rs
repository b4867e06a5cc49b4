//! The lines. Where they go on over a page, the head of the table and the sum so far are carried over.

use domain::invoice::{Line, Minor, VatCategory};

use super::canvas::{Ink, Style};
use super::flow::Flow;
use super::{MARGIN, RIGHT};
use crate::words;

const HEAD: Style = Style::of(7.5, Ink::Grey);
const TEXT: Style = Style::of(9.0, Ink::Black);
const SMALL: Style = Style::of(7.5, Ink::Grey);
/// Where the columns of figures end.
const QUANTITY: f32 = 348.0;
const PRICE: f32 = 420.0;
const VAT: f32 = 462.0;
const DESCRIPTION_WIDTH: f32 = 238.0;

pub(super) fn draw(flow: &mut Flow<'_>) {
    titles(flow);
    let mut so_far = Minor::ZERO;
    let lines = &flow.document.lines;
    for (index, line) in lines.iter().enumerate() {
        let texts = flow.wrap(&line.description, TEXT.size, DESCRIPTION_WIDTH);
        let height = 12.5 * texts.len() as f32 + if line.period.is_some() { 19.0 } else { 9.0 };
        // The sum so far must fit below the last row of a page.
        if !flow.has_room(height + 16.0) {
            carry(flow, so_far, flow.say("Carried forward", "À reporter"));
            flow.turn();
            titles(flow);
            carry(flow, so_far, flow.say("Brought forward", "Report"));
            flow.sheet.rule(MARGIN, RIGHT, flow.y - 8.0, 0.5, Ink::Hair);
            flow.y += 4.0;
        }
        row(flow, line, &texts);
        so_far = so_far.checked_add(line.net).unwrap_or(so_far);
        let last = index + 1 == lines.len();
        let (ink, width) = if last {
            (Ink::Accent, 0.8)
        } else {
            (Ink::Hair, 0.5)
        };
        flow.sheet.rule(MARGIN, RIGHT, flow.y, width, ink);
        flow.y += 13.0;
    }
}

fn titles(flow: &mut Flow<'_>) {
    let y = flow.y;
    flow.left(MARGIN, y, HEAD, flow.say("Description", "Désignation"));
    flow.right(QUANTITY, y, HEAD, flow.say("Quantity", "Quantité"));
    flow.right(PRICE, y, HEAD, flow.say("Unit price", "Prix unitaire HT"));
    flow.right(VAT, y, HEAD, flow.say("VAT", "TVA"));
    let currency = flow.document.head.currency;
    let net = format!("{} {currency}", flow.say("Net", "Montant HT"));
    flow.right(RIGHT, y, HEAD, &net);
    flow.sheet.rule(MARGIN, RIGHT, y + 7.0, 0.8, Ink::Accent);
    flow.y = y + 21.0;
}

fn row(flow: &mut Flow<'_>, line: &Line, texts: &[String]) {
    let (language, currency) = (flow.language, flow.document.head.currency);
    let first = flow.y;
    let mut y = first;
    for text in texts {
        flow.left(MARGIN, y, TEXT, text);
        y += 12.5;
    }
    if let Some(period) = line.period {
        flow.left(MARGIN, y - 1.0, SMALL, &words::period(period, language));
        y += 10.0;
    }
    let unit = words::unit(line.unit, language);
    let figures = words::number(&line.quantity.to_decimal(), language);
    let quantity = format!("{figures} {unit}");
    flow.right(QUANTITY, first, TEXT, quantity.trim_end());
    let price = line.unit_price.to_decimal(currency.exponent());
    flow.right(PRICE, first, TEXT, &words::number(&price, language));
    let vat = match line.vat.category {
        VatCategory::S => words::percent(line.vat.rate, language),
        VatCategory::O => "–".to_owned(),
        _ => words::percent(line.vat.rate, language),
    };
    flow.right(VAT, first, TEXT, &vat);
    let net = words::number(&line.net.to_decimal(currency), language);
    flow.right(RIGHT, first, TEXT, &net);
    flow.y = y - 4.0;
}

fn carry(flow: &mut Flow<'_>, sum: Minor, label: &str) {
    let figures = sum.to_decimal(flow.document.head.currency);
    let figures = words::number(&figures, flow.language);
    flow.right(VAT, flow.y, SMALL, label);
    flow.right(RIGHT, flow.y, Style::of(9.0, Ink::Grey), &figures);
    flow.y += 17.0;
}
