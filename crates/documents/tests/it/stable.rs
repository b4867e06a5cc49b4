//! The same document gives the same bytes.

use documents::{Logo, MAX_LOGO_BYTES, RenderError, cii_xml, render};
use domain::invoice::Document;

use crate::samples;

#[test]
fn a_document_that_went_through_json_gives_the_same_bytes() {
    for document in [
        samples::french_invoice(),
        samples::credit_note(),
        samples::long_invoice(80),
    ] {
        let first = render(&document, None).unwrap();
        let json = serde_json::to_string(&document).unwrap();
        let read: Document = serde_json::from_str(&json).unwrap();
        assert_eq!(read, document);
        assert!(render(&read, None).unwrap() == first);
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
        render(&dinars, None),
        Err(RenderError::TooManyDecimals(_))
    ));
}

#[test]
fn text_that_no_font_has_and_names_without_end_still_make_a_page() {
    let mut document = samples::french_invoice();
    document.head.buyer.name = "株式会社 🦊 \u{7}".repeat(20);
    document.head.seller.trading_name = Some("W".repeat(200));
    document.lines[0].description = "\u{0}".to_owned() + &"x".repeat(3_000);
    let files = render(&document, None).unwrap();
    assert!(files.pdf.starts_with(b"%PDF-1.7"));
}

const LOGO: &[u8] = include_bytes!("../logo.png");

#[test]
fn a_logo_stands_on_the_page_and_the_bytes_are_the_same_each_time() {
    let document = samples::french_invoice();
    let with_logo = || render(&document, Some(&Logo::read(LOGO).unwrap())).unwrap();
    let (first, without) = (with_logo(), render(&document, None).unwrap());
    assert!(with_logo() == first);
    assert!(first.xml == without.xml && first.pdf != without.pdf);
    let picture = b"/Subtype/Image";
    let has_picture = |pdf: &[u8]| pdf.windows(picture.len()).any(|window| window == picture);
    assert!(has_picture(&first.pdf) && !has_picture(&without.pdf));
}

#[test]
fn what_is_no_picture_or_too_large_is_no_logo() {
    let mut large = LOGO.to_vec();
    large.resize(MAX_LOGO_BYTES + 1, 0);
    let mut cut = LOGO[..LOGO.len() / 2].to_vec();
    cut.push(0);
    for (bytes, said) in [
        (b"GIF89a".to_vec(), "neither PNG nor JPEG"),
        (large, "are the most"),
        (cut, "the logo"),
        (LOGO[..16].to_vec(), "the logo"),
    ] {
        let error = Logo::read(&bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
