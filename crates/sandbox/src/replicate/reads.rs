//! Reading and cancelling.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::Clock;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::create::{is_missing, stop};
use super::endpoint;
use super::errors::{invalid, not_found};
use crate::answer::{Answer, Failure, Outcome};
use crate::call::Call;
use crate::fault::Kind;
use crate::world::{World, lock};

const PAGE: usize = 100;

async fn open(world: Arc<World>, name: &'static str, request: Request) -> Call {
    Call::read(world, endpoint(name, Kind::Read), request).await
}

fn model_of(world: &World, id: &str) -> String {
    lock(&world.predictions)
        .get(id)
        .map(|p| p.model.clone())
        .unwrap_or_default()
}

pub(crate) async fn get(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = open(world, "predictions/get", request).await;
    let model = model_of(&call.world, &id);
    let outcome = call.gate(&model).and_then(|()| {
        let now = call.world.clock.now();
        let mut predictions = lock(&call.world.predictions);
        let prediction = predictions.get(&id).ok_or_else(not_found)?;
        Ok(Answer::ok(&prediction.json(now)))
    });
    call.finish(outcome).await
}

pub(crate) async fn cancel(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = open(world, "predictions/cancel", request).await;
    let model = model_of(&call.world, &id);
    let outcome = call.gate(&model).and_then(|()| stop(&call.world, &id));
    call.finish(outcome).await
}

pub(crate) async fn list(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = open(world, "predictions/list", request).await;
    let outcome = call.gate("").and_then(|()| page(&call));
    call.finish(outcome).await
}

/// A hundred, the newest first. The cursor is the id after which the page begins.
fn page(call: &Call) -> Outcome {
    let query = call.uri.query().unwrap_or_default();
    let mut query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let after = time(&query, "created_after")?;
    let before = time(&query, "created_before")?;
    let now = call.world.clock.now();
    let predictions = lock(&call.world.predictions);
    let mut found = predictions.newest().filter(|p| {
        p.listed_at <= now
            && after.is_none_or(|after| p.made_at >= after)
            && before.is_none_or(|before| p.made_at < before)
    });
    if let Some(cursor) = query.remove("cursor")
        && !found.by_ref().any(|p| p.id == cursor)
    {
        return Err(invalid("cursor", "invalid", "The cursor is invalid").into());
    }
    let mut results = Vec::new();
    let mut last = None;
    for prediction in found.by_ref().take(PAGE) {
        results.push(prediction.json(now));
        last = Some(prediction.id.clone());
    }
    let next = match (last, found.next()) {
        (Some(last), Some(_)) => {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(&query);
            pairs.append_pair("cursor", &last);
            format!(
                "{}/replicate/v1/predictions?{}",
                call.origin(),
                pairs.finish()
            )
            .into()
        }
        _ => Value::Null,
    };
    Ok(Answer::ok(
        &json!({"previous": null, "next": next, "results": results}),
    ))
}

fn time(query: &BTreeMap<String, String>, name: &str) -> Result<Option<DateTime<Utc>>, Failure> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(Some(at.to_utc())),
        Err(_) => Err(invalid(name, "format", "must be an ISO 8601 date-time").into()),
    }
}

pub(crate) async fn account(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = open(world, "account", request).await;
    let outcome = call.gate("").map(|()| {
        Answer::ok(&json!({
            "type": "organization", "username": "sandbox", "name": "Sandbox", "github_url": null,
        }))
    });
    call.finish(outcome).await
}

pub(crate) async fn webhook_secret(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = open(world, "webhooks/default/secret", request).await;
    let outcome = call
        .gate("")
        .map(|()| Answer::ok(&json!({"key": call.world.webhook_secret})));
    call.finish(outcome).await
}

/// The version that every model has here.
fn version_id(model: &str) -> String {
    let digest = crate::draw::digest([model.as_bytes()]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn version_object(id: &str) -> Value {
    json!({
        "id": id,
        "created_at": "2026-01-01T00:00:00.000Z",
        "cog_version": "0.16.0",
        "openapi_schema": {
            "openapi": "3.0.2",
            "info": {"title": "Cog", "version": "0.1.0"},
            "paths": {},
            "components": {"schemas": {
                "Input": {"type": "object", "required": ["prompt"], "properties": {
                    "prompt": {"type": "string", "title": "Prompt"},
                }},
                "Output": {
                    "type": "array",
                    "items": {"type": "string", "format": "uri"},
                    "title": "Output",
                },
            }},
        },
    })
}

pub(crate) async fn model(
    State(world): State<Arc<World>>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let mut call = open(world, "models", request).await;
    let model = format!("{owner}/{name}");
    let outcome = call.gate(&model).and_then(|()| {
        if is_missing(&model) {
            return Err(not_found().into());
        }
        Ok(Answer::ok(&json!({
            "url": format!("https://replicate.com/{model}"),
            "owner": owner,
            "name": name,
            "description": "A model of the sandbox.",
            "visibility": "public",
            "github_url": null,
            "paper_url": null,
            "license_url": null,
            "run_count": 1,
            "cover_image_url": null,
            "default_example": null,
            "latest_version": version_object(&version_id(&model)),
        })))
    });
    call.finish(outcome).await
}

pub(crate) async fn versions(
    State(world): State<Arc<World>>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let mut call = open(world, "models/versions", request).await;
    let model = format!("{owner}/{name}");
    let outcome = call.gate(&model).map(|()| {
        let results = [version_object(&version_id(&model))];
        Answer::ok(&json!({"previous": null, "next": null, "results": results}))
    });
    call.finish(outcome).await
}

pub(crate) async fn version(
    State(world): State<Arc<World>>,
    Path((owner, name, version)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let mut call = open(world, "models/versions", request).await;
    let model = format!("{owner}/{name}");
    let outcome = call
        .gate(&model)
        .map(|()| Answer::ok(&version_object(&version)));
    call.finish(outcome).await
}

pub(crate) async fn unknown(State(world): State<Arc<World>>, request: Request) -> Response {
    let call = open(world, "unknown", request).await;
    call.finish(Err(not_found().into())).await
}
