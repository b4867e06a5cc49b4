//! OpenAI's shapes, under `/openai/v1`.

mod background;
mod edits;
mod errors;
mod generations;
mod models;
mod order;
mod picture;
mod price;
mod reads;
mod responses;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use background::Responses;
pub(crate) use errors::refuse;

use crate::call::Endpoint;
use crate::fault::Kind;
use crate::provider::Provider;
use crate::world::World;

const fn endpoint(name: &'static str, kind: Kind) -> Endpoint {
    Endpoint {
        provider: Provider::OpenAi,
        name,
        kind,
    }
}

/// All routes below `/openai/v1`.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/images/generations", post(generations::create))
        .route("/images/edits", post(edits::create))
        .route("/moderations", post(reads::moderations))
        .route("/models", get(reads::models))
        .route("/models/{model}", get(reads::model))
        .route("/organization/usage/images", get(reads::usage))
        .route("/responses", post(responses::create))
        .route(
            "/responses/{id}",
            get(responses::get).delete(responses::delete),
        )
        .route("/responses/{id}/cancel", post(responses::cancel))
        .fallback(reads::unknown)
}
