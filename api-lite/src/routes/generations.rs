//! Reading generations: one, and the list.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::{JobState, PublicId};
use store::generations::{self, Filter, Generation};

use super::answers::{KeyProblems, Missing};
use super::paging::{AskedFilter, PageParameters, Paging};
use crate::app::App;
use crate::auth::Caller;
use crate::cursor;
use crate::problem::{Code, Problem};
use crate::request::{PublicIdPath, Query, if_none_match, session_header};
use crate::view::{GenerationView, Page, attempts, describe};

/// Jobs counted before one in its queue; beyond it the exact number says nothing to anybody.
const MAX_POSITION: i64 = 1_000;

const STATES: &str =
    "the states are queued, processing, succeeded, failed, canceled, expired and held";

/// Read a generation.
///
/// The entity tag changes with everything shown but `eta_seconds`.
#[utoipa::path(
    get,
    path = "/v1/generations/{id}",
    tag = "generations",
    params(
        ("id" = String, Path, description = "The generation's id"),
        ("session_id" = Option<String>, Query, description = "The shopper's session, for publishable keys; also as header `X-Session-Id`"),
        ("If-None-Match" = Option<String>, Header, description = "The entity tag of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The generation", body = GenerationView),
        (status = 304, description = "Nothing has changed"),
        KeyProblems,
        Missing,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_generation(
    State(app): State<App>,
    caller: Caller,
    PublicIdPath(id): PublicIdPath,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = session(&mut query, &headers);
    query.finish()?;
    let found = find(&app, &caller, &id, session.as_deref()).await?;
    let mut view = describe(&app, &found);
    if found.state == JobState::Waiting {
        let ahead = generations::queue_position(&app.database, found.lane, found.id, MAX_POSITION);
        view.queue_position = Some(ahead.await?);
    }
    if caller.must_be_secret().is_ok() {
        view.attempts = Some(attempts(&found));
    }
    let etag = view.etag().ok_or(Code::Internal)?;
    let mut response = match if_none_match(&headers, &etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Json(view).into_response(),
    };
    let out = response.headers_mut();
    out.insert(header::ETAG, etag);
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

/// The session a reader names, by parameter or header.
pub(super) fn session(query: &mut Query, headers: &HeaderMap) -> Option<String> {
    let given = query.text("session_id");
    given.or_else(|| session_header(headers).map(str::to_owned))
}

/// A generation that the caller may see. What it may not see does not exist.
pub(super) async fn find(
    app: &App,
    caller: &Caller,
    id: &PublicId,
    session: Option<&str>,
) -> Result<Generation, Problem> {
    if caller.is_publishable() && session.is_none() {
        return Err(Code::SessionRequired.into());
    }
    let found = generations::find(&app.database, caller.brand(), id).await?;
    let found = found.ok_or(Code::NotFound)?;
    if caller.is_publishable() && found.session_id.as_deref() != session {
        return Err(Code::NotFound.into());
    }
    Ok(found)
}

/// List the brand's generations, the newest first.
///
/// Pages are stable: generations that arrive meanwhile neither repeat nor hide others.
#[utoipa::path(
    get,
    path = "/v1/generations",
    tag = "generations",
    params(
        PageParameters,
        ("product" = Option<String>, Query, description = "Id or slug of a product"),
        ("status" = Option<String>, Query, description = "State words, separated by commas"),
        ("since" = Option<String>, Query, description = "Accepted at or after this instant (RFC 3339)"),
    ),
    responses(
        (status = 200, description = "One page; `Link` names the next one", body = Page),
        KeyProblems,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn list_generations(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Response, Problem> {
    caller.must_be_secret()?;
    let paging = Paging::read(&mut query);
    let asked = ["product", "status", "since"].map(|name| (name, query.text(name)));
    let filter = filter(&app, &caller, &asked, &mut query).await?;
    query.finish()?;
    let filter = Filter {
        before: paging.before(cursor::decode)?,
        ..filter
    };
    let (db, brand) = (&app.database, caller.brand());
    let mut found = generations::list(db, brand, &filter, paging.rows()).await?;
    let next_cursor = paging.cut(&mut found, |last| cursor::encode(last.id));
    let next = next_cursor.clone();
    let data = found.iter().map(|one| describe(&app, one)).collect();
    let page = Json(Page { data, next_cursor });
    Ok(paging.answer(&app, "/v1/generations", &asked, next.as_deref(), page))
}

async fn filter(
    app: &App,
    caller: &Caller,
    asked: &[AskedFilter],
    query: &mut Query,
) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    for (name, text) in asked {
        let Some(text) = text else { continue };
        match *name {
            "product" => match app.catalog.find(caller.brand(), text, app.now()).await? {
                Some(entry) => filter.product = Some(entry.product.id.clone()),
                None => query.fault(name, "unknown_product", "the brand has no such product"),
            },
            "status" => {
                for word in text.split(',') {
                    match state_of(word) {
                        Some(state) => filter.states.push(state),
                        None => query.fault(name, "unknown_state", STATES),
                    }
                }
            }
            _ => match DateTime::parse_from_rfc3339(text) {
                Ok(at) => filter.since = Some(at.with_timezone(&Utc)),
                Err(_) => {
                    query.fault(name, "malformed", "an instant such as 2026-05-01T12:00:00Z");
                }
            },
        }
    }
    Ok(filter)
}

fn state_of(word: &str) -> Option<JobState> {
    let mut states = JobState::ALL.into_iter();
    states.find(|state| state.public_word() == word)
}
