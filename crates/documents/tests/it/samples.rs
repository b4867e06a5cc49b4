//! Documents to judge.

use domain::Metric;
use domain::invoice::{
    Address, Bank, Buyer, Contact, Currency, Document, Head, Kind, Language, LineInput, Minor,
    Period, Quantity, Reference, Registration, Seller, SellerVat, Terms, Unit, Vat, vat_treatment,
};

pub(crate) fn seller() -> Seller {
    Seller {
        name: "Atelier Exemple SAS".into(),
        trading_name: Some("Atelier".into()),
        legal_form: Some("SAS au capital de 10 000 €".into()),
        logo: None,
        address: Address {
            lines: vec!["12 rue des Lilas".into(), "Bâtiment B".into()],
            postcode: "75011".into(),
            city: "Paris".into(),
            region: None,
            country: "FR".parse().unwrap(),
        },
        registrations: vec![Registration {
            label: "SIREN".into(),
            id: "303265045".into(),
            scheme: Some("0002".into()),
        }],
        vat: SellerVat::Registered {
            vat_id: "FR40303265045".parse().unwrap(),
            oss: true,
        },
        contact: Contact {
            name: Some("Comptabilité".into()),
            email: Some("facturation@atelier.example".into()),
            phone: Some("+33 1 23 45 67 89".into()),
        },
        bank: Some(Bank {
            iban: "FR7630006000011234567890189".into(),
            bic: Some("AGRIFRPP".into()),
            name: Some("Crédit Exemple".into()),
        }),
        terms: Terms {
            payment_days: 30,
            notes: vec![],
        },
    }
}

pub(crate) fn swiss_seller() -> Seller {
    Seller {
        name: "Atelier Modèle Sàrl".into(),
        trading_name: None,
        legal_form: None,
        logo: None,
        address: Address {
            lines: vec!["Rue du Lac 5".into()],
            postcode: "1003".into(),
            city: "Lausanne".into(),
            region: None,
            country: "CH".parse().unwrap(),
        },
        registrations: vec![Registration {
            label: "UID".into(),
            id: "CHE-123.456.788".into(),
            scheme: None,
        }],
        vat: SellerVat::NotSubject { tax_number: None },
        contact: Contact::default(),
        bank: Some(Bank {
            iban: "CH9300762011623852957".into(),
            bic: None,
            name: None,
        }),
        terms: Terms {
            payment_days: 14,
            notes: vec!["Thank you for your business.".into()],
        },
    }
}

pub(crate) fn buyer(country: &str, vat_id: Option<&str>) -> Buyer {
    Buyer {
        name: "Boutique Zoé & Léo <Cadeaux>".into(),
        address: Address {
            lines: vec!["1 place du Marché".into()],
            postcode: "69001".into(),
            city: "Lyon".into(),
            region: None,
            country: country.parse().unwrap(),
        },
        registrations: vec![],
        vat_id: vat_id.map(|id| id.parse().unwrap()),
        contact: Contact {
            name: None,
            email: Some("compta@zoe.example".into()),
            phone: None,
        },
        language: if country == "FR" {
            Language::Fr
        } else {
            Language::En
        },
        reference: Some("ACHATS-2026".into()),
        order_number: None,
    }
}

pub(crate) fn line(description: &str, quantity: &str, price: &str, vat: &Vat) -> LineInput {
    LineInput {
        description: description.into(),
        metric: None,
        period: None,
        quantity: quantity.parse().unwrap(),
        unit: Unit::Piece,
        unit_price: price.parse().unwrap(),
        vat: vat.clone(),
    }
}

pub(crate) fn november() -> Period {
    Period::half_open("2026-11-01".parse().unwrap(), "2026-12-01".parse().unwrap())
}

pub(crate) fn head(seller: Seller, buyer: Buyer) -> Head {
    Head {
        kind: Kind::Invoice,
        number: Some("INV-2026-000042".into()),
        issued_on: "2026-12-01".parse().unwrap(),
        due_on: Some("2026-12-31".parse().unwrap()),
        period: november(),
        currency: Currency::EUR,
        seller,
        buyer,
        notes: vec![],
    }
}

fn monthly(vat: &Vat, language: Language) -> Vec<LineInput> {
    let mut lines = vec![
        line(
            language.pick(
                "Plan Professional, 100 pictures included",
                "Offre Professional, 100 images incluses",
            ),
            "1",
            "99.00",
            vat,
        ),
        line(
            language.pick(
                "Pictures beyond those included",
                "Images au-delà de celles incluses",
            ),
            "1240",
            "0.60",
            vat,
        ),
        line(
            language.pick(
                "Late usage of October: pictures",
                "Consommation tardive d’octobre : images",
            ),
            "17",
            "0.60",
            vat,
        ),
        line(
            language.pick("API calls", "Appels de l’API"),
            "125317",
            "0.0004",
            vat,
        ),
    ];
    lines[0].unit = Unit::Month;
    lines[1].metric = Some(Metric::Generation);
    lines[2].period = Some(Period::half_open(
        "2026-10-01".parse().unwrap(),
        "2026-11-01".parse().unwrap(),
    ));
    lines
}

/// A monthly invoice between these two, taxed as their places say.
pub(crate) fn invoice(seller: Seller, buyer: Buyer) -> Document {
    let head = head(seller, buyer);
    let vat = vat_treatment(&head.seller, &head.buyer, head.period.to).unwrap();
    let lines = monthly(&vat, head.buyer.language);
    Document::new(head, lines, vec![], Minor::ZERO).unwrap()
}

pub(crate) fn french_invoice() -> Document {
    invoice(seller(), buyer("FR", Some("FR83404833048")))
}

pub(crate) fn credit_note() -> Document {
    let mut head = head(seller(), buyer("FR", None));
    head.kind = Kind::CreditNote {
        corrects: Reference {
            number: "INV-2026-000042".into(),
            issued_on: "2026-12-01".parse().unwrap(),
        },
    };
    head.number = Some("CN-2026-000003".into());
    head.due_on = Some(head.issued_on);
    let vat = vat_treatment(&head.seller, &head.buyer, head.period.to).unwrap();
    let lines = vec![line(
        "Images au-delà de celles incluses",
        "40",
        "0.60",
        &vat,
    )];
    Document::new(head, lines, vec![], Minor::ZERO).unwrap()
}

pub(crate) fn long_invoice(lines: usize) -> Document {
    let head = head(seller(), buyer("DE", Some("DE123456789")));
    let vat = vat_treatment(&head.seller, &head.buyer, head.period.to).unwrap();
    let lines = (1..=lines)
        .map(|n| {
            let mut line = line(
                &format!("Pictures of product {n:03}, ordered through the shop"),
                "3.5",
                "0.60",
                &vat,
            );
            line.quantity = Quantity::whole(i64::try_from(n).unwrap());
            line
        })
        .collect();
    Document::new(head, lines, vec![], Minor::ZERO).unwrap()
}
