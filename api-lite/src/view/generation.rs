//! A generation as `/v1` shows it.

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use domain::{FailureCode, JobState};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::generations::{Generation, Output, Stage};

use crate::app::App;

/// One generation.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct GenerationView {
    /// Its id.
    #[schema(example = "gen_4bf92f3577b34da6a3ce929d0e0e4736")]
    pub(crate) id: String,
    /// The product's id.
    #[schema(example = "prod_demo_mug")]
    pub(crate) product_id: String,
    /// `queued`, `processing`, `succeeded`, `failed`, `canceled`, `expired` or `held`.
    #[schema(example = "queued")]
    pub(crate) state: &'static str,
    /// `queued`, `preparing`, `generating`, `composing` or `ended`.
    #[schema(example = "queued")]
    pub(crate) stage: &'static str,
    /// Percent, by stage; 100 once it has succeeded.
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) progress: u8,
    /// How many generations of the same lane wait before this one, counted up to 1,000; only while
    /// queued, and only where a single generation is read.
    pub(crate) queue_position: Option<i64>,
    /// Seconds until the end, from how long the product's pictures took lately; null when unknown.
    pub(crate) eta_seconds: Option<u32>,
    /// Whether somebody asked for it to stop.
    pub(crate) cancel_requested: bool,
    /// The shopper's session.
    pub(crate) session_id: Option<String>,
    /// When it was accepted.
    pub(crate) created_at: DateTime<Utc>,
    /// When it ended.
    pub(crate) completed_at: Option<DateTime<Utc>>,
    /// The texts as they were drawn.
    #[schema(value_type = Vec<Object>)]
    pub(crate) text: Vec<Value>,
    /// The pictures by variant: `full`, `thumbnail`, and `w640` and the like.
    pub(crate) outputs: BTreeMap<String, OutputView>,
    /// What the provider charged, in millionths of a US dollar.
    pub(crate) cost_micros: Option<i64>,
    /// Why this provider: every call that was made, with its cost, its end, and every candidate that was
    /// considered before it and what was said of it. For secret keys, where one generation is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(crate) attempts: Option<Vec<Value>>,
    /// Why it ended without pictures.
    pub(crate) error: Option<ErrorView>,
    /// The data that came with the request.
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Value>,
    /// Where to go from here.
    pub(crate) links: Links,
}

/// One picture.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct OutputView {
    /// Its address. Whoever knows it may see the picture.
    pub(crate) url: String,
    /// Pixels.
    pub(crate) width: i32,
    /// Pixels.
    pub(crate) height: i32,
    /// Its size.
    pub(crate) bytes: i64,
    /// Its media type.
    #[schema(example = "image/png")]
    pub(crate) content_type: String,
}

/// Why a generation ended without pictures.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorView {
    /// A stable code such as `content_policy`.
    pub(crate) code: String,
    /// A sentence for the shopper's page.
    pub(crate) message: String,
}

/// Where to go from a generation.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Links {
    /// This generation.
    #[serde(rename = "self")]
    pub(crate) itself: String,
    /// Cancels it by POST; null once it has ended.
    pub(crate) cancel: Option<String>,
    /// The full picture, once there is one.
    pub(crate) result: Option<String>,
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Page {
    /// The newest first.
    pub(crate) data: Vec<GenerationView>,
    /// Continues the list; null on the last page.
    pub(crate) next_cursor: Option<String>,
}

/// Shows a generation.
pub(crate) fn describe(app: &App, found: &Generation) -> GenerationView {
    learn(app, found);
    let itself = format!("{}/v1/generations/{}", app.public_url, found.public_id);
    let outputs: BTreeMap<String, OutputView> = found
        .outputs
        .iter()
        .map(|output| (output.variant.clone(), picture(app, found, output)))
        .collect();
    GenerationView {
        id: found.public_id.to_string(),
        product_id: found.product_id.to_string(),
        state: found.state.public_word(),
        stage: stage_word(found.stage),
        progress: progress(found),
        queue_position: None,
        eta_seconds: eta_seconds(app, found),
        cancel_requested: found.cancel_requested,
        session_id: found.session_id.clone(),
        created_at: found.created_at,
        completed_at: found.completed_at,
        text: texts(found.report.as_ref()),
        cost_micros: found.cost_micros,
        attempts: None,
        error: error_of(found),
        metadata: found.metadata.clone(),
        links: Links {
            cancel: (!found.state.is_ended()).then(|| format!("{itself}/cancel")),
            result: outputs.get("full").map(|output| output.url.clone()),
            itself,
        },
        outputs,
    }
}

/// The calls that were made for it; where none was, the candidates that were considered.
pub(crate) fn attempts(found: &Generation) -> Vec<Value> {
    let considered = found
        .report
        .as_ref()
        .and_then(|report| report.get("considered"));
    match (found.attempts.is_empty(), considered) {
        (true, Some(considered)) => vec![json!({ "considered": considered })],
        _ => found.attempts.clone(),
    }
}

/// Takes the time of a finished generation into the estimates.
pub(super) fn learn(app: &App, found: &Generation) {
    if let (JobState::Done, Some(took_ms)) = (found.state, found.processing_ms) {
        app.estimates.observe(&found.product_id, took_ms);
    }
}

impl GenerationView {
    /// A weak entity tag: everything shown but the guess of the time, which changes by itself.
    pub(crate) fn etag(&self) -> Option<HeaderValue> {
        let stable = Self {
            eta_seconds: None,
            ..self.clone()
        };
        let text = serde_json::to_vec(&stable).ok()?;
        let hash = Sha256::digest(&text);
        let hex: String = hash
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        HeaderValue::from_str(&format!("W/\"{hex}\"")).ok()
    }
}

fn picture(app: &App, found: &Generation, output: &Output) -> OutputView {
    OutputView {
        url: format!(
            "{}/media/{}/{}",
            app.public_url, found.public_id, output.variant
        ),
        width: output.width_px,
        height: output.height_px,
        bytes: output.size_bytes,
        content_type: output.content_type.clone(),
    }
}

fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Queued => "queued",
        Stage::Preparing => "preparing",
        Stage::Generating => "generating",
        Stage::Composing => "composing",
        Stage::Ended => "ended",
    }
}

/// The provider takes most of the time and composing a little; these are steps, not measurements.
pub(super) fn progress(found: &Generation) -> u8 {
    match (found.state, found.stage) {
        (JobState::Done, _) => 100,
        (_, Stage::Preparing) => 10,
        (_, Stage::Generating) => 30,
        (_, Stage::Composing) => 80,
        (_, Stage::Queued | Stage::Ended) => 0,
    }
}

/// Known for running generations only: how long a queue takes depends on the fleet.
fn eta_seconds(app: &App, found: &Generation) -> Option<u32> {
    if found.state != JobState::Running {
        return None;
    }
    let whole = app.estimates.seconds(&found.product_id)?;
    let spent = app
        .now()
        .signed_duration_since(found.created_at)
        .num_seconds();
    let left = i64::from(whole) - spent.max(0);
    u32::try_from(left.max(1)).ok()
}

fn texts(report: Option<&Value>) -> Vec<Value> {
    let texts = report.and_then(|report| report.get("text")?.as_array());
    texts.cloned().unwrap_or_default()
}

pub(super) fn error_of(found: &Generation) -> Option<ErrorView> {
    let code = found.error_code.clone()?;
    let known = code.parse::<FailureCode>().ok();
    // What an older platform wrote may hold its provider's words; shoppers get ours.
    let message = known.map_or("The picture could not be finished.", FailureCode::message);
    Some(ErrorView {
        code,
        message: message.to_owned(),
    })
}
