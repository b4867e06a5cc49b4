//! From the joined row to the type.

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::{BrandId, GenerationId, JobState, ProductId, PublicId};
use serde_json::Value;
use uuid::Uuid;

use super::{Generation, Output, Stage, instant, job_state};
use crate::error::StoreError;

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) public_id: String,
    pub(super) brand_id: String,
    pub(super) product_id: String,
    pub(super) session_id: Option<String>,
    pub(super) state: String,
    pub(super) lane: String,
    pub(super) fence: i64,
    pub(super) cancel_requested: bool,
    pub(super) customizations: Value,
    pub(super) report: Option<Value>,
    pub(super) ai_provider: String,
    pub(super) model: String,
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
    pub(super) cost_micros: Option<i64>,
    pub(super) processing_ms: Option<i32>,
    pub(super) output_url: Option<String>,
    pub(super) thumbnail_url: Option<String>,
    pub(super) ar_model_url: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) completed_at: Option<NaiveDateTime>,
    pub(super) expires_at: Option<NaiveDateTime>,
    pub(super) attempts: Option<Value>,
}

impl Row {
    pub(super) fn into_generation(self, outputs: Vec<Output>) -> Result<Generation, StoreError> {
        let state = job_state(&self.state, self.id)?;
        let attempts = match self.attempts {
            Some(Value::Array(attempts)) => attempts,
            _ => Vec::new(),
        };
        let last = attempts
            .last()
            .and_then(|attempt| attempt["state"].as_str());
        let bad =
            |table: &'static str, column: &'static str, detail: String| StoreError::Inconsistent {
                table,
                column,
                id: GenerationId(self.id).as_text(),
                detail,
            };
        let stage = stage(state, last);
        Ok(Generation {
            id: GenerationId(self.id),
            public_id: PublicId::parse(&self.public_id)
                .map_err(|error| bad("Generation", "publicId", error.to_string()))?,
            brand_id: BrandId(self.brand_id),
            product_id: ProductId(self.product_id),
            session_id: self.session_id,
            state,
            stage,
            lane: self
                .lane
                .parse()
                .map_err(|_| bad("atelier.job", "lane", self.lane.clone()))?,
            fence: self.fence,
            cancel_requested: self.cancel_requested,
            customizations: self.customizations,
            report: self.report,
            ai_provider: self.ai_provider,
            attempts,
            model: self.model,
            error_code: self.error_code,
            error_message: self.error_message,
            cost_micros: self.cost_micros,
            processing_ms: self.processing_ms,
            output_url: self.output_url,
            thumbnail_url: self.thumbnail_url,
            ar_model_url: self.ar_model_url,
            metadata: self.metadata,
            created_at: self.created_at,
            completed_at: instant(self.completed_at),
            expires_at: instant(self.expires_at),
            outputs,
        })
    }
}

fn stage(state: JobState, attempt: Option<&str>) -> Stage {
    match (state, attempt) {
        (JobState::Waiting, _) => Stage::Queued,
        (JobState::Running | JobState::Held, Some("fetched")) => Stage::Composing,
        (JobState::Running | JobState::Held, Some("submitting" | "accepted" | "unknown")) => {
            Stage::Generating
        }
        (JobState::Running | JobState::Held, _) => Stage::Preparing,
        _ => Stage::Ended,
    }
}
