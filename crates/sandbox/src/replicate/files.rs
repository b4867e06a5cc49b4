//! Files: pictures that are delivered for a while, and what clients upload as input.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use chrono::{SecondsFormat, TimeDelta};
use domain::Clock;
use http::StatusCode;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::endpoint;
use super::errors::{invalid, not_found, problem};
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::fault::Kind;
use crate::form::Form;
use crate::ids;
use crate::world::{World, lock};

/// Whoever knows the address may read it: no key is asked for.
pub(crate) async fn deliver(
    State(world): State<Arc<World>>,
    Path((id, token, _)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("files", Kind::Read), request).await;
    let model = lock(&call.world.predictions)
        .get(&id)
        .map(|p| p.model.clone());
    let outcome = match call.gate_without_key(model.as_deref().unwrap_or_default()) {
        Ok(()) => file(&call.world, &id, &token).await,
        Err(failure) => Err(failure),
    };
    call.finish(outcome).await
}

async fn file(world: &World, id: &str, token: &str) -> Outcome {
    let (drawing, entry, all_asked) = {
        let now = world.clock.now();
        let mut predictions = lock(&world.predictions);
        let prediction = predictions
            .get(id)
            .filter(|p| p.has_files(now))
            .ok_or_else(gone)?;
        let file = prediction
            .files
            .iter_mut()
            .find(|file| file.token == token)
            .ok_or_else(gone)?;
        file.asked = true;
        let drawing = file.drawing.clone();
        let all_asked = prediction.files.iter().all(|file| file.asked);
        (drawing, prediction.entry, all_asked)
    };
    let content_type = drawing.format.content_type();
    let drawn = world.draw(drawing).await;
    let bytes = drawn.map_err(|text| {
        problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal server error",
            &text,
        )
    })?;
    let answer = Answer::bytes(StatusCode::OK, content_type, bytes);
    // The request counts as delivered when the last of its pictures is.
    Ok(if all_asked {
        answer.delivering(entry)
    } else {
        answer
    })
}

fn gone() -> Answer {
    Answer::bytes(StatusCode::NOT_FOUND, "text/plain", "Not Found".into())
}

pub(crate) async fn upload(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("uploads", Kind::Read), request).await;
    let outcome = match call.gate("") {
        Ok(()) => keep(&call).await,
        Err(failure) => Err(failure),
    };
    call.finish(outcome).await
}

async fn keep(call: &Call) -> Outcome {
    let form = Form::read(&call.headers, &call.body).await;
    let form = form.map_err(|text| invalid("content", "invalid", &text))?;
    let content = form.bytes("content").cloned();
    let content = content.ok_or_else(|| invalid("content", "required", "content is required"))?;
    let id = ids::file();
    let digest = Sha256::digest(&content);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = call.world.clock.now();
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let body = json!({
        "id": id,
        "name": "upload",
        "content_type": "application/octet-stream",
        "size": content.len(),
        "etag": sha256,
        "checksums": {"sha256": sha256},
        "metadata": {},
        "created_at": time(now),
        "expires_at": time(now + TimeDelta::days(1)),
        "urls": {"get": format!("{}/replicate/v1/files/{id}", call.origin())},
    });
    lock(&call.world.predictions).keep_upload(id, content);
    // It takes no time; faults that lose the answer strike all the same.
    call.work(Duration::ZERO).await?;
    Ok(Answer::json(StatusCode::CREATED, &body))
}

pub(crate) async fn uploaded(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("uploads", Kind::Read), request).await;
    let outcome = call.gate("").and_then(|()| {
        let bytes = lock(&call.world.predictions)
            .upload(&id)
            .ok_or_else(not_found)?;
        Ok(Answer::bytes(
            StatusCode::OK,
            "application/octet-stream",
            bytes,
        ))
    });
    call.finish(outcome).await
}
