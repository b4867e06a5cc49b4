//! Repairs.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::webhooks::bulk::Job;

/// A repair of many deliveries of one endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookJobView {
    /// Names it here.
    #[schema(example = "0190a5c4-1f2b-7c0f-8d3e-5a6b7c8d9e0f")]
    id: String,
    /// Of which endpoint.
    webhook_id: String,
    /// `recover`, `replay` or `replay_missing`.
    #[schema(example = "recover")]
    kind: String,
    /// `queued`, `running`, `done` or `canceled`.
    #[schema(example = "running")]
    state: String,
    /// From when.
    since: DateTime<Utc>,
    /// Until before when.
    until: DateTime<Utc>,
    /// Types of events; all where there are none.
    events: Vec<String>,
    /// States of deliveries; all where there are none.
    statuses: Vec<String>,
    /// How much of the time from `since` to `until` it has gone through, 0 to 100.
    progress_percent: u8,
    /// Deliveries (or events, of `replay_missing`) that it has looked at.
    looked_at: i64,
    /// Deliveries that it has made due.
    queued: i64,
    /// Whether it is to stop.
    cancel_requested: bool,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it last moved.
    updated_at: DateTime<Utc>,
    /// When it ended.
    ended_at: Option<DateTime<Utc>>,
}

impl From<Job> for WebhookJobView {
    fn from(job: Job) -> Self {
        let progress_percent = job.progress_percent();
        let Job {
            id,
            webhook,
            kind,
            state,
            since,
            until,
            events,
            statuses,
            cursor_at: _,
            looked_at,
            queued,
            cancel_requested,
            created_at,
            updated_at,
            ended_at,
        } = job;
        Self {
            id: id.to_string(),
            webhook_id: webhook,
            kind,
            state,
            since,
            until,
            events,
            statuses,
            progress_percent,
            looked_at,
            queued,
            cancel_requested,
            created_at,
            updated_at,
            ended_at,
        }
    }
}

/// Repairs of one endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookJobsView {
    /// The newest first, at most a hundred.
    pub(crate) data: Vec<WebhookJobView>,
}
