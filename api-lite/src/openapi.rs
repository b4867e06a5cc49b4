//! The description of the API, generated from the handlers, and of what is sent to webhooks.

mod events;
mod examples;
mod payloads;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Info, OpenApi};

/// The OpenAPI 3.1 document.
pub fn openapi() -> OpenApi {
    let (_, mut document) = crate::routes::documented();
    let mut info = Info::new("Atelier", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Personalised product pictures: ask, wait, fetch. Every error is a problem document; \
         docs/errors.md lists the codes."
            .to_owned(),
    );
    info.license = Some(utoipa::openapi::License::new("Apache-2.0"));
    document.info = info;
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = |about: &str| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(about.to_owned());
        SecurityScheme::Http(http)
    };
    let header_key = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    components.add_security_scheme("key", bearer("A secret (sk_…) or publishable (pk_…) key"));
    components.add_security_scheme("header_key", SecurityScheme::ApiKey(header_key));
    components.add_security_scheme("dashboard", bearer("An HS256 token that carries brandId"));
    document.webhooks = Some(events::describe(components));
    document
}

/// `GET /openapi.json`.
pub(crate) async fn serve() -> Response {
    let headers = [
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    (headers, Json(openapi())).into_response()
}
