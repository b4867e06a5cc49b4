//! Asynchronous results, the balance, and what is not there.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use http::StatusCode;
use serde_json::json;

use super::endpoint;
use super::errors::{error, moderated};
use super::fields::Shared;
use super::generate::{PictureOrder, draw, told};
use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::draw::Drawing;
use crate::fault::{Kind, Mode};
use crate::ids;
use crate::ledger::EntryNumber;
use crate::provider::Provider;
use crate::world::{World, lock};

/// Results are kept for a day.
const LIFE: TimeDelta = TimeDelta::days(1);
const MAX_RESULTS: usize = 20_000;
/// What an account starts with, in credits.
const CREDITS: f64 = 100_000.0;

/// Work that is polled for.
#[derive(Debug, Clone)]
struct Work {
    entry: EntryNumber,
    drawing: Drawing,
    shared: Shared,
    made_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

/// All asynchronous work.
#[derive(Debug, Default)]
pub(crate) struct Results {
    by_id: HashMap<String, Work>,
}

/// Accepts work and answers with its id.
pub(crate) async fn submit(call: &mut Call, order: PictureOrder) -> Outcome {
    if call.fired.has(Mode::ModeratedIn) {
        return Err(moderated().into());
    }
    let id = ids::stability_work();
    let mut charge = order.charge(true);
    charge.remote_id = Some(id.clone());
    let entry = call.accept(charge);
    let made_at = call.world.clock.now();
    let time = call.world.timings.queued + call.world.timings.async_work;
    let work = Work {
        entry,
        drawing: order.drawing(false),
        shared: order.shared,
        made_at,
        ends_at: made_at + TimeDelta::from_std(time).unwrap_or_default(),
    };
    {
        let mut results = lock(&call.world.results);
        if results.by_id.len() >= MAX_RESULTS {
            results
                .by_id
                .retain(|_, work| made_at < work.made_at + TimeDelta::minutes(1));
        }
        results.by_id.insert(id.clone(), work);
    }
    call.work(std::time::Duration::ZERO).await?;
    Ok(Answer::ok(&json!({"id": id})))
}

pub(crate) async fn get(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let mut call = Call::read(world, endpoint("results", Kind::Read), request).await;
    let outcome = match call.gate("") {
        Ok(()) => read(&call, &id).await,
        Err(failure) => Err(failure),
    };
    call.finish(outcome).await
}

async fn read(call: &Call, id: &str) -> Outcome {
    let now = call.world.clock.now();
    let found = lock(&call.world.results).by_id.get(id).cloned();
    let Some(work) = found.filter(|work| now < work.made_at + LIFE) else {
        let text = "Your requested image could not be found.";
        return Err(error(StatusCode::NOT_FOUND, "not_found", text).into());
    };
    if now < work.ends_at {
        return Ok(Answer::json(
            StatusCode::ACCEPTED,
            &json!({"id": id, "status": "in-progress"}),
        ));
    }
    let picture = draw(&call.world, work.drawing).await?;
    let mut shared = work.shared;
    // The form of the answer is that which the poll asks for.
    shared.wanted = super::fields::wanted(&call.headers)?;
    Ok(told(&shared, "SUCCESS", picture).delivering(work.entry))
}

/// What is left of the credits, after everything billed.
pub(crate) async fn balance(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("user/balance", Kind::Read), request).await;
    let outcome = call.gate("").map(|()| {
        let spent = call.world.ledger.entries().into_iter();
        let spent: i64 = spent
            .filter(|e| e.provider == Provider::Stability)
            .map(|e| e.cost_micros)
            .sum();
        let left = CREDITS - spent as f64 / super::generate::CREDIT_MICROS as f64;
        Answer::ok(&json!({"credits": left}))
    });
    call.finish(outcome).await
}

pub(crate) async fn unknown(State(world): State<Arc<World>>, request: Request) -> Response {
    let call = Call::read(world, endpoint("unknown", Kind::Read), request).await;
    let outcome = Err(error(StatusCode::NOT_FOUND, "not_found", "not found").into());
    call.finish(outcome).await
}
