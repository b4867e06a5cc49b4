//! What the scheduler adds to its admin port.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::Clock;
use serde_json::json;
use service::telemetry::error_chain;
use store::Database;
use uuid::Uuid;

use crate::duties::observe::{COUNTED_MAX, wait_seconds};
use crate::status::StatusBoard;

/// What the routes look at.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) holder: Uuid,
    pub(crate) status: StatusBoard,
    pub(crate) slots_per_worker: u32,
}

/// - `GET /v1/duties`: every duty as this process and as the database sees it.
/// - `GET /v1/autoscale`: how much work there is and how many workers it asks for.
pub(crate) fn routes(state: AdminState) -> Router {
    Router::new()
        .route("/v1/duties", get(duties))
        .route("/v1/autoscale", get(autoscale))
        .with_state(state)
}

/// `cluster` is null while PostgreSQL does not answer: what this process knows is told all the same.
async fn duties(State(state): State<AdminState>) -> Response {
    let cluster = store::duties::list(&state.db).await.ok();
    let body = json!({
        "process": state.holder,
        "here": state.status.all(),
        "cluster": cluster,
    });
    Json(body).into_response()
}

async fn autoscale(State(state): State<AdminState>) -> Response {
    let now = state.clock.now();
    let depth = match store::dispatch::depth(&state.db, now, COUNTED_MAX).await {
        Ok(depth) => depth,
        Err(error) => {
            let body = json!({ "error": error_chain(&error) });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
        }
    };
    let waiting: u64 = depth
        .lanes
        .iter()
        .map(|lane| lane.due + lane.dispatched)
        .sum();
    let oldest = depth
        .lanes
        .iter()
        .filter_map(|lane| lane.oldest_run_at)
        .min();
    let work = waiting + depth.running;
    let body = json!({
        "work": work,
        "oldest_wait_seconds": wait_seconds(now, oldest),
        "desired_workers": work.div_ceil(u64::from(state.slots_per_worker.max(1))),
    });
    Json(body).into_response()
}
