//! Reading generations: one, and the list.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::{JobState, PublicId};
use store::generations::{self, Filter, Generation};
use url::form_urlencoded;

use super::answers::{KeyProblems, Missing};
use crate::app::App;
use crate::auth::Caller;
use crate::cursor;
use crate::problem::{Code, Problem};
use crate::request::{PublicIdPath, Query, if_none_match, session_header};
use crate::view::{GenerationView, Page, attempts, describe};

/// Jobs counted before one in its queue; beyond it the exact number says nothing to anybody.
const MAX_POSITION: i64 = 1_000;

/// Generations on one page.
const MAX_PAGE: i64 = 100;
const DEFAULT_PAGE: i64 = 20;

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
        ("limit" = Option<i64>, Query, description = "1 to 100, otherwise 20"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
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
    let limit = query.number("limit", 1, MAX_PAGE, DEFAULT_PAGE);
    let cursor = query.text("cursor");
    let asked = Asked::read(&mut query);
    let filter = filter(&app, &caller, &asked, &mut query).await?;
    query.finish()?;
    let before = cursor.map(|text| cursor::decode(&text).ok_or(Code::InvalidCursor));
    let filter = Filter {
        before: before.transpose()?,
        ..filter
    };
    let mut found = generations::list(&app.database, caller.brand(), &filter, limit + 1).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|last| cursor::encode(last.id));
    let link = next_cursor
        .as_ref()
        .map(|next| asked.next_page(&app, limit, next));
    let data = found.iter().map(|one| describe(&app, one)).collect();
    let mut response = Json(Page { data, next_cursor }).into_response();
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The filters as they were asked for, to be repeated in the address of the next page.
struct Asked {
    product: Option<String>,
    status: Option<String>,
    since: Option<String>,
}

impl Asked {
    fn read(query: &mut Query) -> Self {
        Self {
            product: query.text("product"),
            status: query.text("status"),
            since: query.text("since"),
        }
    }

    fn next_page(&self, app: &App, limit: i64, cursor: &str) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("limit", &limit.to_string());
        let filters = [
            ("product", &self.product),
            ("status", &self.status),
            ("since", &self.since),
        ];
        for (name, value) in filters {
            if let Some(value) = value {
                pairs.append_pair(name, value);
            }
        }
        pairs.append_pair("cursor", cursor);
        let base = &app.public_url;
        format!("<{base}/v1/generations?{}>; rel=\"next\"", pairs.finish())
    }
}

async fn filter(
    app: &App,
    caller: &Caller,
    asked: &Asked,
    query: &mut Query,
) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    if let Some(name) = &asked.product {
        match app.catalog.find(caller.brand(), name, app.now()).await? {
            Some(entry) => filter.product = Some(entry.product.id.clone()),
            None => query.fault(
                "product",
                "unknown_product",
                "the brand has no such product",
            ),
        }
    }
    for word in asked.status.iter().flat_map(|words| words.split(',')) {
        match state_of(word) {
            Some(state) => filter.states.push(state),
            None => query.fault(
                "status",
                "unknown_state",
                "the states are queued, processing, succeeded, failed, canceled, expired and held",
            ),
        }
    }
    if let Some(text) = &asked.since {
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) => filter.since = Some(at.with_timezone(&Utc)),
            Err(_) => query.fault(
                "since",
                "malformed",
                "an instant such as 2026-05-01T12:00:00Z",
            ),
        }
    }
    Ok(filter)
}

fn state_of(word: &str) -> Option<JobState> {
    let mut states = JobState::ALL.into_iter();
    states.find(|state| state.public_word() == word)
}
