//! Telling an endpoint many things once more.
//!
//! A repair is durable: it goes on after restarts, shows how far it has come, and can be cancelled. A
//! repeat with the same `Idempotency-Key` finds the repair of the first.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use store::webhooks::bulk::{self, Asked, Job, Kind, NewJob};

use super::super::answers::{BodyProblems, Conflict, KeyProblems, Missing};
use super::super::made::{IdempotencyKey, made};
use super::{endpoint, id_of_request};
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::request::{
    JsonBody, Repair, WebhookJobPath, WebhookPath, idempotency_key, parse_repair,
};
use crate::view::{WebhookJobView, WebhookJobsView};

/// Which deliveries are to be recovered.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"since": "2026-05-01T12:00:00Z"}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(in super::super) struct RecoverDeliveries {
    /// Written at or after this instant.
    since: DateTime<Utc>,
    /// Written before this instant; otherwise now.
    until: Option<DateTime<Utc>>,
    /// Types of events; otherwise all.
    events: Option<Vec<String>>,
}

/// Which deliveries are to be replayed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"since": "2026-05-01T12:00:00Z", "events": ["generation.completed"], "statuses": ["delivered"]}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(in super::super) struct ReplayDeliveries {
    /// Written at or after this instant.
    since: DateTime<Utc>,
    /// Written before this instant; otherwise now.
    until: Option<DateTime<Utc>>,
    /// Types of events; otherwise all.
    events: Option<Vec<String>>,
    /// `delivered`, `exhausted`, `skipped`; otherwise all three.
    statuses: Option<Vec<String>>,
}

/// Send again what did not arrive: given up, passed over, or waiting for a later try.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/recover",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        IdempotencyKey,
    ),
    request_body = RecoverDeliveries,
    responses(
        (status = 202, description = "A job; `Location` is its address", body = WebhookJobView),
        KeyProblems,
        BodyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn recover_deliveries(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    begin(&app, &caller, &id, &headers, body, Kind::Recover).await
}

/// Send again whatever matches, also what had arrived.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        IdempotencyKey,
    ),
    request_body = ReplayDeliveries,
    responses(
        (status = 202, description = "A job; `Location` is its address", body = WebhookJobView),
        KeyProblems,
        BodyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn replay_deliveries(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    begin(&app, &caller, &id, &headers, body, Kind::Replay).await
}

/// Send what the endpoint wants and was never told: from before it was there, or while it was off.
///
/// Events are kept for 30 days.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay-missing",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        IdempotencyKey,
    ),
    request_body = RecoverDeliveries,
    responses(
        (status = 202, description = "A job; `Location` is its address", body = WebhookJobView),
        KeyProblems,
        BodyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn replay_missing(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    begin(&app, &caller, &id, &headers, body, Kind::ReplayMissing).await
}

async fn begin(
    app: &App,
    caller: &Caller,
    webhook: &str,
    headers: &HeaderMap,
    body: Value,
    kind: Kind,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let key = idempotency_key(headers)?;
    let now = app.now();
    let repair = parse_repair(body, kind, now)?;
    let endpoint = endpoint(app, caller, webhook).await?;
    if endpoint.is_request_host && kind == Kind::ReplayMissing {
        return Err(Code::RequestHost.into());
    }
    let new = NewJob {
        id: id_of_request(app, caller, "webhook job", key.as_deref()),
        brand: caller.brand().clone(),
        webhook: webhook.to_owned(),
        kind,
        since: repair.since,
        until: repair.until.unwrap_or(now),
        events: repair.events.clone(),
        statuses: repair.statuses.clone(),
    };
    match bulk::create(&app.database, now, &new).await? {
        Asked::Queued => {}
        Asked::Inactive => return Err(Code::WebhookDisabled.into()),
        Asked::Missing => return Err(Code::NotFound.into()),
    }
    let job = bulk::find(&app.database, caller.brand(), new.id).await?;
    let job = job.ok_or(Code::NotFound)?;
    if !is_of(&job, &new, &repair) {
        let problem = Problem::from(Code::IdempotencyKeyReused);
        return Err(problem.detail(format!("it began the job {} before", job.id)));
    }
    let location = format!("{}/v1/webhooks/{webhook}/jobs/{}", app.public_url, job.id);
    let repeated = key.is_some() && !is_same(job.created_at, now);
    let shown = (StatusCode::ACCEPTED, Json(WebhookJobView::from(job)));
    Ok(made(&location, repeated, shown))
}

/// Whether a job is the one that was asked for. An end that was not given was the moment of the first
/// request.
fn is_of(job: &Job, new: &NewJob, asked: &Repair) -> bool {
    job.webhook == new.webhook
        && job.kind == new.kind.as_str()
        && is_same(job.since, new.since)
        && asked.until.is_none_or(|until| is_same(until, job.until))
        && job.events == new.events
        && job.statuses == new.statuses
}

/// Whether two instants are the same as far as the database keeps them.
fn is_same(one: DateTime<Utc>, other: DateTime<Utc>) -> bool {
    one.timestamp_micros() == other.timestamp_micros()
}

/// List an endpoint's jobs, the newest first, at most a hundred.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/jobs",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The jobs", body = WebhookJobsView), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn list_webhook_jobs(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<Json<WebhookJobsView>, Problem> {
    caller.must_be_secret()?;
    endpoint(&app, &caller, &id).await?;
    let found = bulk::list(&app.database, caller.brand(), Some(&id)).await?;
    let data = found.into_iter().map(Into::into).collect();
    Ok(Json(WebhookJobsView { data }))
}

/// Read a job: how far it has come.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/jobs/{job}",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("job" = String, Path, description = "The job's id"),
    ),
    responses((status = 200, description = "The job", body = WebhookJobView), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn get_webhook_job(
    State(app): State<App>,
    caller: Caller,
    path: WebhookJobPath,
) -> Result<Json<WebhookJobView>, Problem> {
    caller.must_be_secret()?;
    Ok(Json(job(&app, &caller, &path).await?.into()))
}

/// Ask a job to stop. What it has made due stays due.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/jobs/{job}/cancel",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("job" = String, Path, description = "The job's id"),
    ),
    responses(
        (status = 202, description = "It stops before its next step", body = WebhookJobView),
        KeyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn cancel_webhook_job(
    State(app): State<App>,
    caller: Caller,
    path: WebhookJobPath,
) -> Result<(StatusCode, Json<WebhookJobView>), Problem> {
    caller.must_be_secret()?;
    job(&app, &caller, &path).await?;
    let open = bulk::cancel(&app.database, caller.brand(), path.job).await?;
    let job = job(&app, &caller, &path).await?;
    match open {
        true => Ok((StatusCode::ACCEPTED, Json(job.into()))),
        false => Err(Problem::from(Code::AlreadyEnded).with("state", job.state)),
    }
}

async fn job(app: &App, caller: &Caller, path: &WebhookJobPath) -> Result<Job, Problem> {
    let found = bulk::find(&app.database, caller.brand(), path.job).await?;
    let found = found.filter(|job| job.webhook == path.webhook);
    found.ok_or_else(|| Code::NotFound.into())
}
