//! Responses that are worked on while nobody waits: what became of them is computed from the time.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::order::Order;
use super::price::Usage;
use crate::ledger::EntryNumber;

/// So many responses are kept; older ones are gone as if their time were over.
const MAX_RESPONSES: usize = 20_000;

/// How the work ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    /// As if completed, without a picture.
    Empty,
    /// With an error code.
    Failed(String),
    /// With a reason.
    Incomplete(String),
    Never,
}

/// What a response says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Queued,
    InProgress,
    Completed,
    Failed,
    Incomplete,
    Cancelled,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One response.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    pub(crate) id: String,
    pub(crate) entry: EntryNumber,
    /// The model that was asked, which asks the image model.
    pub(crate) outer_model: String,
    pub(crate) order: Order,
    pub(crate) usage: Usage,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) gone_at: DateTime<Utc>,
    pub(crate) end: End,
    pub(crate) cancelled: bool,
    pub(crate) item_id: String,
    /// Fields of the request that the answer repeats.
    pub(crate) told: Map<String, Value>,
    /// The picture, once somebody has asked for it.
    pub(crate) picture: Option<Bytes>,
}

impl Background {
    pub(crate) fn status(&self, now: DateTime<Utc>) -> Status {
        if self.cancelled {
            Status::Cancelled
        } else if now < self.starts_at {
            Status::Queued
        } else if now < self.ends_at {
            Status::InProgress
        } else {
            match self.end {
                End::Completed | End::Empty => Status::Completed,
                End::Failed(_) => Status::Failed,
                End::Incomplete(_) => Status::Incomplete,
                End::Never => Status::InProgress,
            }
        }
    }

    /// The object; `picture` is its base64 when the response is completed.
    pub(crate) fn json(&self, now: DateTime<Utc>, picture: Option<&str>) -> Value {
        let status = self.status(now);
        let error = match &self.end {
            End::Failed(code) if status == Status::Failed => json!({
                "code": code, "message": format!("The image could not be generated: {code}."),
            }),
            _ => Value::Null,
        };
        let incomplete = match &self.end {
            End::Incomplete(reason) if status == Status::Incomplete => json!({"reason": reason}),
            _ => Value::Null,
        };
        let done = status == Status::Completed;
        let output = if done && self.end != End::Empty {
            vec![self.item(picture)]
        } else {
            Vec::new()
        };
        let mut body = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.made_at.timestamp(),
            "completed_at": done.then(|| self.ends_at.timestamp()),
            "status": status.name(),
            "background": true,
            "error": error,
            "incomplete_details": incomplete,
            "instructions": null,
            "max_output_tokens": null,
            "model": self.outer_model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null},
            "store": true,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": if done { outer_usage(self.usage) } else { Value::Null },
            "user": null,
            "metadata": {},
        });
        for (name, value) in &self.told {
            body[name] = value.clone();
        }
        body
    }

    fn item(&self, picture: Option<&str>) -> Value {
        json!({
            "id": self.item_id,
            "type": "image_generation_call",
            "status": "completed",
            "background": if self.order.is_transparent() { "transparent" } else { "opaque" },
            "output_format": self.order.format,
            "quality": self.order.told_quality(),
            "revised_prompt": self.order.prompt,
            "size": format!("{}x{}", self.order.width, self.order.height),
            "result": picture,
        })
    }
}

/// Tokens of the outer model, which reads the prompt and writes the call.
fn outer_usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.text,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTER_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.text + OUTER_TOKENS,
    })
}

/// What the outer model writes: the call of the tool.
pub(crate) const OUTER_TOKENS: u64 = 60;

/// All responses.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    by_id: HashMap<String, Background>,
}

impl Responses {
    pub(crate) fn add(&mut self, response: Background, now: DateTime<Utc>) {
        if self.by_id.len() >= MAX_RESPONSES {
            self.by_id.retain(|_, response| now < response.gone_at);
        }
        if self.by_id.len() >= MAX_RESPONSES {
            let half = now - TimeDelta::seconds(60);
            self.by_id.retain(|_, response| response.made_at > half);
        }
        self.by_id.insert(response.id.clone(), response);
    }

    /// A response that is not gone.
    pub(crate) fn get(&mut self, id: &str, now: DateTime<Utc>) -> Option<&mut Background> {
        self.by_id
            .get_mut(id)
            .filter(|response| now < response.gone_at)
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.by_id.remove(id).is_some()
    }
}
