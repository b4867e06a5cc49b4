//! The XML of EN 16931 in the syntax Cross Industry Invoice (CII), which Factur-X and ZUGFeRD attach to
//! a page.
//!
//! The document's own numbers are written as they are; nothing is computed here. The bytes depend on the
//! document alone. What the standard cannot carry is refused: more than two decimals (BR-DEC), and a
//! document without a number.

mod header;
mod lines;
mod xml;

use domain::invoice::{Document, Minor, VatCategory};

use crate::error::RenderError;
use xml::Xml;

/// What the XML conforms to (BT-24): the core standard, which is Factur-X's profile EN 16931.
pub const GUIDELINE: &str = "urn:cen.eu:en16931:2017";

const NAMESPACES: [(&str, &str); 4] = [
    (
        "xmlns:rsm",
        "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    ),
    (
        "xmlns:qdt",
        "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    ),
    (
        "xmlns:ram",
        "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    ),
    (
        "xmlns:udt",
        "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    ),
];

/// A document as EN 16931 XML, UTF-8.
///
/// # Errors
/// [`RenderError::NoNumber`] for a draft, [`RenderError::TooManyDecimals`] for a currency with three.
pub fn cii_xml(document: &Document) -> Result<String, RenderError> {
    let head = &document.head;
    let number = head.number.as_deref().ok_or(RenderError::NoNumber)?;
    if head.currency.exponent() > 2 {
        return Err(RenderError::TooManyDecimals(head.currency));
    }
    let mut xml = Xml::new();
    xml.element("rsm:CrossIndustryInvoice", &NAMESPACES, |xml| {
        xml.within("rsm:ExchangedDocumentContext", |xml| {
            xml.within("ram:GuidelineSpecifiedDocumentContextParameter", |xml| {
                xml.text("ram:ID", GUIDELINE);
            });
        });
        xml.within("rsm:ExchangedDocument", |xml| {
            xml.text("ram:ID", number);
            xml.text("ram:TypeCode", head.kind.code());
            xml.within("ram:IssueDateTime", |xml| {
                xml.date("udt:DateTimeString", head.issued_on);
            });
            let notes = domain::invoice::legal_notes(&head.seller, &head.buyer);
            for note in head.notes.iter().chain(&notes) {
                xml.within("ram:IncludedNote", |xml| xml.text("ram:Content", note));
            }
        });
        xml.within("rsm:SupplyChainTradeTransaction", |xml| {
            for (index, line) in document.lines.iter().enumerate() {
                lines::line(xml, index + 1, line, document);
            }
            header::agreement(xml, document);
            header::delivery(xml, document);
            header::settlement(xml, document, number);
        });
    });
    Ok(xml.finish())
}

fn amount(document: &Document, amount: Minor) -> String {
    amount.to_decimal(document.head.currency)
}

/// Whether the document is outside the scope of VAT, where VAT numbers must not stand (BR-O-02).
fn outside_scope(document: &Document) -> bool {
    let groups = &document.totals.groups;
    groups.iter().any(|group| group.category == VatCategory::O)
}
