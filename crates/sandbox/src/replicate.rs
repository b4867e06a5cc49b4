//! Replicate's shapes, under `/replicate/v1`, and the files it delivers, under `/replicate/delivery`.

mod create;
mod errors;
mod files;
mod input;
mod prediction;
mod price;
mod reads;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use errors::refuse;
pub(crate) use prediction::Predictions;

use crate::call::Endpoint;
use crate::fault::Kind;
use crate::provider::Provider;
use crate::world::World;

const fn endpoint(name: &'static str, kind: Kind) -> Endpoint {
    Endpoint {
        provider: Provider::Replicate,
        name,
        kind,
    }
}

/// All routes below `/replicate`.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v1/predictions", post(create::by_version).get(reads::list))
        .route("/v1/predictions/{id}", get(reads::get))
        .route("/v1/predictions/{id}/cancel", post(reads::cancel))
        .route("/v1/models/{owner}/{name}", get(reads::model))
        .route(
            "/v1/models/{owner}/{name}/predictions",
            post(create::by_model),
        )
        .route("/v1/models/{owner}/{name}/versions", get(reads::versions))
        .route(
            "/v1/models/{owner}/{name}/versions/{version}",
            get(reads::version),
        )
        .route(
            "/v1/deployments/{owner}/{name}/predictions",
            post(create::by_deployment),
        )
        .route("/v1/account", get(reads::account))
        .route("/v1/webhooks/default/secret", get(reads::webhook_secret))
        .route("/v1/files", post(files::upload))
        .route("/v1/files/{id}", get(files::uploaded))
        .route("/delivery/{prediction}/{token}/{file}", get(files::deliver))
        .fallback(reads::unknown)
}
