//! The page that people read: a PDF/A-3b that carries the XML (Factur-X).
//!
//! The layout is worked out first, as lists of drawings per page, so that each page can say how many
//! there are; then the pages are drawn. Lengths are in points, y goes down from the top.

mod blocks;
mod canvas;
mod facturx;
mod flow;
mod head;
mod table;
mod totals;
mod typeface;

use chrono::Datelike;
use domain::invoice::Document;
use krilla::configure::{Archival, ConfigurationBuilder, Validator};
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::{Document as Pdf, SerializeSettings};

use crate::error::RenderError;
use crate::logo::Logo;
use canvas::Sheet;
use flow::Flow;
use typeface::Typeface;

/// A4.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
/// Left and right.
const MARGIN: f32 = 51.0;
const RIGHT: f32 = WIDTH - MARGIN;

/// The page of `document` as PDF/A-3b, with `xml` attached as `factur-x.xml`.
///
/// # Errors
/// [`RenderError`]; none for a document that was issued.
pub fn pdf(document: &Document, logo: Option<&Logo>, xml: &str) -> Result<Vec<u8>, RenderError> {
    let number = document
        .head
        .number
        .as_deref()
        .ok_or(RenderError::NoNumber)?;
    let typeface = Typeface::bundled()?;
    let sheets = lay_out(document, logo, &typeface);
    let written = write(document, number, xml, &sheets, &typeface)?;
    facturx::declare(written)
}

fn lay_out(document: &Document, logo: Option<&Logo>, typeface: &Typeface) -> Vec<Sheet> {
    let mut flow = Flow::new(document, typeface);
    head::draw(&mut flow, logo);
    table::draw(&mut flow);
    totals::draw(&mut flow);
    blocks::payment_and_notes(&mut flow);
    flow.finish()
}

fn write(
    document: &Document,
    number: &str,
    xml: &str,
    sheets: &[Sheet],
    typeface: &Typeface,
) -> Result<Vec<u8>, RenderError> {
    let refused = |error: &dyn std::fmt::Debug| RenderError::Page(format!("{error:?}"));
    let configuration = ConfigurationBuilder::new()
        .set_validator(Validator::A(Archival::A3_B))
        .finish()
        .map_err(|error| refused(&error))?;
    let mut pdf = Pdf::new_with(SerializeSettings {
        configuration,
        enable_tagging: false,
        ..SerializeSettings::default()
    });
    let head = &document.head;
    let language = head.buyer.language;
    // Nothing knows a clock: a file's day is the day of issue, at midnight UTC.
    let issued = head.issued_on;
    let issued = DateTime::new(u16::try_from(issued.year()).unwrap_or(0))
        .month(u8::try_from(issued.month()).unwrap_or(1))
        .day(u8::try_from(issued.day()).unwrap_or(1))
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    let title = format!("{} {number}", crate::words::title(document));
    pdf.set_metadata(
        Metadata::new()
            .title(title.clone())
            .authors(vec![head.seller.name.clone()])
            .creator("Atelier".to_owned())
            .producer("Atelier".to_owned())
            .document_id(format!("{} {number}", head.seller.name))
            .language(language.tag().to_owned())
            .creation_date(issued),
    );
    pdf.embed_file(EmbeddedFile {
        path: facturx::FILE.to_owned(),
        mime_type: MimeType::new("text/xml"),
        description: Some(format!("{title} (EN 16931)")),
        association_kind: AssociationKind::Alternative,
        data: xml.as_bytes().to_vec().into(),
        modification_date: Some(issued),
        compress: Some(true),
        location: None,
    });
    for sheet in sheets {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(RenderError::Font)?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        sheet.draw(&mut surface, typeface);
        surface.finish();
        page.finish();
    }
    pdf.finish().map_err(|error| refused(&error))
}
