//! The top of the first page: mark, title, parties, dates, and what is to be paid.

use domain::invoice::{Address, Kind, Registration};

use super::canvas::{Ink, Style};
use super::flow::Flow;
use super::{MARGIN, RIGHT};
use crate::logo::Logo;
use crate::words;

const LABEL: Style = Style::of(7.5, Ink::Grey);
const TEXT: Style = Style::of(9.0, Ink::Black);
const NAME: Style = Style::bold(9.5, Ink::Black);
/// Where the second and third column begin.
const BUYER: f32 = 218.0;
const FACTS: f32 = 388.0;

pub(super) fn draw(flow: &mut Flow<'_>, logo: Option<&Logo>) {
    mark_and_title(flow, logo);
    let top = flow.y;
    let seller_end = seller(flow, top);
    let buyer_end = buyer(flow, top);
    let facts_end = facts(flow, top);
    flow.y = seller_end.max(buyer_end).max(facts_end) + 14.0;
    amount_due(flow);
}

/// How high the mark or the logo stands.
const MARK: f32 = 36.0;
/// How wide a logo may be.
const LOGO_WIDTH: f32 = 210.0;

fn mark_and_title(flow: &mut Flow<'_>, logo: Option<&Logo>) {
    match logo {
        Some(logo) => {
            let (width, height) = logo.fitted(LOGO_WIDTH, MARK + 8.0);
            let top = flow.y + (MARK - height) / 2.0;
            flow.sheet.picture(logo, (MARGIN, top, width, height));
        }
        None => mark(flow),
    }
    let title = words::title(flow.document);
    flow.right(RIGHT, flow.y + 26.0, Style::bold(24.0, Ink::Accent), title);
    flow.y += MARK + 34.0;
}

/// Where there is no logo: the initial of the seller's name in a square, and the name.
fn mark(flow: &mut Flow<'_>) {
    let seller = &flow.document.head.seller;
    let name = words::trading_name(seller).to_owned();
    let initial: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    flow.sheet
        .filled((MARGIN, flow.y, MARK, MARK), 8.0, Ink::Accent);
    let letter = Style::bold(20.0, Ink::White);
    let width = flow.shape(&initial).width * letter.size;
    let (x, y) = (MARGIN + (MARK - width) / 2.0, flow.y + 25.2);
    flow.left(x, y, letter, &initial);
    let name_lines = flow.wrap(&name, 16.0, 250.0);
    let first = name_lines.first().cloned().unwrap_or_default();
    let (x, y) = (MARGIN + MARK + 11.0, flow.y + 24.0);
    flow.left(x, y, Style::bold(16.0, Ink::Black), &first);
}

fn column(flow: &mut Flow<'_>, x: f32, width: f32, y: f32, style: Style, text: &str) -> f32 {
    let mut y = y;
    for line in flow.wrap(text, style.size, width) {
        flow.left(x, y, style, &line);
        y += style.size * 1.36;
    }
    y
}

fn party(
    flow: &mut Flow<'_>,
    (x, width, top): (f32, f32, f32),
    (label, name): (&str, &str),
    details: &[String],
) -> f32 {
    flow.left(x, top, LABEL, label);
    let mut y = column(flow, x, width, top + 14.0, NAME, name);
    for detail in details {
        y = column(flow, x, width, y, TEXT, detail);
    }
    y
}

fn address_lines(
    address: &Address,
    abroad: bool,
    language: domain::invoice::Language,
) -> Vec<String> {
    let mut lines = address.lines.clone();
    let city = format!("{} {}", address.postcode, address.city);
    lines.push(city.trim().to_owned());
    lines.extend(address.region.clone());
    if abroad {
        lines.push(words::country(address.country, language));
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn registered(registrations: &[Registration]) -> impl Iterator<Item = String> + '_ {
    registrations
        .iter()
        .map(|entry| format!("{}\u{a0}{}", entry.label, entry.id))
}

fn seller(flow: &mut Flow<'_>, top: f32) -> f32 {
    let head = &flow.document.head;
    let (seller, language) = (&head.seller, flow.language);
    let mut details = address_lines(&seller.address, true, language);
    let vat = flow.say("VAT", "TVA");
    details.extend(seller.vat_id().map(|id| format!("{vat}\u{a0}{id}")));
    details.extend(registered(&seller.registrations).take(1));
    details.extend(seller.contact.email.clone());
    let name = seller.name.clone();
    let label = flow.say("From", "Émetteur");
    party(flow, (MARGIN, 150.0, top), (label, &name), &details)
}

fn buyer(flow: &mut Flow<'_>, top: f32) -> f32 {
    let head = &flow.document.head;
    let (buyer, language) = (&head.buyer, flow.language);
    let mut details = address_lines(&buyer.address, true, language);
    let vat = flow.say("VAT", "TVA");
    details.extend(buyer.vat_id.iter().map(|id| format!("{vat}\u{a0}{id}")));
    details.extend(registered(&buyer.registrations));
    details.extend(buyer.contact.name.clone());
    let name = buyer.name.clone();
    let label = flow.say("Billed to", "Facturé à");
    party(flow, (BUYER, 152.0, top), (label, &name), &details)
}

fn facts(flow: &mut Flow<'_>, top: f32) -> f32 {
    let (head, language) = (&flow.document.head, flow.language);
    let mut rows: Vec<(&str, String)> = vec![
        (
            flow.say("Number", "Numéro"),
            head.number.clone().unwrap_or_default(),
        ),
        (
            flow.say("Issued", "Date d’émission"),
            words::day(head.issued_on, language),
        ),
    ];
    if let Kind::CreditNote { corrects } = &head.kind {
        let (number, day) = (&corrects.number, words::day(corrects.issued_on, language));
        let of = flow.say("of", "du");
        rows.push((
            flow.say("Corrects", "Corrige"),
            format!("{number} {of} {day}"),
        ));
    } else if let Some(due) = head.due_on {
        rows.push((flow.say("Due", "Échéance"), words::day(due, language)));
    }
    rows.push((
        flow.say("Period", "Période"),
        words::period(head.period, language),
    ));
    if let Some(reference) = &head.buyer.reference {
        rows.push((
            flow.say("Your reference", "Votre référence"),
            reference.clone(),
        ));
    }
    if let Some(order) = &head.buyer.order_number {
        rows.push((flow.say("Order", "Commande"), order.clone()));
    }
    let mut y = top;
    for (label, value) in rows {
        flow.left(FACTS, y, LABEL, label);
        y = column(flow, FACTS, RIGHT - FACTS, y + 11.5, TEXT, &value) + 3.5;
    }
    y - 6.0
}

/// The one number most readers look for.
fn amount_due(flow: &mut Flow<'_>) {
    let document = flow.document;
    let credit = document.head.kind != Kind::Invoice;
    let mut label = match credit {
        true => flow.say("Credited to you", "Montant crédité").to_owned(),
        false => flow.say("Amount due", "Montant à payer").to_owned(),
    };
    if let Some(due) = document.head.due_on.filter(|_| !credit) {
        let by = flow.say("by", "au plus tard le");
        label = format!("{label} {by} {}", words::day(due, flow.language));
    }
    let height = 34.0;
    flow.sheet
        .filled((MARGIN, flow.y, RIGHT - MARGIN, height), 5.0, Ink::Tint);
    let y = flow.y + 21.0;
    flow.left(MARGIN + 12.0, y, Style::of(9.5, Ink::Black), &label);
    let amount = words::money(document, document.totals.due);
    flow.right(
        RIGHT - 12.0,
        y + 0.8,
        Style::bold(14.0, Ink::Accent),
        &amount,
    );
    flow.y += height + 24.0;
}
