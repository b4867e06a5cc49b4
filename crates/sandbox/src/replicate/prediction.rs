//! Predictions: what became of one is computed from the time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::draw::Drawing;
use crate::ledger::EntryNumber;

/// So many predictions are kept; the oldest tenth is forgotten then.
const MAX_PREDICTIONS: usize = 50_000;
/// So many uploaded files are kept.
const MAX_UPLOADS: usize = 64;

/// How the work ends if nobody stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded,
    Failed(String),
    /// Before it starts.
    Aborted,
    Never,
}

/// What a prediction says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Starting,
    Processing,
    Succeeded,
    Failed,
    Canceled,
    Aborted,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Aborted => "aborted",
        }
    }

    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Starting | Self::Processing)
    }
}

/// One file of the output.
#[derive(Debug, Clone)]
pub(crate) struct OutputFile {
    pub(crate) token: String,
    pub(crate) name: String,
    pub(crate) drawing: Drawing,
    /// Whether somebody has asked for it.
    pub(crate) asked: bool,
}

/// What is odd about a prediction's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Oddities {
    pub(crate) copies: u32,
    pub(crate) late: Duration,
    pub(crate) forged: bool,
}

/// One prediction.
#[derive(Debug, Clone)]
pub(crate) struct Prediction {
    pub(crate) id: String,
    pub(crate) entry: EntryNumber,
    pub(crate) model: String,
    pub(crate) version: String,
    pub(crate) input: Value,
    /// `http://HOST` as the client reached us.
    pub(crate) origin: String,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) deadline: Option<DateTime<Utc>>,
    pub(crate) canceled_at: Option<DateTime<Utc>>,
    /// Listings show it from here on.
    pub(crate) listed_at: DateTime<Utc>,
    /// Its files are gone this long after its end.
    pub(crate) file_life: TimeDelta,
    /// Its data are removed this long after its end.
    pub(crate) data_life: TimeDelta,
    pub(crate) end: End,
    pub(crate) files: Vec<OutputFile>,
    /// Whether the output is one address and no list.
    pub(crate) gives_one: bool,
    pub(crate) empty_output: bool,
    pub(crate) webhook: Option<String>,
    pub(crate) events: Vec<String>,
    pub(crate) oddities: Oddities,
    /// Told when it is cancelled.
    pub(crate) changed: Arc<Notify>,
    pub(crate) cost_micros: i64,
}

impl Prediction {
    /// When it ends and as what; `None` while that is not foreseen.
    pub(crate) fn fate(&self) -> Option<(DateTime<Utc>, Status)> {
        let natural = match &self.end {
            End::Succeeded => Some((self.ends_at, Status::Succeeded)),
            End::Failed(_) => Some((self.ends_at, Status::Failed)),
            End::Aborted => Some((self.starts_at, Status::Aborted)),
            End::Never => None,
        };
        let by_deadline = self.deadline.map(|at| {
            (
                at,
                if at < self.starts_at {
                    Status::Aborted
                } else {
                    Status::Canceled
                },
            )
        });
        let canceled = self.canceled_at.map(|at| (at, Status::Canceled));
        [natural, by_deadline, canceled]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    pub(crate) fn status(&self, now: DateTime<Utc>) -> Status {
        match self.fate() {
            Some((at, status)) if at <= now => status,
            _ if now < self.starts_at => Status::Starting,
            _ => Status::Processing,
        }
    }

    /// Whether the service will charge, if nobody does anything more.
    pub(crate) fn is_charged(&self) -> bool {
        match self.fate() {
            Some((_, Status::Succeeded)) => true,
            Some((at, Status::Canceled)) => at >= self.starts_at,
            _ => false,
        }
    }

    /// Whether its files can be read.
    pub(crate) fn has_files(&self, now: DateTime<Utc>) -> bool {
        self.status(now) == Status::Succeeded && now < self.ends_at + self.file_life
    }

    fn data_removed(&self, now: DateTime<Utc>) -> bool {
        self.fate()
            .is_some_and(|(at, _)| at + self.data_life <= now)
    }

    pub(crate) fn file_urls(&self) -> Vec<String> {
        let file = |file: &OutputFile| {
            format!(
                "{}/replicate/delivery/{}/{}/{}",
                self.origin, self.id, file.token, file.name
            )
        };
        self.files.iter().map(file).collect()
    }

    fn output(&self, status: Status) -> Value {
        if status != Status::Succeeded || self.empty_output {
            return Value::Null;
        }
        let urls = self.file_urls();
        match urls.as_slice() {
            [one] if self.gives_one => one.as_str().into(),
            _ => urls.into(),
        }
    }

    /// The object.
    pub(crate) fn json(&self, now: DateTime<Utc>) -> Value {
        self.json_with(now, self.status(now))
    }

    pub(crate) fn json_with(&self, now: DateTime<Utc>, status: Status) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let removed = self.data_removed(now);
        let ended = self
            .fate()
            .filter(|(at, _)| status.is_final() && *at <= now)
            .map(|(at, _)| at);
        let started = now >= self.starts_at && status != Status::Aborted;
        let error = match (&self.end, status) {
            (End::Failed(text), Status::Failed) => text.as_str().into(),
            _ => Value::Null,
        };
        let seconds = |from: DateTime<Utc>, to: DateTime<Utc>| {
            (to - from).num_milliseconds().max(0) as f64 / 1000.0
        };
        let api = format!("{}/replicate/v1/predictions/{}", self.origin, self.id);
        json!({
            "id": self.id,
            "model": self.model,
            "version": self.version,
            "input": if removed { json!({}) } else { self.input.clone() },
            "logs": if removed || !started { "" } else { "Using seed\nDone\n" },
            "output": if removed { Value::Null } else { self.output(status) },
            "data_removed": removed,
            "error": error,
            "source": "api",
            "status": status.name(),
            "created_at": time(self.made_at),
            "started_at": started.then(|| time(self.starts_at)),
            "completed_at": ended.map(time),
            "deadline": self.deadline.map(time),
            "metrics": match ended {
                Some(at) if started => json!({
                    "predict_time": seconds(self.starts_at, at),
                    "total_time": seconds(self.made_at, at),
                }),
                _ => json!({}),
            },
            "urls": {
                "cancel": format!("{api}/cancel"),
                "get": api,
                "web": format!("https://replicate.com/p/{}", self.id),
            },
        })
    }
}

/// All predictions and uploads.
#[derive(Debug, Default)]
pub(crate) struct Predictions {
    by_id: HashMap<String, Prediction>,
    /// Ids, the oldest first.
    order: Vec<String>,
    uploads: Vec<(String, Bytes)>,
}

impl Predictions {
    pub(crate) fn add(&mut self, prediction: Prediction) {
        if self.order.len() >= MAX_PREDICTIONS {
            for id in self.order.drain(..MAX_PREDICTIONS / 10) {
                self.by_id.remove(&id);
            }
        }
        self.order.push(prediction.id.clone());
        self.by_id.insert(prediction.id.clone(), prediction);
    }

    pub(crate) fn get(&mut self, id: &str) -> Option<&mut Prediction> {
        self.by_id.get_mut(id)
    }

    /// The newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Prediction> {
        self.order.iter().rev().filter_map(|id| self.by_id.get(id))
    }

    pub(crate) fn keep_upload(&mut self, id: String, bytes: Bytes) {
        if self.uploads.len() >= MAX_UPLOADS {
            self.uploads.remove(0);
        }
        self.uploads.push((id, bytes));
    }

    pub(crate) fn upload(&self, id: &str) -> Option<Bytes> {
        let (_, bytes) = self.uploads.iter().find(|(known, _)| known == id)?;
        Some(bytes.clone())
    }
}
