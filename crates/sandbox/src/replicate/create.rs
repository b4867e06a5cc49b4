//! Creating predictions, in the three ways there are.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use chrono::TimeDelta;
use domain::Clock;
use http::StatusCode;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::errors::{invalid, not_found, problem};
use super::input::{self, Wanted};
use super::prediction::{End, Oddities, OutputFile, Prediction, Status};
use super::price::per_picture_micros;
use super::{endpoint, webhook};
use crate::answer::{Answer, Failure, Outcome};
use crate::call::{Call, Charge};
use crate::fault::{Fired, Kind, Mode};
use crate::ids;
use crate::world::{World, lock};

const EVENTS: [&str; 4] = ["start", "output", "logs", "completed"];
const MAX_WAIT_S: u64 = 60;
/// The version that official models show.
const HIDDEN: &str = "hidden";

/// What is run: a model and the version that answers show.
struct Target {
    model: String,
    version: String,
}

pub(crate) async fn by_model(
    State(world): State<Arc<World>>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let target = Target {
        model: format!("{owner}/{name}"),
        version: HIDDEN.to_owned(),
    };
    create(world, request, "predictions/create", Some(target)).await
}

pub(crate) async fn by_deployment(
    State(world): State<Arc<World>>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let model = format!("{owner}/{name}");
    let digest = crate::draw::digest([model.as_bytes()]);
    let version: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let target = Target {
        model,
        version: format!("dp-{version}"),
    };
    create(
        world,
        request,
        "predictions/create/deployment",
        Some(target),
    )
    .await
}

pub(crate) async fn by_version(State(world): State<Arc<World>>, request: Request) -> Response {
    create(world, request, "predictions/create/version", None).await
}

async fn create(
    world: Arc<World>,
    request: Request,
    name: &'static str,
    target: Option<Target>,
) -> Response {
    let mut call = Call::read(world, endpoint(name, Kind::Polled), request).await;
    let outcome = submit(&mut call, target).await;
    call.finish(outcome).await
}

async fn submit(call: &mut Call, target: Option<Target>) -> Outcome {
    let fields: Option<Map<String, Value>> = serde_json::from_slice(&call.body).ok();
    let version = fields
        .as_ref()
        .and_then(|fields| fields.get("version")?.as_str());
    let target = target.map_or_else(|| by_name(version), Ok);
    call.gate(target.as_ref().map_or("", |target| target.model.as_str()))?;
    let Some(fields) = fields else {
        let detail = "The request body is not valid JSON.";
        return Err(problem(StatusCode::BAD_REQUEST, "Invalid JSON", detail).into());
    };
    let target = target?;
    if is_missing(&target.model) {
        return Err(not_found().into());
    }
    let Some(given) = fields.get("input") else {
        return Err(invalid("input", "required", "input is required").into());
    };
    let wanted = input::parse(&call.world, &target.model, given).await?;
    let (webhook, events) = hooks(&fields)?;
    let prediction = plan(call, target, given, wanted, webhook, events)?;
    let id = prediction.id.clone();
    lock(&call.world.predictions).add(prediction);
    webhook::announce(&call.world, &id);
    call.work(Duration::ZERO).await?;
    let waited = wait(call, &id).await?;
    let unfinished = call
        .fired
        .has(Mode::ProcessingAfterWait)
        .then_some(Status::Processing);
    read(
        &call.world,
        &id,
        waited,
        unfinished.filter(|_| waited.is_some()),
    )
}

/// Every well-formed model exists, but those whose name begins with `missing` or `retired`.
pub(crate) fn is_missing(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    name.starts_with("missing") || name.starts_with("retired")
}

/// `version` is 64 hexadecimal digits, or `owner/name`, or `owner/name:version`.
fn by_name(version: Option<&str>) -> Result<Target, Failure> {
    let refuse = |description: &str| Err(invalid("version", "invalid", description).into());
    let Some(version) = version else {
        return Err(invalid("version", "required", "version is required").into());
    };
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_digest(version) {
        return Ok(Target {
            model: "sandbox/community".to_owned(),
            version: version.to_owned(),
        });
    }
    let (model, digest) = version.split_once(':').unwrap_or((version, HIDDEN));
    if model.split('/').count() != 2 || (digest != HIDDEN && !is_digest(digest)) {
        return refuse(
            "The specified version does not exist (or perhaps you don't have permission to use it?)",
        );
    }
    Ok(Target {
        model: model.to_owned(),
        version: digest.to_owned(),
    })
}

fn hooks(fields: &Map<String, Value>) -> Result<(Option<String>, Vec<String>), Failure> {
    let webhook = match fields.get("webhook") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let url = value.as_str().and_then(|text| url::Url::parse(text).ok());
            let good = url.filter(|url| matches!(url.scheme(), "http" | "https"));
            let Some(url) = good else {
                return Err(invalid("webhook", "format", "Does not match format 'uri'").into());
            };
            Some(url.to_string())
        }
    };
    let events = match fields.get("webhook_events_filter") {
        None | Some(Value::Null) => EVENTS.map(str::to_owned).to_vec(),
        Some(value) => {
            let list: Option<Vec<String>> = serde_json::from_value(value.clone()).ok();
            let known =
                list.filter(|list| list.iter().all(|event| EVENTS.contains(&event.as_str())));
            let Some(list) = known else {
                let text =
                    "must be one of the following: \"start\", \"output\", \"logs\", \"completed\"";
                return Err(invalid("webhook_events_filter", "enum", text).into());
            };
            list
        }
    };
    Ok((webhook, events))
}

/// How the work will end. Policy is a failure here, with a text.
fn end(fired: &Fired, failure: Option<String>) -> (End, Option<bool>) {
    if let Some(text) = failure {
        return (End::Failed(text), Some(false));
    }
    let text = |mode: Mode, default: &str| {
        let fault = fired.get(mode)?;
        Some((
            fault.code.clone().unwrap_or_else(|| default.to_owned()),
            fault.billed,
        ))
    };
    let policy = "NSFW content detected. Try running it again, or try a different prompt.";
    if fired.has(Mode::Aborted) {
        (End::Aborted, Some(false))
    } else if fired.has(Mode::ModeratedIn) {
        (End::Failed(policy.to_owned()), Some(false))
    } else if let Some(fault) = fired.get(Mode::ModeratedOut) {
        (
            End::Failed(policy.to_owned()),
            Some(fault.billed.unwrap_or(true)),
        )
    } else if let Some((text, billed)) =
        text(Mode::Failed, "Prediction failed: E1000 unknown error")
    {
        (End::Failed(text), Some(billed.unwrap_or(false)))
    } else if fired.has(Mode::NeverFinishes) {
        (End::Never, None)
    } else {
        (End::Succeeded, None)
    }
}

fn plan(
    call: &mut Call,
    target: Target,
    input: &Value,
    wanted: Wanted,
    webhook: Option<String>,
    events: Vec<String>,
) -> Result<Prediction, Failure> {
    let id = ids::prediction();
    let deadline = cancel_after(call)?;
    let pictures = wanted.drawings.len() as u32;
    let cost_micros = per_picture_micros(&target.model) * i64::from(pictures);
    let (end, billed) = end(&call.fired, wanted.failure);
    let entry = call.accept(Charge {
        billed: false,
        pictures,
        seed: wanted.seed,
        webhook: webhook.clone(),
        remote_id: Some(id.clone()),
        prompt: input["prompt"].as_str().unwrap_or_default().to_owned(),
        ..Charge::default()
    });
    let (timings, fired) = (&call.world.timings, &call.fired);
    let span = |duration: Duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(1));
    let made_at = call.world.clock.now();
    let starts_at = made_at + span(timings.queued);
    let file = |drawing| OutputFile {
        token: ids::file(),
        name: format!("out-0.{}", wanted.extension),
        drawing,
        asked: false,
    };
    let prediction = Prediction {
        id,
        entry,
        model: target.model,
        version: target.version,
        input: input.clone(),
        origin: call.origin(),
        made_at,
        starts_at,
        ends_at: starts_at + span(timings.async_work),
        deadline: deadline.map(|after| made_at + span(after)),
        canceled_at: None,
        listed_at: made_at + span(fired.pause(Mode::ListLag).unwrap_or_default()),
        file_life: span(fired.pause(Mode::ExpiredUrl).unwrap_or(timings.file_life)),
        data_life: span(timings.file_life),
        end,
        files: wanted.drawings.into_iter().map(file).collect(),
        gives_one: wanted.gives_one,
        empty_output: fired.has(Mode::EmptyData),
        webhook: webhook.filter(|_| !fired.has(Mode::WebhookNone)),
        events,
        oddities: Oddities {
            copies: fired
                .get(Mode::WebhookDuplicate)
                .map_or(1, |f| f.copies.unwrap_or(2)),
            late: fired.pause(Mode::WebhookLate).unwrap_or_default(),
            forged: fired.has(Mode::WebhookForged),
        },
        changed: Arc::new(Notify::new()),
        cost_micros,
    };
    let billed = billed.unwrap_or_else(|| prediction.is_charged());
    call.world.ledger.change(entry, |entry| {
        entry.billed = billed;
        entry.cost_micros = if billed { cost_micros } else { 0 };
    });
    Ok(prediction)
}

/// `Cancel-After: 90`, `90s`, `1m` or `1h`; at least five seconds at the real service, anything here.
fn cancel_after(call: &Call) -> Result<Option<Duration>, Failure> {
    let Some(value) = call.headers.get("cancel-after") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let duration = digits.parse::<f64>().ok().map(|number| number * seconds);
    match duration.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(duration) => Ok(Some(duration)),
        None => Err(invalid(
            "Cancel-After",
            "format",
            "must be a duration such as 30s, 1m or 1h",
        )
        .into()),
    }
}

/// Waits as `Prefer: wait` asks; gives the seconds that were asked for.
async fn wait(call: &Call, id: &str) -> Result<Option<u64>, Failure> {
    let Some(prefer) = call
        .headers
        .get("prefer")
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(None);
    };
    let Some(seconds) = wait_seconds(prefer) else {
        return Ok(None);
    };
    let seconds =
        seconds.map_err(|()| invalid("Prefer", "range", "wait must be between 1 and 60"))?;
    if let Some(pause) = call.fired.pause(Mode::ProcessingAfterWait) {
        // The work has started by then, so that `processing` is the truth.
        tokio::time::sleep(pause.max(call.world.timings.queued)).await;
    } else {
        // Whether it ends in time or not, the answer says how it stands.
        let limit = Duration::from_secs(seconds);
        let _ = tokio::time::timeout(limit, ended(&call.world, id)).await;
    }
    Ok(Some(seconds))
}

fn wait_seconds(prefer: &str) -> Option<Result<u64, ()>> {
    let wait = prefer
        .split([',', ';'])
        .map(str::trim)
        .find(|part| part.starts_with("wait"))?;
    Some(match wait.strip_prefix("wait=") {
        None => Ok(MAX_WAIT_S),
        Some(text) => match text.trim().parse() {
            Ok(seconds) if (1..=MAX_WAIT_S).contains(&seconds) => Ok(seconds),
            _ => Err(()),
        },
    })
}

/// Returns once the prediction has ended or is forgotten. May be dropped at any time.
pub(crate) async fn ended(world: &World, id: &str) {
    loop {
        let (left, changed) = {
            let now = world.clock.now();
            let mut predictions = lock(&world.predictions);
            let Some(prediction) = predictions.get(id) else {
                return;
            };
            if prediction.status(now).is_final() {
                return;
            }
            let left = prediction.fate().map(|(at, _)| at - now);
            (left, Arc::clone(&prediction.changed))
        };
        // A moment more, because timers of this kind may fire a millisecond early.
        let left = left
            .and_then(|left| left.to_std().ok())
            .map(|left| left + Duration::from_millis(1));
        tokio::select! {
            () = tokio::time::sleep(left.unwrap_or(Duration::from_secs(1))) => {}
            () = changed.notified() => {}
        }
    }
}

/// The answer to a creation. One that waited in vain is 202, everything else 201. `told` is the status
/// that a fault wants to be told.
fn read(world: &World, id: &str, waited: Option<u64>, told: Option<Status>) -> Outcome {
    let now = world.clock.now();
    let mut predictions = lock(&world.predictions);
    let prediction = predictions.get(id).ok_or_else(not_found)?;
    let told = told.unwrap_or_else(|| prediction.status(now));
    let done = told.is_final();
    let status = if waited.is_some() && !done {
        StatusCode::ACCEPTED
    } else {
        StatusCode::CREATED
    };
    let mut answer = Answer::json(status, &prediction.json_with(now, told));
    if let Some(seconds) = waited {
        answer.set("preference-applied", &format!("wait={seconds}"));
    }
    Ok(answer)
}

/// Stops a prediction; one that has ended stays as it is.
pub(crate) fn stop(world: &World, id: &str) -> Outcome {
    let now = world.clock.now();
    let mut predictions = lock(&world.predictions);
    let prediction = predictions.get(id).ok_or_else(not_found)?;
    let status = prediction.status(now);
    if !status.is_final() {
        prediction.canceled_at = Some(now);
        let billed = status == Status::Processing;
        let cost_micros = if billed { prediction.cost_micros } else { 0 };
        world.ledger.change(prediction.entry, |entry| {
            entry.billed = billed;
            entry.cost_micros = cost_micros;
        });
        prediction.changed.notify_waiters();
    }
    Ok(Answer::ok(&prediction.json(now)))
}
