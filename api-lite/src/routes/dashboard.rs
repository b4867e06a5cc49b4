//! The older platform's dashboard routes, with its tokens.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use domain::{JobState, Lane};
use store::generations::{self, Filter};

use super::answers::{BodyProblems, KeyProblems};
use super::create::submit;
use super::widget::WidgetCreate;
use crate::app::App;
use crate::auth::DashboardUser;
use crate::intake::Asker;
use crate::layer::RequestContext;
use crate::problem::Problem;
use crate::request::{JsonBody, Query, parse_widget};
use crate::view::{Pagination, WidgetCreated, WidgetDetail, WidgetPage};

/// The token names a brand and no plan. People try designs here; shoppers go first.
const LANE: Lane = Lane::Free;

/// Generations on one page.
const MAX_PAGE: i64 = 100;
const DEFAULT_PAGE: i64 = 20;

/// How far back page numbers reach; `/v1/generations` with its cursor reaches everything.
const MAX_PAGE_NUMBER: i64 = 1_000;

/// Generations counted for `total`.
const MAX_TOTAL: i64 = 100_000;

/// Ask for a picture from the dashboard (older platform).
#[utoipa::path(
    post,
    path = "/api/v1/generation/dashboard/create",
    operation_id = "dashboard_create",
    tag = "older dashboard",
    request_body = WidgetCreate,
    responses(
        (status = 201, description = "Accepted", body = WidgetCreated),
        KeyProblems,
        BodyProblems,
    ),
    security(("dashboard" = [])),
)]
pub(super) async fn create(
    State(app): State<App>,
    user: DashboardUser,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<WidgetCreated>), Problem> {
    let asker = Asker {
        key_id: format!("dashboard:{}", user.brand),
        brand: user.brand,
        lane: LANE,
        session_field: None,
    };
    let accepted = submit(&app, &asker, &context, &headers, parse_widget(body)).await?;
    let view = WidgetCreated::of(&app, &accepted.generation);
    Ok((StatusCode::CREATED, Json(view)))
}

/// List the brand's generations by page (older platform).
#[utoipa::path(
    get,
    path = "/api/v1/generation",
    operation_id = "dashboard_list",
    tag = "older dashboard",
    params(
        ("page" = Option<i64>, Query, description = "From 1, at most 1,000"),
        ("limit" = Option<i64>, Query, description = "1 to 100, otherwise 20"),
        ("productId" = Option<String>, Query, description = "Id or slug of a product"),
        ("status" = Option<String>, Query, description = "`pending`, `processing`, `completed`, `failed` or `expired`"),
    ),
    responses((status = 200, description = "One page", body = WidgetPage), KeyProblems),
    security(("dashboard" = [])),
)]
pub(super) async fn list(
    State(app): State<App>,
    user: DashboardUser,
    mut query: Query,
) -> Result<Json<WidgetPage>, Problem> {
    let page = query.number("page", 1, MAX_PAGE_NUMBER, 1);
    let limit = query.number("limit", 1, MAX_PAGE, DEFAULT_PAGE);
    let mut filter = Filter {
        states: states(&mut query),
        offset: (page - 1) * limit,
        ..Filter::default()
    };
    if let Some(name) = query.text("productId") {
        match app.catalog.find(&user.brand, &name, app.now()).await? {
            Some(entry) => filter.product = Some(entry.product.id.clone()),
            None => query.fault(
                "productId",
                "unknown_product",
                "the brand has no such product",
            ),
        }
    }
    query.finish_lenient()?;
    let total = generations::count(&app.database, &user.brand, &filter, MAX_TOTAL).await?;
    let found = generations::list(&app.database, &user.brand, &filter, limit).await?;
    Ok(Json(WidgetPage {
        data: found
            .iter()
            .map(|one| WidgetDetail::of(&app, one))
            .collect(),
        pagination: Pagination {
            page,
            limit,
            total,
            total_pages: (total + limit - 1) / limit,
        },
    }))
}

/// The states that the older platform has one word for; the word in any case.
fn states(query: &mut Query) -> Vec<JobState> {
    let Some(word) = query.text("status") else {
        return Vec::new();
    };
    let states: Vec<JobState> = JobState::ALL
        .into_iter()
        .filter(|state| state.generation_status().eq_ignore_ascii_case(&word))
        .collect();
    if states.is_empty() {
        let words = "the words are pending, processing, completed, failed and expired";
        query.fault("status", "unknown_state", words);
    }
    states
}
