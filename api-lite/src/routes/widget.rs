//! The older platform's widget routes, for widgets that are in shops' pages and cannot be changed.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::answers::{BodyProblems, Conflict, KeyProblems, Missing};
use super::create::{asker, submit};
use super::generations::{find, session};
use crate::app::App;
use crate::auth::Caller;
use crate::layer::RequestContext;
use crate::problem::Problem;
use crate::request::{JsonBody, PublicIdPath, Query, parse_widget};
use crate::view::{SessionConfig, WidgetArView, WidgetCreated, WidgetDetail, WidgetStatus};

/// What the widget sends.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "productId": "prod_demo_mug",
    "customizations": {"zone_mug_name": {"text": "Ada"}},
    "sessionId": "s_81f2"
}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(super) struct WidgetCreate {
    /// Id or slug of a product.
    product_id: String,
    /// What stands in each zone, by the zone's id.
    #[schema(value_type = Option<Object>)]
    customizations: Option<Value>,
    /// The shopper's own words.
    user_prompt: Option<String>,
    /// The shopper's session.
    session_id: Option<String>,
}

/// Ask for a picture (older widget).
#[utoipa::path(
    post,
    path = "/api/v1/generation/create",
    operation_id = "widget_create",
    tag = "older widget",
    request_body = WidgetCreate,
    responses(
        (status = 201, description = "Accepted", body = WidgetCreated),
        KeyProblems,
        BodyProblems,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<WidgetCreated>), Problem> {
    let asker = asker(&caller, "/sessionId");
    let accepted = submit(&app, &asker, &context, &headers, parse_widget(body)).await?;
    let view = WidgetCreated::of(&app, &accepted.generation);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Ask how it goes (older widget).
#[utoipa::path(
    get,
    path = "/api/v1/generation/{public_id}/status",
    operation_id = "widget_status",
    tag = "older widget",
    params(("public_id" = String, Path, description = "The generation's id")),
    responses((status = 200, description = "How it goes", body = WidgetStatus), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_status(
    State(app): State<App>,
    caller: Caller,
    PublicIdPath(id): PublicIdPath,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Json<WidgetStatus>, Problem> {
    let session = session(&mut query, &headers);
    let found = find(&app, &caller, &id, session.as_deref()).await?;
    Ok(Json(WidgetStatus::of(&app, &found)))
}

/// Read a generation (older widget).
#[utoipa::path(
    get,
    path = "/api/v1/generation/{public_id}",
    operation_id = "widget_detail",
    tag = "older widget",
    params(("public_id" = String, Path, description = "The generation's id")),
    responses((status = 200, description = "The generation", body = WidgetDetail), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_detail(
    State(app): State<App>,
    caller: Caller,
    PublicIdPath(id): PublicIdPath,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Json<WidgetDetail>, Problem> {
    let session = session(&mut query, &headers);
    let found = find(&app, &caller, &id, session.as_deref()).await?;
    Ok(Json(WidgetDetail::of(&app, &found)))
}

/// Read the AR data of a finished generation, and count the view (older widget).
#[utoipa::path(
    get,
    path = "/api/v1/generation/{public_id}/ar",
    operation_id = "widget_ar",
    tag = "older widget",
    params(("public_id" = String, Path, description = "The generation's id")),
    responses(
        (status = 200, description = "What a viewer needs", body = WidgetArView),
        KeyProblems,
        Missing,
        Conflict,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_ar(
    State(app): State<App>,
    caller: Caller,
    PublicIdPath(id): PublicIdPath,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Json<WidgetArView>, Problem> {
    let session = session(&mut query, &headers);
    let found = find(&app, &caller, &id, session.as_deref()).await?;
    let viewed = super::ar::view(&app, &found).await?;
    Ok(Json(WidgetArView {
        texture_url: viewed.texture_url,
        model_url: found.ar_model_url,
        tracking_type: viewed.ar.tracking_type.clone(),
        scale: viewed.ar.scale,
        session_config: SessionConfig::of(&viewed.ar),
        offset: viewed.ar.offset,
    }))
}
