//! What costs nothing: moderations, models, usage.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::errors::ApiError;
use super::generations::{model_name, object};
use super::{endpoint, models};
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::fault::Kind;
use crate::provider::Provider;
use crate::world::World;

/// When models were made, for listings: the day of gpt-image-2.
const MADE_AT: i64 = 1_776_729_600;

const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// Words that the sandbox flags, so that both outcomes can be had without a fault.
const FLAGGED: [(&str, &str); 4] = [
    ("naked", "sexual"),
    ("behead", "violence"),
    ("kill", "violence"),
    ("hate speech", "hate"),
];

pub(crate) async fn moderations(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("moderations", Kind::Read), request).await;
    let outcome = moderate(&mut call);
    call.finish(outcome).await
}

fn moderate(call: &mut Call) -> Outcome {
    let fields = object(&call.body);
    call.gate(model_name(fields.as_ref().ok()))?;
    let fields = fields?;
    let inputs: Vec<&Value> = match fields.get("input") {
        None | Some(Value::Null) => {
            let message = "Missing required parameter: 'input'.";
            return Err(ApiError::invalid("input", "missing_required_parameter", message).into());
        }
        Some(Value::Array(parts)) if parts.iter().all(Value::is_string) => parts.iter().collect(),
        Some(one) => vec![one],
    };
    let pictures = inputs.iter().copied().map(pictures).sum::<usize>();
    if pictures > 1 {
        let message = format!("Number of images ({pictures}) exceeds maximum of 1");
        return Err(ApiError::invalid("input", "too_many_images", message).into());
    }
    let model = match model_name(Some(&fields)) {
        "" => "omni-moderation-latest",
        model => model,
    };
    let results: Vec<Value> = inputs.into_iter().map(verdict).collect();
    let id = call.request_id.replacen("req_", "modr-", 1);
    Ok(Answer::ok(
        &json!({"id": id, "model": model, "results": results}),
    ))
}

fn verdict(input: &Value) -> Value {
    let text = words(input).to_lowercase();
    let met: Vec<&str> = FLAGGED
        .iter()
        .filter(|(word, _)| text.contains(word))
        .map(|(_, category)| *category)
        .collect();
    let map = |value: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        CATEGORIES
            .iter()
            .map(|category| ((*category).to_owned(), value(category)))
            .collect()
    };
    json!({
        "flagged": !met.is_empty(),
        "categories": map(&|category| met.contains(&category).into()),
        "category_scores": map(&|category| if met.contains(&category) { 0.98.into() } else { 0.0002.into() }),
        "category_applied_input_types": map(&|_| json!(["text"])),
    })
}

/// How many pictures stand in it.
fn pictures(input: &Value) -> usize {
    match input {
        Value::Array(parts) => parts.iter().map(pictures).sum(),
        Value::Object(part) => usize::from(part.contains_key("image_url")),
        _ => 0,
    }
}

fn words(input: &Value) -> String {
    match input {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(part) => part.get("text").map(words).unwrap_or_default(),
        _ => String::new(),
    }
}

pub(crate) async fn models(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("models", Kind::Read), request).await;
    let outcome = call.gate("").map(|()| {
        let names = models::LIVE
            .iter()
            .map(|model| model.name)
            .chain(models::OTHERS.iter().copied());
        let data: Vec<Value> = names.map(model_object).collect();
        Answer::ok(&json!({"object": "list", "data": data}))
    });
    call.finish(outcome).await
}

pub(crate) async fn model(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("models", Kind::Read), request).await;
    let outcome = call.gate(&name).and_then(|()| {
        let known = models::find(&name).is_some() || models::OTHERS.contains(&name.as_str());
        if known {
            Ok(Answer::ok(&model_object(&name)))
        } else {
            Err(ApiError::no_model(&name).into())
        }
    });
    call.finish(outcome).await
}

fn model_object(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": MADE_AT, "owned_by": "system"})
}

/// Pictures per minute, from the ledger. The real one needs an administrator's key.
pub(crate) async fn usage(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(
        world,
        endpoint("organization/usage/images", Kind::Read),
        request,
    )
    .await;
    let outcome = call.gate("").and_then(|()| buckets(&call));
    call.finish(outcome).await
}

fn buckets(call: &Call) -> Outcome {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(call.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let Some(start) = query
        .get("start_time")
        .and_then(|text| text.parse::<i64>().ok())
    else {
        let message = "Missing required parameter: 'start_time'.";
        return Err(ApiError::invalid("start_time", "missing_required_parameter", message).into());
    };
    let width = match query.get("bucket_width").map_or("1d", String::as_str) {
        "1m" => 60,
        "1h" => 3600,
        "1d" => 86_400,
        _ => {
            let message = "Invalid 'bucket_width'. Supported values are: '1m', '1h', '1d'.";
            return Err(ApiError::invalid("bucket_width", "invalid_value", message).into());
        }
    };
    let mut counted: BTreeMap<(i64, String), (u64, u64)> = BTreeMap::new();
    for entry in call.world.ledger.entries() {
        let at = entry.at.timestamp();
        if entry.provider != Provider::OpenAi || !entry.billed || at < start {
            continue;
        }
        let bucket = at - at.rem_euclid(width);
        let sums = counted.entry((bucket, entry.model)).or_default();
        sums.0 += u64::from(entry.pictures);
        sums.1 += 1;
    }
    let data: Vec<Value> = counted
        .into_iter()
        .map(|((from, model), (images, requests))| {
            json!({"object": "bucket", "start_time": from, "end_time": from + width, "results": [{
                "object": "organization.usage.images.result",
                "images": images, "num_model_requests": requests, "model": model,
            }]})
        })
        .collect();
    Ok(Answer::ok(
        &json!({"object": "page", "data": data, "has_more": false, "next_page": null}),
    ))
}

pub(crate) async fn unknown(State(world): State<Arc<World>>, request: Request) -> Response {
    let path = format!("{} {}", request.method(), request.uri().path());
    let call = Call::read(world, endpoint("unknown", Kind::Read), request).await;
    let outcome = Err(ApiError::not_found(format!("Invalid URL ({path})")).into());
    call.finish(outcome).await
}
