//! Stability's shapes, under `/stability`.

mod edit;
mod errors;
mod fields;
mod generate;
mod results;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use errors::refuse;
pub(crate) use results::Results;

use crate::call::Endpoint;
use crate::fault::Kind;
use crate::provider::Provider;
use crate::world::World;

const fn endpoint(name: &'static str, kind: Kind) -> Endpoint {
    Endpoint {
        provider: Provider::Stability,
        name,
        kind,
    }
}

/// All routes below `/stability`.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route(
            "/v2beta/stable-image/generate/{model}",
            post(generate::create),
        )
        .route("/v2beta/stable-image/edit/{edit}", post(edit::create))
        .route("/v2beta/results/{id}", get(results::get))
        .route("/v2beta/stable-image/results/{id}", get(results::get))
        .route("/v1/user/balance", get(results::balance))
        .fallback(results::unknown)
}
