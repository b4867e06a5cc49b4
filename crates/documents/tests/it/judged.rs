//! What the official rules and others' readers say.

use std::fs;
use std::path::Path;

use documents::{cii_xml, render};
use domain::invoice::{
    Adjustment, AdjustmentKind, Currency, Document, Minor, SellerVat, Vat, VatCategory,
};
use serde_json::Value;
use testkit::foreign::python_env;

use crate::samples::{self, buyer, head, invoice, line, seller, swiss_seller};

fn judge(folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge.py");
    let output = python_env("invoices")
        .unwrap()
        .command(script)
        .arg(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Documents of every VAT category and shape.
fn documents() -> Vec<(&'static str, Document)> {
    let registered_swiss = || {
        let mut seller = swiss_seller();
        seller.vat = SellerVat::Registered {
            vat_id: "CHE123456788MWST".parse().unwrap(),
            oss: false,
        };
        seller
    };
    let mut small = seller();
    small.vat = SellerVat::SmallBusiness {
        tax_number: "303265045".into(),
        text: "TVA non applicable, art. 293 B du CGI".into(),
        vatex: Some("VATEX-FR-FRANCHISE".into()),
        vat_id: None,
    };
    let mut all = vec![
        ("s-home", samples::french_invoice()),
        ("s-destination", invoice(seller(), buyer("FI", None))),
        ("ae", invoice(seller(), buyer("DE", Some("DE123456789")))),
        (
            "ae-greece",
            invoice(seller(), buyer("GR", Some("EL123456789"))),
        ),
        ("o-outside-union", invoice(seller(), buyer("US", None))),
        (
            "o-united-kingdom",
            invoice(seller(), buyer("GB", Some("GB123456789"))),
        ),
        (
            "o-not-subject",
            invoice(swiss_seller(), buyer("FR", Some("FR83404833048"))),
        ),
        ("s-swiss", invoice(registered_swiss(), buyer("LI", None))),
        (
            "o-swiss-abroad",
            invoice(registered_swiss(), buyer("DE", Some("DE123456789"))),
        ),
        ("e-small", invoice(small, buyer("FR", None))),
        ("credit", samples::credit_note()),
        ("long", samples::long_invoice(80)),
        ("mixed", mixed()),
        ("yen", yen()),
    ];
    all.extend(corners());
    all
}

/// Categories that our own sales do not reach, mixed with a discount and a charge.
fn mixed() -> Document {
    let s = |rate: &str| Vat::standard(rate.parse().unwrap());
    let zero = Vat {
        category: VatCategory::Z,
        rate: "0".parse().unwrap(),
        exemption: None,
    };
    let exempt = Vat::without(VatCategory::E, "Exempt: training", Some("VATEX-EU-132-1I"));
    let export = Vat::without(VatCategory::G, "Export outside the EU", Some("VATEX-EU-G"));
    let lines = vec![
        line("Pictures", "3", "0.3333", &s("20")),
        line("Prints", "7", "1.005", &s("5.5")),
        line("Book", "1", "9.99", &zero),
        line("Training", "0.5", "120", &exempt),
        line("Export", "2", "15.125", &export),
        line("Taken back", "-1", "0.335", &s("20")),
    ];
    let adjustments = vec![
        Adjustment {
            kind: AdjustmentKind::Allowance,
            reason: "Loyalty".into(),
            amount: Minor(31),
            vat: s("20"),
        },
        Adjustment {
            kind: AdjustmentKind::Charge,
            reason: "Express".into(),
            amount: Minor(205),
            vat: s("5.5"),
        },
    ];
    let head = head(seller(), buyer("FR", Some("FR83404833048")));
    Document::new(head, lines, adjustments, Minor(1_000)).unwrap()
}

fn yen() -> Document {
    let mut head = head(seller(), buyer("JP", None));
    head.currency = "JPY".parse().unwrap();
    let vat = domain::invoice::vat_treatment(&head.seller, &head.buyer, head.period.to).unwrap();
    let lines = vec![line("Pictures", "333", "74.5", &vat)];
    Document::new(head, lines, vec![], Minor::ZERO).unwrap()
}

/// Nothing to pay, paid already, and amounts at the edges of rounding.
fn corners() -> Vec<(&'static str, Document)> {
    let vat = Vat::standard("20".parse().unwrap());
    let made = |lines: Vec<_>, paid| {
        let head = head(seller(), buyer("FR", None));
        Document::new(head, lines, vec![], Minor(paid)).unwrap()
    };
    let mut francs = head(swiss_seller(), buyer("CH", None));
    francs.currency = Currency::CHF;
    let none = domain::invoice::vat_treatment(&francs.seller, &francs.buyer, francs.period.to);
    let lines = vec![line("Images", "1", "29", &none.unwrap())];
    vec![
        ("free", made(vec![line("Images", "100", "0", &vat)], 0)),
        ("paid", made(vec![line("Images", "1", "10", &vat)], 1_200)),
        ("tiny", made(vec![line("Images", "1", "0.005", &vat)], 0)),
        (
            "large",
            made(vec![line("Images", "99999999", "9999.99", &vat)], 0),
        ),
        (
            "francs",
            Document::new(francs, lines, vec![], Minor::ZERO).unwrap(),
        ),
    ]
}

#[test]
fn every_kind_of_document_passes_the_official_rules_and_reads_back_from_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let documents = documents();
    for (name, document) in &documents {
        // Half of them with a logo, which PDF/A must allow as well.
        let logo = document.head.buyer.address.country.as_str() == "FR";
        let logo = logo.then(|| documents::Logo::read(include_bytes!("../logo.png")).unwrap());
        let files = render(document, logo.as_ref()).unwrap();
        fs::write(folder.path().join(format!("{name}.xml")), files.xml).unwrap();
        fs::write(folder.path().join(format!("{name}.pdf")), files.pdf).unwrap();
    }
    let said = judge(folder.path());
    assert_eq!(said.as_object().unwrap().len(), documents.len());
    for (name, document) in &documents {
        let said = &said[name];
        assert_eq!(said["rules"], serde_json::json!([]), "{name}");
        assert_eq!(said["schema"], serde_json::json!([]), "{name}");
        let page = &said["page"];
        assert_eq!(page["attachment"], "factur-x.xml", "{name}");
        assert_eq!(page["same_xml"], true, "{name}");
        assert_eq!(page["relationship"], "/Alternative", "{name}");
        assert_eq!(page["mime"], "/text/xml", "{name}");
        assert_eq!(page["pdfa"], "3B", "{name}");
        assert_eq!(
            (&page["schemas"], &page["output_intents"]),
            (&1.into(), &1.into())
        );
        assert_eq!(
            (&page["embedded"], &page["encrypted"]),
            (&true.into(), &false.into())
        );
        let properties = serde_json::json!({"DocumentType": "INVOICE", "DocumentFileName": "factur-x.xml",
            "Version": "1.0", "ConformanceLevel": "EN 16931"});
        assert_eq!(page["properties"], properties, "{name}");
        let text = page["text"].to_string();
        assert!(
            text.contains(document.head.number.as_deref().unwrap()),
            "{name}: {text}"
        );
    }
    let words = |name: &str| said[name]["page"]["text"].to_string();
    assert!(words("ae").contains("Reverse charge"));
    assert!(words("s-home").contains("indemnité forfaitaire de 40"));
    assert!(!words("o-not-subject").contains("FR40303265045"));
    assert!(said["long"]["page"]["pages"].as_u64().unwrap() > 2);
    assert!(words("long").contains("Brought forward"));
}

/// The judge is worth something only if it can say no: each rule here is broken on purpose.
#[test]
fn the_judge_names_each_rule_that_is_broken() {
    let xml = |document: &Document| cii_xml(document).unwrap();
    let home = xml(&samples::french_invoice());
    let ae = xml(&invoice(seller(), buyer("DE", Some("DE123456789"))));
    let o = xml(&invoice(swiss_seller(), buyer("FR", None)));
    let cut = |xml: &str, from: &str, to: &str| {
        let (start, end) = (xml.find(from).unwrap(), xml.find(to).unwrap() + to.len());
        format!("{}{}", &xml[..start], &xml[end..])
    };
    let vat_id = "<ram:SpecifiedTaxRegistration>\n          <ram:ID schemeID=\"VA\">";
    let broken = [
        (
            "BR-CO-10",
            home.replace(
                ">99.00</ram:LineTotalAmount>",
                ">98.00</ram:LineTotalAmount>",
            ),
        ),
        (
            "BR-CO-13",
            home.replace("TaxBasisTotalAmount>903.33", "TaxBasisTotalAmount>904.33"),
        ),
        (
            "BR-CO-14",
            home.replace("currencyID=\"EUR\">180.67", "currencyID=\"EUR\">181.67"),
        ),
        (
            "BR-CO-15",
            home.replace("GrandTotalAmount>1084.00", "GrandTotalAmount>1085.00"),
        ),
        (
            "BR-CO-16",
            home.replace("DuePayableAmount>1084.00", "DuePayableAmount>1083.00"),
        ),
        (
            "BR-CO-17",
            home.replace("CalculatedAmount>180.67", "CalculatedAmount>182.67"),
        ),
        (
            "BR-S-08",
            home.replace("BasisAmount>903.33", "BasisAmount>913.33"),
        ),
        (
            "BR-AE-10",
            cut(
                &cut(&ae, "<ram:ExemptionReason>", "</ram:ExemptionReason>"),
                "<ram:ExemptionReasonCode>",
                "</ram:ExemptionReasonCode>",
            ),
        ),
        (
            "BR-AE-05",
            ae.replacen(
                "<ram:RateApplicablePercent>0<",
                "<ram:RateApplicablePercent>19<",
                1,
            ),
        ),
        (
            "BR-O-10",
            cut(
                &cut(&o, "<ram:ExemptionReason>", "</ram:ExemptionReason>"),
                "<ram:ExemptionReasonCode>",
                "</ram:ExemptionReasonCode>",
            ),
        ),
        ("BR-S-02", home.replace(vat_id, &vat_id.replace("VA", "ZZ"))),
        (
            "BR-DEC-12",
            home.replace(
                "TaxBasisTotalAmount>903.33<",
                "TaxBasisTotalAmount>903.330<",
            ),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (rule, xml) in &broken {
        fs::write(folder.path().join(format!("{rule}.xml")), xml).unwrap();
    }
    let said = judge(folder.path());
    for (rule, _) in &broken {
        let rules = said[rule]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|found| found == rule), "{rule}: {said:#}");
    }
}
