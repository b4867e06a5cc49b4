//! A generation as the older platform's widget and dashboard know it: camelCase, their words.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::generations::Generation;

use super::generation::{error_of, learn, progress};
use crate::app::App;

/// Seconds named to a widget before any picture of the product was seen; the older platform always
/// said this.
const FIRST_GUESS_SECONDS: u32 = 30;

/// The answer to a creation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WidgetCreated {
    /// The generation's id.
    id: String,
    /// `pending`.
    #[schema(example = "pending")]
    status: String,
    /// Seconds.
    estimated_time: u32,
    /// Where to ask how it goes.
    status_url: String,
}

impl WidgetCreated {
    pub(crate) fn of(app: &App, found: &Generation) -> Self {
        let estimate = app.estimates.seconds(&found.product_id);
        Self {
            id: found.public_id.to_string(),
            status: status(found),
            estimated_time: estimate.unwrap_or(FIRST_GUESS_SECONDS),
            status_url: format!(
                "{}/api/v1/generation/{}/status",
                app.public_url, found.public_id
            ),
        }
    }
}

/// How it goes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WidgetStatus {
    /// `pending`, `processing`, `completed`, `failed` or `expired`.
    #[schema(example = "completed")]
    status: String,
    /// Percent, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<u8>,
    /// The pictures, once it is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<WidgetResult>,
    /// Milliseconds from start to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_time: Option<i32>,
    /// Why it failed, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why it failed, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
}

/// The finished pictures.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WidgetResult {
    /// The full picture.
    image_url: Option<String>,
    /// The small one.
    thumbnail_url: Option<String>,
    /// The AR model, if there is one.
    ar_model_url: Option<String>,
}

/// Everything a widget or dashboard shows of one generation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WidgetDetail {
    /// The generation's id.
    id: String,
    /// The same id under the older platform's other name for it.
    public_id: String,
    /// The product's id.
    product_id: String,
    /// The shopper's session.
    session_id: Option<String>,
    /// When it was accepted.
    created_at: DateTime<Utc>,
    /// When it ended.
    completed_at: Option<DateTime<Utc>>,
    /// How it goes.
    #[serde(flatten)]
    status: WidgetStatus,
}

/// One page of the dashboard's list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WidgetPage {
    /// The newest first.
    pub(crate) data: Vec<WidgetDetail>,
    /// Where this page stands.
    pub(crate) pagination: Pagination,
}

/// Where a page stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pagination {
    /// From 1.
    pub(crate) page: i64,
    /// Generations on one page.
    pub(crate) limit: i64,
    /// All that match, counted up to 100,000.
    pub(crate) total: i64,
    /// Pages of all that match.
    pub(crate) total_pages: i64,
}

impl WidgetStatus {
    pub(crate) fn of(app: &App, found: &Generation) -> Self {
        learn(app, found);
        let address = |variant: &str| {
            let there = found.outputs.iter().any(|output| output.variant == variant);
            there.then(|| format!("{}/media/{}/{variant}", app.public_url, found.public_id))
        };
        let result = (found.state == domain::JobState::Done).then(|| WidgetResult {
            image_url: address("full"),
            thumbnail_url: address("thumbnail"),
            ar_model_url: found.ar_model_url.clone(),
        });
        let error = error_of(found);
        Self {
            status: status(found),
            progress: (!found.state.is_ended()).then(|| progress(found)),
            result,
            processing_time: found.processing_ms,
            error_code: error.as_ref().map(|error| error.code.clone()),
            error: error.map(|error| error.message),
        }
    }
}

impl WidgetDetail {
    pub(crate) fn of(app: &App, found: &Generation) -> Self {
        Self {
            id: found.public_id.to_string(),
            public_id: found.public_id.to_string(),
            product_id: found.product_id.to_string(),
            session_id: found.session_id.clone(),
            created_at: found.created_at,
            completed_at: found.completed_at,
            status: WidgetStatus::of(app, found),
        }
    }
}

fn status(found: &Generation) -> String {
    found.state.generation_status().to_ascii_lowercase()
}
