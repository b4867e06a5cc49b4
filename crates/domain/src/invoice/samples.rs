//! Parties for tests.

use super::*;

pub(super) fn seller_in(country: &str) -> Seller {
    let vat_id = match country {
        "FR" => "FR40303265045",
        "RO" => "RO12345678",
        "CH" => "CHE123456788MWST",
        "GB" => "GB123456789",
        "DE" => "DE123456789",
        other => panic!("no sample number of {other}"),
    };
    Seller {
        name: "Atelier Exemple SAS".into(),
        trading_name: None,
        legal_form: None,
        logo: None,
        address: Address {
            lines: vec!["12 rue des Lilas".into()],
            postcode: "75011".into(),
            city: "Paris".into(),
            region: None,
            country: country.parse().unwrap(),
        },
        registrations: vec![Registration {
            label: "SIREN".into(),
            id: "303265045".into(),
            scheme: Some("0002".into()),
        }],
        vat: SellerVat::Registered {
            vat_id: vat_id.parse().unwrap(),
            oss: false,
        },
        contact: Contact::default(),
        bank: None,
        terms: Terms {
            payment_days: 30,
            notes: vec![],
        },
    }
}

pub(super) fn buyer_in(country: &str, vat_id: Option<&str>) -> Buyer {
    Buyer {
        name: "Boutique Zoé".into(),
        address: Address {
            lines: vec!["1 place du Marché".into()],
            postcode: "69001".into(),
            city: "Lyon".into(),
            region: None,
            country: country.parse().unwrap(),
        },
        registrations: vec![],
        vat_id: vat_id.map(|id| id.parse().unwrap()),
        contact: Contact::default(),
        language: Language::En,
        reference: None,
        order_number: None,
    }
}

pub(super) fn head() -> Head {
    Head {
        kind: Kind::Invoice,
        number: Some("INV-2026-000042".into()),
        issued_on: "2026-12-01".parse().unwrap(),
        due_on: "2026-12-31".parse().ok(),
        period: Period::half_open("2026-11-01".parse().unwrap(), "2026-12-01".parse().unwrap()),
        currency: Currency::EUR,
        seller: seller_in("FR"),
        buyer: buyer_in("DE", Some("DE123456789")),
        notes: vec![],
    }
}
