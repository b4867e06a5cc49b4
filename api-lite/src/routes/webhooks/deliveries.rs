//! What an endpoint was told, and telling it once more.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::DateTime;
use domain::{Event, EventKind, WebhookTest};
use store::webhooks::deliveries::{self, Asked, Filter};
use uuid::Uuid;

use super::super::answers::{Conflict, KeyProblems, Missing};
use super::super::made::{IdempotencyKey, made};
use super::super::paging::{AskedFilter, PageParameters, Paging};
use super::{endpoint, id_of_request};
use crate::app::App;
use crate::auth::Caller;
use crate::cursor;
use crate::problem::{Code, Problem};
use crate::request::{DeliveryPath, Query, WebhookPath, event_names, event_of, idempotency_key};
use crate::view::{DeliveriesPage, DeliveryDetail, Queued};

const STATUSES: [&str; 4] = ["pending", "delivered", "exhausted", "skipped"];

/// List what an endpoint was told, the newest first.
///
/// Pages are stable: what is told meanwhile neither repeats nor hides others.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        PageParameters,
        ("status" = Option<String>, Query, description = "`pending`, `delivered`, `exhausted`, `skipped`, separated by commas"),
        ("event" = Option<String>, Query, description = "A type of event"),
        ("since" = Option<String>, Query, description = "Written at or after this instant (RFC 3339)"),
    ),
    responses(
        (status = 200, description = "One page; `Link` names the next one", body = DeliveriesPage),
        KeyProblems,
        Missing,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn list_deliveries(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    mut query: Query,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let paging = Paging::read(&mut query);
    let asked = ["status", "event", "since"].map(|name| (name, query.text(name)));
    let filter = filter(&asked, &mut query);
    query.finish()?;
    let filter = Filter {
        before: paging.before(cursor::decode_delivery)?,
        ..filter
    };
    let endpoint = endpoint(&app, &caller, &id).await?;
    let (db, brand) = (&app.database, caller.brand());
    let mut found = deliveries::list(db, brand, &endpoint.id, &filter, paging.rows()).await?;
    let next_cursor = paging.cut(&mut found, |last| {
        cursor::encode_delivery(last.created_at, last.seq)
    });
    let next = next_cursor.clone();
    let data = found.into_iter().map(Into::into).collect();
    let page = Json(DeliveriesPage { data, next_cursor });
    let path = format!("/v1/webhooks/{id}/deliveries");
    Ok(paging.answer(&app, &path, &asked, next.as_deref(), page))
}

fn filter(asked: &[AskedFilter], query: &mut Query) -> Filter {
    let mut filter = Filter::default();
    for (name, text) in asked {
        let Some(text) = text else { continue };
        match *name {
            "status" => {
                for word in text.split(',') {
                    match STATUSES.contains(&word) {
                        true => filter.statuses.push(word.to_owned()),
                        false => {
                            let detail = format!("the states are {}", STATUSES.join(", "));
                            query.fault(name, "unknown_state", detail);
                        }
                    }
                }
            }
            "event" => {
                // A test cannot be subscribed to, and is told all the same.
                let test = Some(EventKind::WebhookTest).filter(|test| test.type_name() == text);
                filter.event = event_of(text).or(test);
                if filter.event.is_none() {
                    query.fault(name, "unknown_event", event_names());
                }
            }
            _ => match DateTime::parse_from_rfc3339(text) {
                Ok(at) => filter.since = Some(at.to_utc()),
                Err(_) => {
                    query.fault(name, "malformed", "an instant such as 2026-05-01T12:00:00Z");
                }
            },
        }
    }
    filter
}

/// Read one delivery, with the body and every try.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries/{message}",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("message" = String, Path, description = "The `webhook-id`"),
    ),
    responses((status = 200, description = "The delivery", body = DeliveryDetail), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn get_delivery(
    State(app): State<App>,
    caller: Caller,
    DeliveryPath { webhook, event }: DeliveryPath,
) -> Result<Json<DeliveryDetail>, Problem> {
    caller.must_be_secret()?;
    let endpoint = endpoint(&app, &caller, &webhook).await?;
    let told = deliveries::find(&app.database, caller.brand(), &webhook, event).await?;
    let told = told.ok_or(Code::NotFound)?;
    let format = endpoint.settings.format;
    Ok(Json(DeliveryDetail::of(told, format, caller.brand())))
}

/// Send an event again, or for the first time, at once and with a schedule of its own.
///
/// It comes with the same `webhook-id`. However often this is asked for meanwhile, it is due once.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/deliveries/{message}/resend",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        ("message" = String, Path, description = "The `webhook-id` of any event of the brand"),
    ),
    responses((status = 202, description = "It is due", body = Queued), KeyProblems, Missing, Conflict),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn resend_delivery(
    State(app): State<App>,
    caller: Caller,
    DeliveryPath { webhook, event }: DeliveryPath,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let (db, brand) = (&app.database, caller.brand());
    let asked = deliveries::resend(db, app.now(), brand, &webhook, event).await?;
    queued(&app, &webhook, event, asked)
}

/// Send a test event to this endpoint alone.
///
/// Its type is `webhook.test`. Repeating the request with the same `Idempotency-Key` sends it once.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id"),
        IdempotencyKey,
    ),
    responses((status = 202, description = "It is due", body = Queued), KeyProblems, Missing, Conflict),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn test_webhook(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let key = idempotency_key(&headers)?;
    let endpoint = endpoint(&app, &caller, &id).await?;
    if endpoint.is_request_host {
        return Err(Code::RequestHost.into());
    }
    let unique = id_of_request(&app, &caller, &format!("test {id}"), key.as_deref());
    let kind = EventKind::WebhookTest;
    let brand = caller.brand();
    let dedupe_key = format!("{}:{brand}:{unique}", kind.type_name());
    let data = WebhookTest::of(&id, &endpoint.settings.name).to_data();
    let event = Event::of_fact(kind, dedupe_key, brand.clone(), app.now(), data);
    let asked = deliveries::send_alone(&app.database, app.now(), &id, &event).await?;
    queued(&app, &id, event.id, asked)
}

fn queued(app: &App, webhook: &str, event: Uuid, asked: Asked) -> Result<Response, Problem> {
    match asked {
        Asked::Queued => {}
        Asked::Inactive => return Err(Code::WebhookDisabled.into()),
        Asked::Missing => return Err(Code::NotFound.into()),
    }
    let id = Event::message_id(event);
    let delivery = format!("{}/v1/webhooks/{webhook}/deliveries/{id}", app.public_url);
    let location = delivery.clone();
    let shown = (StatusCode::ACCEPTED, Json(Queued { id, delivery }));
    Ok(made(&location, false, shown))
}
