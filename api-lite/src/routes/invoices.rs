//! The brand's own invoices, and their files.
//!
//! A file is read with a secret key, or with the address alone that an answer here has handed out: a browser or an
//! accountant has no key. Such an address opens one file for an hour; the one in `"Invoice"."pdfUrl"` for as long
//! as the invoice is kept.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use store::brand_invoices::{self, BrandInvoice, FileKind, InvoiceFilter};
use uuid::Uuid;

use super::answers::{KeyProblems, Missing};
use super::paging::{PageParameters, Paging};
use crate::app::App;
use crate::auth::{Caller, Reader};
use crate::cursor;
use crate::problem::{Code, Problem};
use crate::request::{InvoicePath, Query, if_none_match};
use crate::view::{InvoiceDetail, InvoiceLinks, InvoicePage, InvoiceView};

/// How long an address that is handed out opens its file: time to click on it, or to fetch it.
const LINKS_LAST: TimeDelta = TimeDelta::hours(1);

const STATES: [&str; 4] = ["open", "paid", "void", "uncollectible"];

/// List the brand's invoices and credit notes, the newest first.
#[utoipa::path(
    get,
    path = "/v1/invoices",
    tag = "account",
    params(
        PageParameters,
        ("status" = Option<String>, Query, description = "`open`, `paid`, `void` or `uncollectible`"),
    ),
    responses((status = 200, description = "One page; `Link` names the next one", body = InvoicePage), KeyProblems),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn list_invoices(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let paging = Paging::read(&mut query);
    let state = query.text("status");
    if state.as_deref().is_some_and(|word| !STATES.contains(&word)) {
        let detail = "the states are open, paid, void and uncollectible";
        query.fault("status", "unknown_state", detail);
    }
    query.finish()?;
    let filter = InvoiceFilter {
        state,
        before: paging.before(cursor::decode_invoice)?,
    };
    let (db, brand) = (&app.database, caller.brand());
    let mut found = brand_invoices::list(db, brand, &filter, paging.rows()).await?;
    let next_cursor = paging.cut(&mut found, |last| {
        cursor::encode_invoice(last.issued_at, last.id)
    });
    let next = next_cursor.clone();
    let data = found.iter().map(|invoice| view(&app, invoice)).collect();
    let page = Json(InvoicePage { data, next_cursor });
    let asked = [("status", filter.state)];
    Ok(paging.answer(&app, "/v1/invoices", &asked, next.as_deref(), page))
}

/// Read an invoice with its lines.
#[utoipa::path(
    get,
    path = "/v1/invoices/{id}",
    tag = "account",
    params(("id" = String, Path, description = "The invoice's id")),
    responses((status = 200, description = "The invoice", body = InvoiceDetail), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_invoice(
    State(app): State<App>,
    caller: Caller,
    InvoicePath(id): InvoicePath,
    query: Query,
) -> Result<Json<InvoiceDetail>, Problem> {
    caller.must_be_secret()?;
    query.finish()?;
    let found = brand_invoices::find(&app.database, caller.brand(), id).await?;
    let found = found.ok_or(Code::NotFound)?;
    Ok(Json(InvoiceDetail::of(view(&app, &found), &found.document)))
}

fn view(app: &App, invoice: &BrandInvoice) -> InvoiceView {
    let now = app.now();
    let links = invoice.files.as_ref().map(|_| links(app, invoice.id, now));
    InvoiceView::of(invoice, links, now)
}

fn links(app: &App, id: Uuid, now: DateTime<Utc>) -> InvoiceLinks {
    let expires_at = now + LINKS_LAST;
    let address = |kind: &str| {
        let (base, path) = (&app.public_url, format!("/v1/invoices/{id}/{kind}"));
        match &app.links {
            Some(secrets) => secrets.address(base, &path, expires_at),
            None => format!("{base}{path}"),
        }
    };
    InvoiceLinks {
        pdf: address("pdf"),
        xml: address("xml"),
        expires_at: app.links.is_some().then_some(expires_at),
    }
}

/// What an address that is handed out carries, for the description of the API.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; they are read by `Reader`")]
struct SignedAddress {
    /// Of a signed address: until when, in seconds since 1970
    expires: Option<i64>,
    /// Of a signed address
    signature: Option<String>,
}

/// Read an invoice's page.
///
/// With a secret key, or with an address that an invoice's `links` hand out, which needs none until it expires.
#[utoipa::path(
    get,
    path = "/v1/invoices/{id}/pdf",
    tag = "account",
    params(
        ("id" = String, Path, description = "The invoice's id"),
        SignedAddress,
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of an earlier answer"),
    ),
    responses(
        (status = 200, description = "PDF/A-3 with the XML attached; `ETag` is its SHA-256", content_type = "application/pdf", body = Vec<u8>),
        (status = 304, description = "The client has it already"),
        KeyProblems,
        Missing,
    ),
    security((), ("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_invoice_pdf(
    State(app): State<App>,
    reader: Reader,
    InvoicePath(id): InvoicePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    serve(&app, &reader, id, FileKind::Pdf, &headers).await
}

/// Read an invoice's XML.
///
/// As the page: with a secret key or a signed address.
#[utoipa::path(
    get,
    path = "/v1/invoices/{id}/xml",
    tag = "account",
    params(
        ("id" = String, Path, description = "The invoice's id"),
        SignedAddress,
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of an earlier answer"),
    ),
    responses(
        (status = 200, description = "EN 16931 in the syntax CII; `ETag` is its SHA-256", content_type = "application/xml", body = Vec<u8>),
        (status = 304, description = "The client has it already"),
        KeyProblems,
        Missing,
    ),
    security((), ("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_invoice_xml(
    State(app): State<App>,
    reader: Reader,
    InvoicePath(id): InvoicePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    serve(&app, &reader, id, FileKind::Xml, &headers).await
}

async fn serve(
    app: &App,
    reader: &Reader,
    id: Uuid,
    kind: FileKind,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let brand = match reader {
        Reader::Link => None,
        Reader::Brand(brand) => Some(brand),
    };
    let found = brand_invoices::file(&app.database, brand, id, kind).await?;
    let found = found.ok_or(Code::NotFound)?;
    let hex: String = found
        .file
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let etag = HeaderValue::from_str(&format!("\"{hex}\"")).map_err(|_| Code::Internal)?;
    if if_none_match(headers, &etag) {
        return Ok(private(StatusCode::NOT_MODIFIED.into_response(), etag));
    }
    let (media, extension) = match kind {
        FileKind::Pdf => ("application/pdf", "pdf"),
        FileKind::Xml => ("application/xml", "xml"),
    };
    // The row came after its objects: one that is not there was removed.
    let bytes = app.objects.get(&found.file.key).await?;
    let bytes = bytes.ok_or(Code::NotFound)?;
    let name = format!("inline; filename=\"{}.{extension}\"", found.number);
    let name = HeaderValue::from_str(&name).map_err(|_| Code::Internal)?;
    let media = HeaderValue::from_static(media);
    let heads = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok(private((heads, bytes).into_response(), etag))
}

/// An invoice is its brand's business: no cache that others share keeps it.
fn private(mut response: Response, etag: HeaderValue) -> Response {
    let out = response.headers_mut();
    out.insert(header::ETAG, etag);
    for (name, value) in [
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        out.insert(name, HeaderValue::from_static(value));
    }
    response
}
