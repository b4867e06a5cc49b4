//! `POST /responses` with the image tool, its polling and its cancellation.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use domain::Clock;
use serde_json::{Map, Value, json};

use super::background::{Background, End, OUTER_TOKENS, Status};
use super::endpoint;
use super::errors::ApiError;
use super::generations::{model_name, object};
use super::order::{Order, Sort};
use super::picture::{draw, drawing, usage};
use crate::answer::{Answer, Outcome};
use crate::call::{Call, Charge};
use crate::fault::{Fired, Kind, Mode};
use crate::ids;
use crate::world::{World, lock};

/// Price of the outer model's tokens, in micro-dollars each; taken as the image models' text price.
const OUTER_MICROS: i64 = 5;

/// Fields of the request that every answer repeats.
const TOLD: [&str; 6] = [
    "metadata",
    "tools",
    "tool_choice",
    "store",
    "instructions",
    "background",
];

pub(crate) async fn create(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("responses", Kind::Polled), request).await;
    let outcome = submit(&mut call).await;
    call.finish(outcome).await
}

async fn submit(call: &mut Call) -> Outcome {
    let fields = object(&call.body);
    let background = fields
        .as_ref()
        .is_ok_and(|fields| fields.get("background") == Some(&true.into()));
    if !background {
        call.endpoint.kind = Kind::Sync;
    }
    let tool = fields
        .as_ref()
        .ok()
        .and_then(image_tool)
        .cloned()
        .unwrap_or_default();
    // Faults and the ledger speak of the model that draws.
    call.gate(
        tool.get("model")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    )?;
    let fields = fields?;
    let outer_model = outer_model(&fields)?;
    let order = order(&fields, tool)?;
    let response = plan(call, &fields, outer_model, order);
    let id = response.id.clone();
    let told = response.json(response.made_at, None);
    let ends_in = response.ends_at - response.made_at;
    lock(&call.world.responses).add(response, call.world.clock.now());
    if background {
        call.work(Duration::ZERO).await?;
        return Ok(Answer::ok(&told));
    }
    call.work(ends_in.to_std().unwrap_or_default()).await?;
    read(&call.world, &id).await
}

fn image_tool(fields: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let tools = fields.get("tools")?.as_array()?;
    tools
        .iter()
        .find(|tool| tool["type"] == "image_generation")?
        .as_object()
}

fn outer_model(fields: &Map<String, Value>) -> Result<String, ApiError> {
    match model_name(Some(fields)) {
        "" => {
            let message = "Missing required parameter: 'model'.";
            Err(ApiError::invalid(
                "model",
                "missing_required_parameter",
                message,
            ))
        }
        model => Ok(model.to_owned()),
    }
}

/// The tool's parameters are those of a generation; the prompt is all the text of the input.
fn order(fields: &Map<String, Value>, mut tool: Map<String, Value>) -> Result<Order, ApiError> {
    if tool.is_empty() {
        let message = "The sandbox answers with pictures alone: 'tools' must hold one of type 'image_generation'.";
        return Err(ApiError::invalid("tools", "invalid_value", message));
    }
    let mut prompt = String::new();
    if let Some(input) = fields.get("input") {
        words(input, &mut prompt);
    }
    // Fields that the tool has and a generation has not.
    for extra in [
        "type",
        "input_fidelity",
        "input_image_mask",
        "action",
        "partial_images",
    ] {
        tool.remove(extra);
    }
    tool.insert("prompt".to_owned(), prompt.into());
    Order::parse(&tool, Sort::Generation)
}

fn words(input: &Value, prompt: &mut String) {
    match input {
        Value::String(text) => {
            if !prompt.is_empty() {
                prompt.push('\n');
            }
            prompt.push_str(text);
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, prompt)),
        Value::Object(item) => {
            for key in ["content", "text"] {
                if let Some(inner) = item.get(key) {
                    words(inner, prompt);
                }
            }
        }
        _ => {}
    }
}

/// How the work will end, and whether it is charged.
fn end(fired: &Fired) -> (End, bool) {
    let code = |mode: Mode, default: &str| {
        let fault = fired.get(mode)?;
        Some((
            fault.code.clone().unwrap_or_else(|| default.to_owned()),
            fault.billed,
        ))
    };
    if let Some((_, _)) = code(Mode::ModeratedIn, "") {
        (
            End::Failed("image_content_policy_violation".to_owned()),
            false,
        )
    } else if let Some((_, billed)) = code(Mode::ModeratedOut, "") {
        (
            End::Failed("image_content_policy_violation".to_owned()),
            billed.unwrap_or(true),
        )
    } else if let Some((code, billed)) = code(Mode::Failed, "server_error") {
        (End::Failed(code), billed.unwrap_or(false))
    } else if let Some((reason, _)) = code(Mode::Incomplete, "max_output_tokens") {
        (End::Incomplete(reason), true)
    } else if fired.has(Mode::NeverFinishes) {
        (End::Never, true)
    } else if fired.has(Mode::EmptyData) {
        (End::Empty, true)
    } else {
        (End::Completed, true)
    }
}

fn plan(
    call: &mut Call,
    fields: &Map<String, Value>,
    outer_model: String,
    order: Order,
) -> Background {
    let id = ids::response();
    let usage = usage(&order, 0);
    let (end, billed) = end(&call.fired);
    let entry = call.accept(Charge {
        billed,
        cost_micros: usage.cost_micros() + OUTER_TOKENS as i64 * OUTER_MICROS,
        pictures: 1,
        remote_id: Some(id.clone()),
        prompt: order.prompt.clone(),
        ..Charge::default()
    });
    let timings = &call.world.timings;
    let span = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(1));
    let made_at = call.world.clock.now();
    let starts_at = made_at + span(timings.queued);
    let ends_at = starts_at + span(timings.async_work);
    let gone_at = match call.fired.pause(Mode::Expired) {
        Some(after) => made_at + span(after),
        None if end == End::Never => made_at + TimeDelta::days(1),
        None => ends_at + span(timings.response_life),
    };
    let told = TOLD
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), fields.get(*name)?.clone())));
    Background {
        id,
        entry,
        outer_model,
        order,
        usage,
        made_at,
        starts_at,
        ends_at,
        gone_at,
        end,
        cancelled: false,
        item_id: ids::output_item(),
        told: told.collect(),
        picture: None,
    }
}

fn not_found(id: &str) -> ApiError {
    ApiError::not_found(format!("Response with id '{id}' not found."))
}

/// The object as it stands; the picture is drawn when it is read the first time.
async fn read(world: &World, id: &str) -> Outcome {
    let now = world.clock.now();
    let found = lock(&world.responses).get(id, now).cloned();
    let response = found.ok_or_else(|| not_found(id))?;
    if response.status(now) != Status::Completed || response.end == End::Empty {
        return Ok(Answer::ok(&response.json(now, None)));
    }
    let picture = match &response.picture {
        Some(picture) => picture.clone(),
        None => {
            let picture = draw(world, drawing(&response.order, None, 0)).await?;
            if let Some(kept) = lock(&world.responses).get(id, now) {
                kept.picture = Some(picture.clone());
            }
            picture
        }
    };
    let body = response.json(now, Some(&STANDARD.encode(picture)));
    Ok(Answer::ok(&body).delivering(response.entry))
}

pub(crate) async fn get(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("responses/get", Kind::Read), request).await;
    let model = model_of(&call.world, &id);
    let outcome = match call.gate(&model) {
        Ok(()) => read(&call.world, &id).await,
        Err(failure) => Err(failure),
    };
    call.finish(outcome).await
}

pub(crate) async fn cancel(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("responses/cancel", Kind::Read), request).await;
    let model = model_of(&call.world, &id);
    let outcome = call.gate(&model).and_then(|()| stop(&call.world, &id));
    call.finish(outcome).await
}

fn stop(world: &World, id: &str) -> Outcome {
    let now = world.clock.now();
    let mut responses = lock(&world.responses);
    let response = responses.get(id, now).ok_or_else(|| not_found(id))?;
    match response.status(now) {
        Status::Cancelled => {}
        Status::Queued => {
            response.cancelled = true;
            world.ledger.change(response.entry, |entry| {
                entry.billed = false;
                entry.cost_micros = 0;
            });
        }
        Status::InProgress => response.cancelled = true,
        Status::Completed | Status::Failed | Status::Incomplete => {
            let message = format!("Cannot cancel a {} response.", response.status(now).name());
            return Err(ApiError::invalid("", "", message).into());
        }
    }
    Ok(Answer::ok(&response.json(now, None)))
}

pub(crate) async fn delete(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("responses/delete", Kind::Read), request).await;
    let outcome = call.gate("").and_then(|()| {
        if lock(&call.world.responses).remove(&id) {
            Ok(Answer::ok(
                &json!({"id": id, "object": "response", "deleted": true}),
            ))
        } else {
            Err(not_found(&id).into())
        }
    });
    call.finish(outcome).await
}

fn model_of(world: &World, id: &str) -> String {
    let now = world.clock.now();
    let mut responses = lock(&world.responses);
    responses
        .get(id, now)
        .map(|r| r.order.model.name.to_owned())
        .unwrap_or_default()
}
