//! The same document gives the same bytes.

use documents::{RenderError, cii_xml, render};
use domain::invoice::Document;

use crate::samples;

#[test]
fn a_document_that_went_through_json_gives_the_same_bytes() {
    for document in [
        samples::french_invoice(),
        samples::credit_note(),
        samples::long_invoice(80),
    ] {
        let first = render(&document).unwrap();
        let json = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&json).unwrap();
        assert_eq!(read, document);
        assert!(render(&read).unwrap() == first);
    }
}

#[test]
fn a_draft_and_a_third_decimal_are_refused() {
    let mut draft = samples::french_invoice();
    draft.head.number = None;
    assert!(matches!(cii_xml(&draft), Err(RenderError::NoNumber)));
    let mut dinars = samples::french_invoice();
    dinars.head.currency = "BHD".parse().unwrap();
    assert!(matches!(
        render(&dinars),
        Err(RenderError::TooManyDecimals(_))
    ));
}

#[test]
fn text_that_no_font_has_and_names_without_end_still_make_a_page() {
    let mut document = samples::french_invoice();
    document.head.buyer.name = "株式会社 🦊 \u{7}".repeat(20);
    document.head.seller.trading_name = Some("W".repeat(200));
    document.lines[0].description = "\u{0}".to_owned() + &"x".repeat(3_000);
    let files = render(&document).unwrap();
    assert!(files.pdf.starts_with(b"%PDF-1.7"));
}
