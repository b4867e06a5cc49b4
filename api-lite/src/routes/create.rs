//! `POST /v1/generations`.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::{JobState, PublicId};
use serde::Deserialize;
use serde_json::Value;
use store::generations::{self, Generation, Stage};
use store::intake::{Accepted, NewGeneration};
use tokio::time::Instant;

use super::answers::{BodyProblems, KeyProblems};
use super::made::{IdempotencyKey, made};
use crate::app::App;
use crate::auth::Caller;
use crate::intake::{Asker, prepare};
use crate::layer::RequestContext;
use crate::problem::{Code, Problem};
use crate::request::{Draft, JsonBody, parse_v1, requested_wait};
use crate::view::{GenerationView, describe};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// First pause between two looks at a generation somebody waits for, doubled up to the longest: a
/// quick one is seen at once, and a slow one costs two small queries a second.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A request for a generation.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "product_id": "coffee-cup",
    "customizations": {"zone_mug_name": {"text": "Ada"}},
    "user_prompt": "waves in the style of a woodcut",
    "variants": [640]
}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(super) struct CreateGeneration {
    /// Id or slug of one of the brand's products.
    product_id: String,
    /// What stands in each zone, by the zone's id: an object such as `{"text": "Ada"}`,
    /// `{"color": "#ffffff"}`, `{"image": "https://…"}`, or the bare value.
    #[schema(value_type = Option<Object>)]
    customizations: Option<Value>,
    /// The shopper's own words, at most 1,000 characters.
    user_prompt: Option<String>,
    /// The shopper's session; publishable keys must name it.
    #[schema(max_length = 200)]
    session_id: Option<String>,
    /// A template of the brand other than the product's.
    #[schema(max_length = 200)]
    template_id: Option<String>,
    /// Further widths in pixels.
    #[schema(max_items = 5)]
    variants: Option<Vec<u16>>,
    /// Within the brand's own backlog, higher goes first.
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i16>,
    /// Not begun by then: it expires, and costs nothing.
    start_by: Option<DateTime<Utc>>,
    /// Not finished by then: it expires.
    deadline: Option<DateTime<Utc>>,
    /// Where to announce the end, an https address.
    #[schema(max_length = 2048)]
    webhook_url: Option<String>,
    /// The customer's own data, returned as it came; at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// Ask for a picture.
///
/// Once this is answered with 202 the generation is durable and will reach an end. Repeating the
/// request with the same `Idempotency-Key` answers with the same generation.
#[utoipa::path(
    post,
    path = "/v1/generations",
    tag = "generations",
    request_body = CreateGeneration,
    params(
        IdempotencyKey,
        ("Prefer" = Option<String>, Header, description = "`wait=n`, at most 60 seconds: answer when it has ended"),
    ),
    responses(
        (status = 202, description = "Accepted; `Location` is its address", body = GenerationView),
        (status = 200, description = "It has ended within the wait that was asked for", body = GenerationView),
        KeyProblems,
        BodyProblems,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn create_generation(
    State(app): State<App>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let asker = asker(&caller, "/session_id");
    let draft = parse_v1(body, app.now(), &app.webhooks.allowed);
    let accepted = submit(&app, &asker, &context, &headers, draft).await?;
    let wait = requested_wait(&headers);
    let ended = wait_for_end(&app, &asker, &accepted.generation.public_id, wait).await?;
    let shown = ended.as_ref().unwrap_or(&accepted.generation);
    let view = describe(&app, shown);
    let status = match shown.state.is_ended() && !wait.is_zero() {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    let location = view.links.itself.clone();
    let mut response = made(&location, accepted.replayed, (status, Json(view)));
    if !wait.is_zero()
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
    {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// The asker behind a key. `session_field` is what the body calls the session.
pub(super) fn asker(caller: &Caller, session_field: &'static str) -> Asker {
    Asker {
        brand: caller.brand().clone(),
        lane: caller.lane(),
        key_id: caller.key_id().to_owned(),
        session_field: caller.is_publishable().then_some(session_field),
    }
}

/// A request that was accepted, now or before.
pub(super) struct Submitted {
    pub(super) generation: Generation,
    pub(super) replayed: bool,
}

/// Has a draft accepted.
pub(super) async fn submit(
    app: &App,
    asker: &Asker,
    context: &RequestContext,
    headers: &HeaderMap,
    draft: Draft,
) -> Result<Submitted, Problem> {
    let request = prepare(app, asker, context, headers, draft).await?;
    let mut generation = newborn(&request);
    match app.intake.submit(request).await? {
        (Accepted::Created, at) => {
            generation.created_at = at;
            tracing::info!(generation = %generation.id, "accepted");
            Ok(Submitted {
                generation,
                replayed: false,
            })
        }
        (Accepted::Replayed(_, public_id), _) => {
            let found = generations::find(&app.database, &asker.brand, &public_id).await?;
            Ok(Submitted {
                generation: found.ok_or(Code::NotFound)?,
                replayed: true,
            })
        }
    }
}

/// A request as it will be shown right after it was accepted, without asking the database again.
fn newborn(request: &NewGeneration) -> Generation {
    let metadata = request
        .option
        .as_ref()
        .and_then(|option| option.metadata.clone());
    Generation {
        id: request.id,
        public_id: request.public_id.clone(),
        brand_id: request.brand_id.clone(),
        product_id: request.product_id.clone(),
        session_id: request.session_id.clone(),
        state: JobState::Waiting,
        stage: Stage::Queued,
        lane: request.lane,
        fence: 0,
        cancel_requested: false,
        // Never shown, and it may hold a picture of megabytes.
        customizations: Value::Null,
        report: None,
        attempts: Vec::new(),
        ai_provider: request.ai_provider.clone(),
        model: request.model.clone(),
        error_code: None,
        error_message: None,
        cost_micros: None,
        processing_ms: None,
        output_url: None,
        thumbnail_url: None,
        ar_model_url: None,
        metadata,
        created_at: DateTime::default(),
        completed_at: None,
        expires_at: request.expires_at,
        outputs: Vec::new(),
    }
}

/// Waits for the end of a generation; `None` when it did not end in time, when too many wait
/// already, or when the process drains. A generation that is there already is answered by then.
async fn wait_for_end(
    app: &App,
    asker: &Asker,
    id: &PublicId,
    wait: Duration,
) -> Result<Option<Generation>, Problem> {
    let Some(_place) = (!wait.is_zero())
        .then(|| app.waiters.try_acquire().ok())
        .flatten()
    else {
        return Ok(None);
    };
    let _counted = Waiting::begin(app);
    let deadline = Instant::now() + wait;
    let mut pause = FIRST_PAUSE;
    loop {
        let found = generations::find(&app.database, &asker.brand, id).await?;
        if found.as_ref().is_some_and(|found| found.state.is_ended()) {
            return Ok(found);
        }
        if Instant::now() + pause > deadline {
            return Ok(found);
        }
        tokio::select! {
            () = app.draining.cancelled() => return Ok(found),
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One waiter in the gauge.
struct Waiting(service::metrics::IntGauge);

impl Waiting {
    fn begin(app: &App) -> Self {
        app.metrics.waiters.inc();
        Self(app.metrics.waiters.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
