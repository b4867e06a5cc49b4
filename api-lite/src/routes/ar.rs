//! AR data. Asking for it counts as a view.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::{ArSettings, JobState};
use store::ar_views::{self, View};
use store::generations::Generation;

use super::answers::{Conflict, KeyProblems, Missing};
use super::generations::{find, session};
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem, ProblemDocument};
use crate::refusal::of_quota;
use crate::request::{PublicIdPath, Query};
use crate::view::{ArView, SessionConfig};

/// Read the AR data of a finished generation, and count the view.
#[utoipa::path(
    get,
    path = "/v1/generations/{id}/ar",
    tag = "generations",
    params(
        ("id" = String, Path, description = "The generation's id"),
        ("session_id" = Option<String>, Query, description = "The shopper's session, for publishable keys"),
    ),
    responses(
        (status = 200, description = "What a viewer needs", body = ArView),
        (status = 402, description = "The plan's views of the period are used up", body = ProblemDocument, content_type = "application/problem+json"),
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
) -> Result<Json<ArView>, Problem> {
    let session = session(&mut query, &headers);
    query.finish()?;
    let found = find(&app, &caller, &id, session.as_deref()).await?;
    let viewed = view(&app, &found).await?;
    Ok(Json(ArView {
        id: found.public_id.to_string(),
        texture_url: viewed.texture_url,
        model_url: found.ar_model_url,
        tracking_type: viewed.ar.tracking_type.clone(),
        scale: viewed.ar.scale,
        session_config: SessionConfig::of(&viewed.ar),
        offset: viewed.ar.offset,
        views: viewed.views,
    }))
}

/// A counted view.
pub(super) struct Viewed {
    pub(super) texture_url: String,
    pub(super) ar: ArSettings,
    pub(super) views: i32,
}

/// Checks that there is something to view, and counts it.
pub(super) async fn view(app: &App, found: &Generation) -> Result<Viewed, Problem> {
    let has_picture = found.outputs.iter().any(|output| output.variant == "full");
    if found.state != JobState::Done || !has_picture {
        return Err(Problem::from(Code::NotFinished).with("state", found.state.public_word()));
    }
    let product = found.product_id.as_str();
    let entry = app
        .catalog
        .find(&found.brand_id, product, app.now())
        .await?;
    let ar = entry.ok_or(Code::NotFound)?.product.ar.clone();
    if !ar.enabled {
        return Err(Problem::from(Code::ArDisabled).detail("it is switched off for this product"));
    }
    let (brand, public_id) = (&found.brand_id, &found.public_id);
    let counted = ar_views::count(
        &app.database,
        app.now(),
        brand,
        &found.product_id,
        found.id,
        public_id,
    )
    .await?;
    let views = match counted {
        View::Counted(views) => views,
        View::Refused(refused) => return Err(of_quota(&refused, app.now())),
        View::BrandDisabled => {
            let detail = "the brand's plan has no augmented reality";
            return Err(Problem::from(Code::ArDisabled).detail(detail));
        }
    };
    Ok(Viewed {
        texture_url: format!("{}/media/{public_id}/full", app.public_url),
        ar,
        views,
    })
}
