//! The words on a document, in English and French.

use chrono::{Datelike, NaiveDate};
use domain::invoice::{Country, Document, Kind, Language, Minor, Period, Seller, Unit, VatRate};

/// What the document is.
pub(crate) fn title(document: &Document) -> &'static str {
    let language = document.head.buyer.language;
    match document.head.kind {
        Kind::Invoice => language.pick("Invoice", "Facture"),
        Kind::CreditNote { .. } => language.pick("Credit note", "Avoir"),
    }
}

/// The name a seller is known by.
pub(crate) fn trading_name(seller: &Seller) -> &str {
    seller.trading_name.as_deref().unwrap_or(&seller.name)
}

/// What stands at the foot of each page.
pub(crate) fn imprint(document: &Document) -> String {
    let (seller, language) = (&document.head.seller, document.head.buyer.language);
    let mut parts = vec![seller.name.clone()];
    parts.extend(seller.legal_form.clone());
    let address = &seller.address;
    let city = format!("{} {}", address.postcode, address.city);
    let mut place = address.lines.clone();
    place.extend([city.trim().to_owned(), country(address.country, language)]);
    place.retain(|line| !line.is_empty());
    parts.push(place.join(", "));
    let registered = seller.registrations.iter();
    parts.extend(registered.map(|entry| format!("{}\u{a0}{}", entry.label, entry.id)));
    let vat = language.pick("VAT", "TVA");
    parts.extend(seller.vat_id().map(|id| format!("{vat}\u{a0}{id}")));
    parts.extend(seller.contact.email.clone());
    parts.extend(seller.contact.phone.clone());
    parts.join(" · ")
}

/// A country's name where we know it, else its code.
pub(crate) fn country(country: Country, language: Language) -> String {
    let code = country.as_str();
    COUNTRIES
        .iter()
        .find(|(known, ..)| *known == code)
        .map_or(code, |(_, english, french)| language.pick(english, french))
        .to_owned()
}

/// An IBAN in groups of four.
pub(crate) fn iban(iban: &str) -> String {
    let plain: Vec<char> = iban.chars().filter(|c| !c.is_whitespace()).collect();
    let groups: Vec<String> = plain.chunks(4).map(|four| four.iter().collect()).collect();
    groups.join("\u{a0}")
}

/// A rate: 25.5 %, 25,5 %.
pub(crate) fn percent(rate: VatRate, language: Language) -> String {
    format!("{}\u{a0}%", number(&rate.to_decimal(), language))
}

/// How a document says by when it is to be paid.
pub(crate) fn terms(document: &Document) -> String {
    let head = &document.head;
    let language = head.buyer.language;
    let Some(due) = head.due_on else {
        return String::new();
    };
    let days = (due - head.issued_on).num_days();
    let due = day(due, language);
    match (language, days) {
        (Language::En, ..=0) => format!("Payable on receipt, by {due}."),
        (Language::En, days) => format!("Payable within {days} days, by {due}."),
        (Language::Fr, ..=0) => format!("Payable à réception, au plus tard le {due}."),
        (Language::Fr, days) => format!("Payable à {days} jours, au plus tard le {due}."),
    }
}

/// Country names.
const COUNTRIES: &[(&str, &str, &str)] = &[
    ("AT", "Austria", "Autriche"),
    ("BE", "Belgium", "Belgique"),
    ("BG", "Bulgaria", "Bulgarie"),
    ("CA", "Canada", "Canada"),
    ("CH", "Switzerland", "Suisse"),
    ("CY", "Cyprus", "Chypre"),
    ("CZ", "Czechia", "Tchéquie"),
    ("DE", "Germany", "Allemagne"),
    ("DK", "Denmark", "Danemark"),
    ("EE", "Estonia", "Estonie"),
    ("ES", "Spain", "Espagne"),
    ("FI", "Finland", "Finlande"),
    ("FR", "France", "France"),
    ("GB", "United Kingdom", "Royaume-Uni"),
    ("GR", "Greece", "Grèce"),
    ("HR", "Croatia", "Croatie"),
    ("HU", "Hungary", "Hongrie"),
    ("IE", "Ireland", "Irlande"),
    ("IT", "Italy", "Italie"),
    ("JP", "Japan", "Japon"),
    ("LI", "Liechtenstein", "Liechtenstein"),
    ("LT", "Lithuania", "Lituanie"),
    ("LU", "Luxembourg", "Luxembourg"),
    ("LV", "Latvia", "Lettonie"),
    ("MC", "Monaco", "Monaco"),
    ("MT", "Malta", "Malte"),
    ("NL", "Netherlands", "Pays-Bas"),
    ("NO", "Norway", "Norvège"),
    ("PL", "Poland", "Pologne"),
    ("PT", "Portugal", "Portugal"),
    ("RO", "Romania", "Roumanie"),
    ("SE", "Sweden", "Suède"),
    ("SI", "Slovenia", "Slovénie"),
    ("SK", "Slovakia", "Slovaquie"),
    ("US", "United States", "États-Unis"),
];

const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// A day: 1 December 2026, 1er décembre 2026.
pub(crate) fn day(date: NaiveDate, language: Language) -> String {
    let month = language
        .pick(MONTHS_EN, MONTHS_FR)
        .get(date.month0() as usize)
        .copied()
        .unwrap_or_default();
    let day = match (language, date.day()) {
        (Language::Fr, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    };
    format!("{day}\u{a0}{month}\u{a0}{}", date.year())
}

/// Days from one to another, both included; short, for a line.
pub(crate) fn period(period: Period, language: Language) -> String {
    let short = |date: NaiveDate| date.format("%d/%m/%Y").to_string();
    match language {
        Language::En => format!(
            "{} – {}",
            day(period.from, language),
            day(period.to, language)
        ),
        Language::Fr => format!("du {} au {}", short(period.from), short(period.to)),
    }
}

/// Groups the digits of a decimal text and sets the language's mark: 1,234.50 or 1 234,50.
pub(crate) fn number(decimal: &str, language: Language) -> String {
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", decimal),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let separator = language.pick(",", "\u{a0}");
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push_str(separator);
        }
        grouped.push(digit);
    }
    match fraction {
        "" => format!("{sign}{grouped}"),
        fraction => format!("{sign}{grouped}{}{fraction}", language.pick(".", ",")),
    }
}

/// An amount with its currency: EUR 1,234.50, or 1 234,50 EUR.
pub(crate) fn money(document: &Document, amount: Minor) -> String {
    let (language, currency) = (document.head.buyer.language, document.head.currency);
    let figures = number(&amount.to_decimal(currency), language);
    match language {
        Language::En => format!("{currency}\u{a0}{figures}"),
        Language::Fr => format!("{figures}\u{a0}{currency}"),
    }
}

/// The name of a unit for a column.
pub(crate) fn unit(unit: Unit, language: Language) -> &'static str {
    match unit {
        Unit::Piece => "",
        Unit::Month => language.pick("mo.", "mois"),
        Unit::Day => language.pick("d", "j"),
        Unit::Gigabyte => language.pick("GB", "Go"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_as_the_language_does() {
        for (decimal, english, french) in [
            ("0.05", "0.05", "0,05"),
            ("1234.50", "1,234.50", "1\u{a0}234,50"),
            ("-1234567.00", "−1,234,567.00", "−1\u{a0}234\u{a0}567,00"),
            ("123", "123", "123"),
            ("1000", "1,000", "1\u{a0}000"),
        ] {
            assert_eq!(number(decimal, Language::En), english);
            assert_eq!(number(decimal, Language::Fr), french);
        }
    }

    #[test]
    fn days_are_written_as_the_language_does() {
        let date = "2026-12-01".parse().unwrap();
        assert_eq!(day(date, Language::En), "1\u{a0}December\u{a0}2026");
        assert_eq!(day(date, Language::Fr), "1er\u{a0}décembre\u{a0}2026");
    }
}
