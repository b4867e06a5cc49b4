//! Invoices as files.
//!
//! [`render`] turns a document of [`domain::invoice`] into the XML of EN 16931 and into the page that
//! people read, a PDF/A-3 that carries the XML (Factur-X). Both depend on the document and its logo alone:
//! no clock, no random ids, no fonts of the machine. The same document gives the same bytes.
//!
//! It computes no money, and it stores nothing.

mod cii;
mod error;
mod logo;
mod page;
mod words;

pub use cii::{GUIDELINE, cii_xml};
pub use error::RenderError;
pub use logo::{Logo, MAX_LOGO_BYTES};
pub use page::pdf;

/// A document as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The XML of EN 16931, UTF-8.
    pub xml: Vec<u8>,
    /// The page, with the XML attached.
    pub pdf: Vec<u8>,
}

/// Both files of `document`, with the seller's logo at the top of the page, or else a mark of its name.
///
/// # Errors
/// [`RenderError`]: for drafts, and for currencies with three decimals.
pub fn render(
    document: &domain::invoice::Document,
    logo: Option<&Logo>,
) -> Result<Rendered, RenderError> {
    let xml = cii_xml(document)?;
    let pdf = pdf(document, logo, &xml)?;
    Ok(Rendered {
        xml: xml.into_bytes(),
        pdf,
    })
}
