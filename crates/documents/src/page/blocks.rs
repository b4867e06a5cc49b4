//! How to pay, and what the law wants said.

use domain::invoice::{Kind, legal_notes};

use super::canvas::{Ink, Style};
use super::flow::Flow;
use super::{MARGIN, RIGHT};
use crate::words;

const LABEL: Style = Style::of(7.5, Ink::Grey);
const TEXT: Style = Style::of(9.0, Ink::Black);
const NOTE: Style = Style::of(8.0, Ink::Grey);

pub(super) fn payment_and_notes(flow: &mut Flow<'_>) {
    flow.y += 30.0;
    if flow.document.head.kind == Kind::Invoice {
        payment(flow);
    }
    notes(flow);
}

fn payment(flow: &mut Flow<'_>) {
    let document = flow.document;
    let head = &document.head;
    let mut rows = Vec::new();
    if let Some(bank) = &head.seller.bank {
        rows.push(("IBAN", words::iban(&bank.iban)));
        rows.extend(bank.bic.clone().map(|bic| ("BIC", bic)));
        let name = flow.say("Bank", "Banque");
        rows.extend(bank.name.clone().map(|bank| (name, bank)));
    }
    rows.push((
        flow.say("Reference", "Référence"),
        head.number.clone().unwrap_or_default(),
    ));
    flow.need(26.0 + 14.0 * rows.len() as f32);
    let title = flow.say("Payment", "Règlement");
    flow.left(MARGIN, flow.y, Style::bold(9.5, Ink::Black), title);
    let terms = words::terms(document);
    flow.y += 15.0;
    for line in flow.wrap(&terms, TEXT.size, RIGHT - MARGIN) {
        flow.left(MARGIN, flow.y, TEXT, &line);
        flow.y += 14.0;
    }
    for (label, value) in rows {
        flow.left(MARGIN, flow.y, LABEL, label);
        flow.left(MARGIN + 62.0, flow.y, TEXT, &value);
        flow.y += 14.0;
    }
    flow.y += 8.0;
}

fn notes(flow: &mut Flow<'_>) {
    let document = flow.document;
    let head = &document.head;
    let reasons = document.totals.groups.iter();
    let reasons = reasons.filter_map(|group| Some(group.exemption.as_ref()?.text.clone()));
    let texts = reasons
        .chain(head.notes.iter().cloned())
        .chain(legal_notes(&head.seller, &head.buyer));
    for text in texts {
        let lines = flow.wrap(&text, NOTE.size, RIGHT - MARGIN);
        flow.need(11.0 * lines.len() as f32);
        for line in lines {
            flow.left(MARGIN, flow.y, NOTE, &line);
            flow.y += 11.0;
        }
        flow.y += 4.0;
    }
}
