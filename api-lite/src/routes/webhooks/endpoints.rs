//! Making, reading, changing and removing endpoints.
//!
//! A lost answer to `POST /v1/webhooks` would leave an endpoint whose secret nobody knows. So a repeat with
//! the same `Idempotency-Key` is answered with the same endpoint and secret, for a day and as long as
//! nobody has changed either. The id derives from the key, so nothing is kept for it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::TimeDelta;
use domain::webhook_signature::{WebhookSecret, WebhookSigningKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::SealingKeys;
use store::webhooks::endpoints::{self, Change, Endpoint, Kind, NewEndpoint, Settings};
use store::webhooks::secrets::{self, NewSecret, Owner, SecretKind};

use super::super::answers::{BodyProblems, Conflict, KeyProblems, Missing, NoSecrets};
use super::super::made::{IdempotencyKey, made};
use super::{endpoint, id_of_request};
use crate::app::App;
use crate::auth::Caller;
use crate::entropy::random;
use crate::problem::{Code, Problem};
use crate::request::{
    JsonBody, Query, WebhookPath, idempotency_key, parse_webhook, parse_webhook_change,
};
use crate::view::{WebhookCreated, WebhookView, WebhooksView, public_key};

/// How long a repeat is told the secret: as long as a client may try again.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// Times that a change is made anew because others were quicker.
const MAX_ROUNDS: u8 = 5;

/// An endpoint that is to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "name": "Orders",
    "url": "https://shop.example/hook",
    "events": ["generation.completed", "generation.failed"]
}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(in super::super) struct CreateWebhook {
    /// A name for people.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Where to send to: https on port 443 with a public address, no user or password.
    #[schema(max_length = 2048)]
    url: String,
    /// Types of events: see `webhooks` in this document.
    #[schema(min_items = 1)]
    events: Vec<String>,
    /// `standard` (otherwise), `thin` (ids only) or `origin` (the older platform's body and signature).
    payload_format: Option<String>,
    /// At most ten further headers. They are shown to whoever may read the endpoint.
    headers: Option<BTreeMap<String, String>>,
    /// Deliveries that may be under way at once; otherwise 4.
    #[schema(minimum = 1, maximum = 64)]
    max_in_flight: Option<u8>,
    /// Tries a second; otherwise without limit.
    #[schema(minimum = 0.01, maximum = 10000)]
    rate_per_s: Option<f64>,
    /// One delivery after the other, in the order of the events.
    ordered: Option<bool>,
    /// Milliseconds that one try may take; otherwise 15,000.
    #[schema(minimum = 1000, maximum = 30000)]
    timeout_ms: Option<u16>,
    /// Sign with an ed25519 key too (`v1a`), whose public half is answered.
    ed25519: Option<bool>,
}

/// What is to change of an endpoint; null brings a setting back to its default.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"max_in_flight": 8, "rate_per_s": null}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(in super::super) struct ChangeWebhook {
    /// A name for people.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Where to send to from now on, what is pending included.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// Types of events that are told from now on.
    #[schema(min_items = 1)]
    events: Option<Vec<String>>,
    /// `standard`, `thin` or `origin`.
    payload_format: Option<String>,
    /// All further headers.
    headers: Option<BTreeMap<String, String>>,
    /// Deliveries that may be under way at once.
    #[schema(minimum = 1, maximum = 64)]
    max_in_flight: Option<u8>,
    /// Tries a second.
    #[schema(minimum = 0.01, maximum = 10000)]
    rate_per_s: Option<f64>,
    /// One delivery after the other, in the order of the events.
    ordered: Option<bool>,
    /// Milliseconds that one try may take.
    #[schema(minimum = 1000, maximum = 30000)]
    timeout_ms: Option<u16>,
}

/// Make an endpoint.
///
/// The answer shows the secret, which is shown nowhere else. Repeating the request with the same
/// `Idempotency-Key` within a day answers the same, in case the first answer was lost.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    request_body = CreateWebhook,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "Made; `Location` is its address", body = WebhookCreated),
        KeyProblems,
        BodyProblems,
        Conflict,
        NoSecrets,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn create_webhook(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let key = idempotency_key(&headers)?;
    let asked = parse_webhook(body, &app.webhooks.allowed)?;
    let keys = app.webhooks.keys()?;
    let id = id_of_request(&app, &caller, "webhook", key.as_deref());
    let id = format!("wh_{}", id.simple());
    let secret = WebhookSecret::from_bytes(random(app.entropy.as_ref())).to_text();
    let mut secrets = vec![new_secret(&app, SecretKind::Hmac, &secret)];
    if asked.ed25519 {
        let key = WebhookSigningKey::from_seed(random(app.entropy.as_ref())).to_text();
        secrets.push(new_secret(&app, SecretKind::Ed25519, &key));
    }
    let new = NewEndpoint {
        id: id.clone(),
        brand: caller.brand().clone(),
        settings: asked.settings,
        secrets,
    };
    let is_new = endpoints::create(&app.database, app.now(), keys, &new).await?;
    let created = created(&app, &caller, keys, &new).await?;
    let location = format!("{}/v1/webhooks/{id}", app.public_url);
    let shown = (StatusCode::CREATED, Json(created));
    Ok(made(&location, !is_new, shown))
}

/// A secret as it is kept.
pub(super) fn new_secret(app: &App, kind: SecretKind, text: &str) -> NewSecret {
    NewSecret {
        id: uuid::Builder::from_random_bytes(random(app.entropy.as_ref())).into_uuid(),
        kind,
        secret: SecretString::from(text),
    }
}

/// The endpoint as it stands, with its secrets, if it is still what was asked for. For one that was made
/// just now, that is read back too: an older platform may change it at any moment.
async fn created(
    app: &App,
    caller: &Caller,
    keys: &SealingKeys,
    asked: &NewEndpoint,
) -> Result<WebhookCreated, Problem> {
    let reused = |why: &str| Problem::from(Code::IdempotencyKeyReused).detail(why);
    let found = endpoints::find(&app.database, caller.brand(), &asked.id).await?;
    let found = found.ok_or_else(|| reused("the endpoint that was made with it was removed"))?;
    let owner = Owner {
        brand: caller.brand(),
        webhook: Some(&asked.id),
    };
    let known = secrets::open(&app.database, app.now(), keys, owner).await?;
    let of = |kind: SecretKind| {
        known
            .iter()
            .filter(move |one| one.info.kind == kind.as_str())
    };
    let unchanged = found.settings == asked.settings
        && found.updated_at == found.created_at
        && known.len() == asked.secrets.len()
        && known.iter().all(|one| one.info.expires_at.is_none())
        && app.now() - found.created_at <= REPEATABLE;
    let secret = of(SecretKind::Hmac).next().filter(|_| unchanged);
    let secret = secret.ok_or_else(|| {
        reused("it made another endpoint, or one that was changed since or is older than a day")
    })?;
    let signing = of(SecretKind::Ed25519).next();
    Ok(WebhookCreated {
        secret: secret.secret.expose_secret().to_owned(),
        public_key: signing.and_then(|key| public_key(key.secret.expose_secret())),
        webhook: found.into(),
    })
}

/// List the brand's endpoints, the oldest first. There are at most fifty.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "webhooks",
    params(("kind" = Option<String>, Query, description = "`endpoint` (otherwise), or `request`: the hosts that requests have named by `webhook_url`")),
    responses((status = 200, description = "All of them", body = WebhooksView), KeyProblems),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn list_webhooks(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<WebhooksView>, Problem> {
    caller.must_be_secret()?;
    let kind = match query.text("kind").as_deref() {
        None | Some("endpoint") => Kind::Endpoint,
        Some("request") => Kind::RequestHost,
        Some(_) => {
            query.fault("kind", "malformed", "endpoint or request is expected");
            Kind::Endpoint
        }
    };
    query.finish()?;
    let found = endpoints::list(&app.database, caller.brand(), kind).await?;
    let data = found.into_iter().map(WebhookView::from).collect();
    Ok(Json(WebhooksView { data }))
}

/// Read an endpoint.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint", body = WebhookView), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn get_webhook(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<Json<WebhookView>, Problem> {
    caller.must_be_secret()?;
    Ok(Json(endpoint(&app, &caller, &id).await?.into()))
}

/// Change an endpoint. What is not named stays.
///
/// What is pending goes to the new address in the new format.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    request_body = ChangeWebhook,
    responses(
        (status = 200, description = "The endpoint as it is now", body = WebhookView),
        KeyProblems,
        BodyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn update_webhook(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    JsonBody(body): JsonBody,
) -> Result<Json<WebhookView>, Problem> {
    caller.must_be_secret()?;
    change(&app, &caller, &id, |endpoint| {
        parse_webhook_change(body.clone(), endpoint, &app.webhooks.allowed)
    })
    .await
}

/// Writes what `wanted` makes of the endpoint, of its newest state if others change it meanwhile.
async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    wanted: impl Fn(&Endpoint) -> Result<Settings, Problem>,
) -> Result<Json<WebhookView>, Problem> {
    for _ in 0..MAX_ROUNDS {
        let old = endpoint(app, caller, id).await?;
        let settings = wanted(&old)?;
        if settings == old.settings {
            return Ok(Json(old.into()));
        }
        let (brand, read_at) = (caller.brand(), old.updated_at);
        let update = endpoints::update(&app.database, app.now(), brand, id, read_at, &settings);
        match update.await? {
            Change::Done => return Ok(Json(endpoint(app, caller, id).await?.into())),
            Change::Missing => return Err(Code::NotFound.into()),
            Change::Stale => {}
        }
    }
    Err(Code::ChangedMeanwhile.into())
}

/// Remove an endpoint.
///
/// It is told nothing more and its secrets are destroyed at once; what it was told goes with it.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 204, description = "It is gone"), KeyProblems, Missing, Conflict),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn delete_webhook(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<StatusCode, Problem> {
    caller.must_be_secret()?;
    if endpoint(&app, &caller, &id).await?.is_request_host {
        return Err(Code::RequestHost.into());
    }
    let removed = endpoints::remove(&app.database, app.now(), caller.brand(), &id).await?;
    match removed {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Code::NotFound.into()),
    }
}

/// Switch an endpoint on, and go on with what waits.
///
/// What happened while it was off was not written for it: `…/replay-missing` sends that.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/enable",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint as it is now", body = WebhookView), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn enable_webhook(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<Json<WebhookView>, Problem> {
    caller.must_be_secret()?;
    match endpoints::enable(&app.database, app.now(), caller.brand(), &id).await? {
        true => Ok(Json(endpoint(&app, &caller, &id).await?.into())),
        false => Err(Code::NotFound.into()),
    }
}

/// Switch an endpoint off.
///
/// It is told nothing more. Deliveries that wait go on waiting until it is switched on.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/disable",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id")),
    responses(
        (status = 200, description = "The endpoint as it is now", body = WebhookView),
        KeyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn disable_webhook(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<Json<WebhookView>, Problem> {
    caller.must_be_secret()?;
    change(&app, &caller, &id, |endpoint| {
        Ok(Settings {
            is_active: false,
            ..endpoint.settings.clone()
        })
    })
    .await
}
