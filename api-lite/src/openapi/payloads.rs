//! The `data` of every event, for the description. What is really sent is made by `domain`, which knows
//! no OpenAPI; a test holds each example, which comes from there, against these.
#![expect(
    dead_code,
    reason = "describes what domain makes; nothing is made of it"
)]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// A worker began.
#[derive(ToSchema)]
pub(super) struct GenerationStartedData {
    /// The generation, as in `/v1/generations/{id}`.
    generation_id: String,
    /// Its product.
    product_id: String,
    /// `processing`.
    state: String,
}

/// The pictures exist.
#[derive(ToSchema)]
pub(super) struct GenerationCompletedData {
    /// In what the provider charged.
    cost_currency: String,
    /// What the provider charged, in millionths.
    cost_micros: i64,
    /// The generation, as in `/v1/generations/{id}`.
    generation_id: String,
    /// The pictures by variant: `full`, `thumbnail`, `w640`, ….
    outputs: BTreeMap<String, GenerationOutputData>,
    /// Milliseconds from acceptance to the end.
    processing_ms: u64,
    /// Its product.
    product_id: String,
    /// `succeeded`.
    state: String,
}

/// One picture.
#[derive(ToSchema)]
pub(super) struct GenerationOutputData {
    /// Size of the file.
    bytes: u64,
    /// Height in pixels.
    height: u32,
    /// Where it can be fetched.
    url: String,
    /// Width in pixels.
    width: u32,
}

/// It ended without pictures.
#[derive(ToSchema)]
pub(super) struct GenerationFailedData {
    /// The generation, as in `/v1/generations/{id}`.
    generation_id: String,
    /// The reason in a sentence that a shop's page can show.
    message: String,
    /// Its product.
    product_id: String,
    /// A stable code: `content_policy`, `canceled`, `expired`, ….
    reason: String,
    /// Whether the same order may succeed later.
    retryable: bool,
    /// `failed`, `canceled` or `expired`.
    state: String,
}

/// Somebody looked at it in augmented reality.
#[derive(ToSchema)]
pub(super) struct ArViewData {
    /// The generation, as in `/v1/generations/{id}`.
    generation_id: String,
    /// Its product.
    product_id: String,
    /// Views so far, this one included.
    views: u64,
}

/// A share of what the plan gives was reached.
#[derive(ToSchema)]
pub(super) struct QuotaThresholdData {
    /// The units that the plan allows in the period.
    limit: u64,
    /// What is counted: `generation`, ….
    metric: String,
    /// Which share was reached: 50, 75, 90 or 100.
    percent: u8,
    /// When the period ends and the count begins anew.
    period_end: DateTime<Utc>,
    /// When the period began.
    period_start: DateTime<Utc>,
    /// The units used when it was reached.
    used: u64,
}

/// An invoice got its number.
#[derive(ToSchema)]
pub(super) struct InvoiceFinalizedData {
    /// The currency of the amounts, in capitals.
    currency: String,
    /// The last day for paying, as `YYYY-MM-DD`.
    due_date: String,
    /// Names the invoice in the API.
    invoice_id: String,
    /// The number on the invoice.
    number: String,
    /// When the period ends, not itself part of it.
    period_end: DateTime<Utc>,
    /// When the period began.
    period_start: DateTime<Utc>,
    /// What is to be paid with taxes, in hundredths.
    total_cents: i64,
}

/// An invoice was not paid in time.
#[derive(ToSchema)]
pub(super) struct InvoicePastDueData {
    /// The currency of the amounts, in capitals.
    currency: String,
    /// Whole days since the due date.
    days_overdue: u32,
    /// The last day for paying, as `YYYY-MM-DD`.
    due_date: String,
    /// Names the invoice in the API.
    invoice_id: String,
    /// The number on the invoice.
    number: String,
    /// What is to be paid with taxes, in hundredths.
    total_cents: i64,
}

/// An endpoint was switched off.
#[derive(ToSchema)]
pub(super) struct WebhookDisabledData {
    /// Since when it has failed; null where it answered 410.
    failing_since: Option<String>,
    /// The endpoint's name.
    name: String,
    /// `gone`: it answered 410. `failing`: no success for five days.
    reason: String,
    /// Where it is.
    url: String,
    /// Names the endpoint in the API.
    webhook_id: String,
}

/// An endpoint fails and will be switched off.
#[derive(ToSchema)]
pub(super) struct WebhookFailingData {
    /// When it will be switched off if no delivery succeeds.
    disables_at: DateTime<Utc>,
    /// Since when no delivery has succeeded.
    failing_since: DateTime<Utc>,
    /// The endpoint's name.
    name: String,
    /// How much of the time until then is over: 50, 70 or 90.
    percent: u8,
    /// Where it is.
    url: String,
    /// Names the endpoint in the API.
    webhook_id: String,
}

/// Somebody asked for a test.
#[derive(ToSchema)]
pub(super) struct WebhookTestData {
    /// That it means nothing.
    message: String,
    /// The endpoint's name.
    name: String,
    /// Names the endpoint in the API.
    webhook_id: String,
}
