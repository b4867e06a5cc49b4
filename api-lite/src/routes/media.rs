//! Pictures. Knowing a generation's id, 128 random bits, is the right to see its pictures; a product's
//! base photograph is public and found by its content.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use store::generations::{self, Output};
use store::objects::base_image_key;

use super::answers::{Missing, OpenProblems};
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::request::{BaseImagePath, MediaPath, if_none_match};

/// A picture never changes under its address, so it may be kept for a year, the longest that caches
/// honour.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

const CROSS_ORIGIN_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Read a picture.
#[utoipa::path(
    get,
    path = "/media/{public_id}/{variant}",
    tag = "media",
    params(
        ("public_id" = String, Path, description = "The generation's id"),
        ("variant" = String, Path, description = "`full`, `thumbnail`, or `w640` and the like"),
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The picture; `ETag` is its SHA-256", content_type = "image/*", body = Vec<u8>),
        (status = 304, description = "The client has it already"),
        OpenProblems,
        Missing,
    ),
    security(()),
)]
pub(super) async fn get_media(
    State(app): State<App>,
    MediaPath { id, variant }: MediaPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let output = generations::output(&app.database, &id, &variant).await?;
    let output = output.ok_or(Code::NotFound)?;
    let etag = etag(&output).ok_or(Code::Internal)?;
    if if_none_match(&headers, &etag) {
        return Ok(lasting(StatusCode::NOT_MODIFIED.into_response(), etag));
    }
    let kind = HeaderValue::from_str(&output.content_type).map_err(|_| Code::Internal)?;
    // The row came with the settled job, after its objects: one that is not there was removed.
    let bytes = app
        .objects
        .get(&output.object_key)
        .await?
        .ok_or(Code::NotFound)?;
    let response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    Ok(lasting(response, etag))
}

/// Read a product's base photograph.
#[utoipa::path(
    get,
    path = "/media/base/{file}",
    tag = "media",
    params(
        ("file" = String, Path, description = "The photograph's SHA-256 in hexadecimal, and its extension"),
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The photograph", content_type = "image/*", body = Vec<u8>),
        (status = 304, description = "The client has it already"),
        OpenProblems,
        Missing,
    ),
    security(()),
)]
pub(super) async fn get_base_image(
    State(app): State<App>,
    BaseImagePath { sha256, format }: BaseImagePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let etag = HeaderValue::from_str(&format!("\"{sha256}\"")).map_err(|_| Code::Internal)?;
    let bytes = app
        .objects
        .get(&base_image_key(&sha256, format.as_str()))
        .await?;
    let bytes = bytes.ok_or(Code::NotFound)?;
    if if_none_match(&headers, &etag) {
        return Ok(lasting(StatusCode::NOT_MODIFIED.into_response(), etag));
    }
    let response = ([(header::CONTENT_TYPE, format.media_type())], bytes).into_response();
    Ok(lasting(response, etag))
}

/// Adds what any page may do with a picture that never changes.
fn lasting(mut response: Response, etag: HeaderValue) -> Response {
    let out = response.headers_mut();
    out.insert(header::ETAG, etag);
    let fixed = [
        (header::CACHE_CONTROL, FOR_EVER),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        // Pages that isolate themselves may show it all the same.
        (CROSS_ORIGIN_POLICY, "cross-origin"),
    ];
    for (name, value) in fixed {
        out.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn etag(output: &Output) -> Option<HeaderValue> {
    let hex: String = output
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).ok()
}
