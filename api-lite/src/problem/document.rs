//! The document itself.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use domain::FieldError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Problem;

/// An RFC 9457 document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "type": "urn:atelier:problem:validation_failed",
    "title": "The request is not valid",
    "status": 422,
    "instance": "/v1/generations",
    "code": "validation_failed",
    "request_id": "req_00f067aa0ba902b7",
    "errors": [{
        "pointer": "/customizations/zone_mug_name",
        "code": "required",
        "detail": "the zone \"Name\" (TEXT) must be filled"
    }]
}))]
pub(crate) struct ProblemDocument {
    /// `urn:atelier:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The code in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The path that was asked for.
    instance: String,
    /// The stable code, see docs/errors.md.
    code: &'static str,
    /// Finds this request in our logs.
    request_id: String,
    /// The faults of single fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldFault>)]
    errors: Vec<FieldError>,
    /// Members of single codes: `limit` and `used` of `quota_exceeded`, `state` of conflicts, and so on.
    #[serde(flatten)]
    #[schema(ignore)]
    members: Map<String, Value>,
}

/// One fault in one field.
#[derive(utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "describes domain::FieldError, which knows no OpenAPI"
)]
pub(crate) struct FieldFault {
    /// A JSON pointer into the body, `?name` of a query parameter, or a header's name.
    #[schema(example = "/customizations/zone_mug_name")]
    pointer: String,
    /// A stable code.
    #[schema(example = "required")]
    code: String,
    /// What is allowed there.
    detail: String,
}

/// Writes a problem's document into the response that carries it.
pub(crate) fn render(
    response: Response<Body>,
    problem: Problem,
    path: &str,
    request_id: &str,
) -> Response<Body> {
    let document = ProblemDocument {
        kind: format!("urn:atelier:problem:{}", problem.code.id()),
        title: problem.code.title(),
        status: problem.code.status().as_u16(),
        detail: problem.detail,
        instance: path.to_owned(),
        code: problem.code.id(),
        request_id: request_id.to_owned(),
        errors: problem.errors,
        members: problem.members,
    };
    // Text, numbers and maps with text keys: serialising them cannot fail.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let kind = HeaderValue::from_static("application/problem+json");
    parts.headers.insert(header::CONTENT_TYPE, kind);
    let no_store = HeaderValue::from_static("no-store");
    parts.headers.insert(header::CACHE_CONTROL, no_store);
    Response::from_parts(parts, Body::from(body))
}
