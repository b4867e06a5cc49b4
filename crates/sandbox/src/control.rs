//! What the sandbox itself is asked: its ledger, its faults, and to forget.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::fault::{Fault, Mode};
use crate::world::World;
use crate::{openai, replicate, stability};

/// All routes.
pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/_ledger", get(ledger).delete(forget_ledger))
        .route(
            "/_faults",
            get(faults)
                .post(add_faults)
                .put(set_faults)
                .delete(clear_faults),
        )
        .route("/_faults/modes", get(modes))
        .route("/_faults/{id}", axum::routing::delete(remove_fault))
        .route("/_reset", post(reset))
        .route("/_webhook_secret", get(webhook_secret))
        .nest("/openai/v1", openai::routes())
        .nest("/stability", stability::routes())
        .nest("/replicate", replicate::routes())
        .fallback(unknown)
        .with_state(world)
}

async fn index() -> Response {
    reply(
        StatusCode::OK,
        &json!({
            "openai": "/openai/v1",
            "stability": "/stability",
            "replicate": "/replicate/v1",
            "ledger": "GET /_ledger, DELETE /_ledger",
            "faults": "GET /_faults, POST /_faults, PUT /_faults, DELETE /_faults, GET /_faults/modes",
            "reset": "POST /_reset",
        }),
    )
}

async fn unknown(uri: http::Uri) -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        &format!("nothing is at {}; GET / lists what there is", uri.path()),
    )
}

async fn ledger(State(world): State<Arc<World>>) -> Response {
    let entries = world.ledger.entries();
    let count = |matches: fn(&crate::Entry) -> bool| entries.iter().filter(|e| matches(e)).count();
    reply(
        StatusCode::OK,
        &json!({
            "accepted": count(|e| e.accepted),
            "billed": count(|e| e.billed),
            "delivered": count(|e| e.delivered),
            "cost_micros": entries.iter().map(|e| e.cost_micros).sum::<i64>(),
            "entries": entries,
        }),
    )
}

async fn forget_ledger(State(world): State<Arc<World>>) -> StatusCode {
    world.ledger.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(world): State<Arc<World>>) -> Response {
    reply(StatusCode::OK, &json!({"faults": world.faults.list()}))
}

async fn modes() -> Response {
    let modes: Vec<_> = Mode::ALL.iter().map(|mode| mode.info()).collect();
    reply(StatusCode::OK, &json!({"modes": modes}))
}

async fn add_faults(State(world): State<Arc<World>>, body: Bytes) -> Response {
    arm(&world, &body, false)
}

async fn set_faults(State(world): State<Arc<World>>, body: Bytes) -> Response {
    arm(&world, &body, true)
}

/// Arms all faults of the body or none.
fn arm(world: &World, body: &Bytes, replace: bool) -> Response {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                &format!("the body is no JSON: {error}"),
            );
        }
    };
    let faults = match Fault::list_from_json(value) {
        Ok(faults) => faults,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if replace {
        world.faults.clear();
    }
    for fault in faults {
        if let Err(error) = world.faults.push(fault) {
            return refuse(StatusCode::CONFLICT, &error.to_string());
        }
    }
    reply(StatusCode::OK, &json!({"faults": world.faults.list()}))
}

async fn clear_faults(State(world): State<Arc<World>>) -> StatusCode {
    world.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(world): State<Arc<World>>, Path(id): Path<u64>) -> Response {
    if world.faults.remove(id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refuse(
            StatusCode::NOT_FOUND,
            &format!("no fault has the number {id}"),
        )
    }
}

async fn reset(State(world): State<Arc<World>>) -> StatusCode {
    world.reset();
    StatusCode::NO_CONTENT
}

async fn webhook_secret(State(world): State<Arc<World>>) -> Response {
    reply(StatusCode::OK, &json!({"key": world.webhook_secret}))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}

fn refuse(status: StatusCode, detail: &str) -> Response {
    reply(status, &json!({"error": detail}))
}
