//! `POST /v1/generations/{id}/cancel`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use service::telemetry::error_chain;
use store::cancel::{self, CancelOutcome};
use store::generations;

use super::answers::{Conflict, KeyProblems, Missing};
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::request::PublicIdPath;
use crate::view::{GenerationView, describe};

/// Cancel a generation.
///
/// One that waits ends at once and gives its quota back. One that runs is asked to stop; what the
/// provider has charged by then stays recorded.
#[utoipa::path(
    post,
    path = "/v1/generations/{id}/cancel",
    tag = "generations",
    params(("id" = String, Path, description = "The generation's id")),
    responses(
        (status = 200, description = "It was waiting and is canceled", body = GenerationView),
        (status = 202, description = "It is running and was asked to stop", body = GenerationView),
        KeyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn cancel_generation(
    State(app): State<App>,
    caller: Caller,
    PublicIdPath(id): PublicIdPath,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let outcome = cancel::cancel(&app.database, app.now(), caller.brand(), &id).await?;
    let status = match outcome {
        CancelOutcome::Canceled => StatusCode::OK,
        CancelOutcome::Requested(job) => {
            // The worker looks at the flag by itself; the signal only makes it quicker.
            if let Err(error) = app.queue.publish_cancel(job).await {
                tracing::warn!(
                    error = error_chain(&error),
                    "the cancel signal was not sent"
                );
            }
            StatusCode::ACCEPTED
        }
        CancelOutcome::AlreadyEnded(state) => {
            return Err(Problem::from(Code::AlreadyEnded).with("state", state.public_word()));
        }
        CancelOutcome::NotFound => return Err(Code::NotFound.into()),
    };
    let found = generations::find(&app.database, caller.brand(), &id).await?;
    let view = describe(&app, &found.ok_or(Code::NotFound)?);
    Ok((status, Json(view)).into_response())
}
