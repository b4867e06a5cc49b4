//! Replicate: predictions that are created, listed, polled and cancelled by id.
//!
//! A prediction is created without `Prefer: wait`: the answer with the id then comes within a moment,
//! and the moment in which it can get lost is as short as it can be. What gets lost all the same is
//! found in the list of predictions by its seed, which derives from the attempt, or by the address of
//! its webhook, which holds the attempt's id ([`mod@list`]).
//!
//! Each model names its inputs as it likes, so their names are data (`models/replicate.toml`).

mod config;
mod file;
mod input;
mod list;
mod prediction;
mod refusal;
mod target;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use http::{Method, StatusCode};
use url::Url;

pub use self::config::ReplicateConfig;
pub use self::input::{ReplicateRow, SizeInput};

use self::file::Files;
use self::prediction::Prediction;
use crate::config::ConfigError;
use crate::credential::CallContext;
use crate::error::{ErrorKind, ProviderError};
use crate::models::{Model, ModelError, ModelRegistry, Resolved};
use crate::provider::{Canceled, OpenAttempt, Polled, Provider, Reconciled, Submitted};
use crate::request::ImageRequest;
use crate::rows::Rows;
use crate::transport::{self, Answer, Call, Transport};
use crate::wire::Prepared;

pub(crate) const NAME: &str = "replicate";
const DEFAULT_MODEL: &str = "black-forest-labs/flux-schnell";
/// How long a question that failed is left alone.
const ASK_PAUSE: Duration = Duration::from_secs(2);

/// Replicate's REST API. See the [module](self).
pub struct Replicate {
    rows: Rows,
    transport: Transport,
    files: Files,
    visible_after: Duration,
    /// How long a prediction at work is left alone.
    poll_pause: Duration,
    is_encrypted: bool,
}

impl Replicate {
    /// Connects nowhere.
    ///
    /// # Errors
    /// [`ConfigError`] where TLS cannot be set up or a file host is none.
    pub fn new(config: &ReplicateConfig, models: &ModelRegistry) -> Result<Self, ConfigError> {
        Ok(Self {
            rows: Rows::of(NAME, models),
            transport: Transport::new(config.replicate_base_url.clone())?,
            files: Files::new(&config.replicate_file_hosts)?,
            visible_after: Duration::from_secs(config.replicate_visible_after_seconds),
            poll_pause: Duration::from_millis(config.replicate_poll_ms),
            is_encrypted: config.replicate_base_url.scheme() == "https",
        })
    }

    /// Asks something that costs nothing.
    async fn ask(&self, path: &str, call: CallContext<'_>) -> Result<Answer, ProviderError> {
        let question = Call {
            method: Method::GET,
            path,
            headers: transport::authorized(NAME, &call)?,
            body: bytes::Bytes::new(),
        };
        let sent = self.transport.send(question, call.deadline).await;
        let answer = sent.map_err(|broken| broken.at_poll(NAME))?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            status => Err(refusal::of_question(status, &answer.headers, &answer.body)),
        }
    }

    async fn prediction(
        &self,
        provider_ref: &str,
        call: CallContext<'_>,
    ) -> Result<Prediction, ProviderError> {
        let answer = self.ask(&path_of(provider_ref)?, call).await?;
        Prediction::read(&answer.body).ok_or_else(|| {
            let detail = "the prediction cannot be read";
            ProviderError::poll_failed(NAME, ErrorKind::BadAnswer, ASK_PAUSE, detail)
        })
    }
}

#[async_trait]
impl Provider for Replicate {
    fn name(&self) -> &'static str {
        NAME
    }

    fn default_model(&self) -> &str {
        DEFAULT_MODEL
    }

    fn model(&self, model: &str) -> Option<Model> {
        self.rows.find(model).map(|found| found.model)
    }

    fn resolve(&self, model: &str, today: NaiveDate) -> Result<Resolved, ModelError> {
        self.rows.resolve(model, today)
    }

    fn needs_key(&self) -> bool {
        true
    }

    /// Replicate takes addresses by https alone; a double that is itself spoken to without, any.
    fn announces_at(&self, address: &Url) -> bool {
        match address.scheme() {
            "https" => true,
            "http" => !self.is_encrypted,
            _ => false,
        }
    }

    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        input::prepare(&self.rows, request)
    }

    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        let body = self.uploaded(&prepared, &call).await?;
        let headers = transport::headers_of(NAME, &prepared, &call)?;
        let order = Call {
            method: prepared.method,
            path: &prepared.path,
            headers,
            body,
        };
        match self.transport.send(order, call.deadline).await {
            Ok(answer) if answer.status.is_success() => accepted(&answer),
            Ok(answer) => Err(refusal::of_order(
                answer.status,
                &answer.headers,
                &answer.body,
            )),
            Err(broken) => Err(broken.at_submit(NAME)),
        }
    }

    /// Asks, and brings the file when there is one. An address that has expired is asked for anew, once.
    async fn poll(
        &self,
        provider_ref: &str,
        call: CallContext<'_>,
    ) -> Result<Polled, ProviderError> {
        let prediction = self.prediction(provider_ref, call).await?;
        let Some(url) = prediction.outcome(&self.rows)? else {
            return Ok(Polled::Working {
                ask_again_after: self.poll_pause,
            });
        };
        let fetched = match self.files.fetch(&url, call.deadline).await {
            Err(fault) if fault.is_gone() => {
                let again = self.prediction(provider_ref, call).await?;
                match again.outcome(&self.rows)? {
                    Some(url) => self.files.fetch(&url, call.deadline).await,
                    None => Err(fault),
                }
            }
            fetched => fetched,
        };
        match fetched {
            Ok(bytes) => prediction.finished(&self.rows, bytes).map(Polled::Finished),
            Err(fault) => Err(fault.classified(prediction.cost(&self.rows))),
        }
    }

    async fn cancel(
        &self,
        provider_ref: &str,
        call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        let path = format!("{}/cancel", path_of(provider_ref)?);
        let order = Call {
            method: Method::POST,
            path: &path,
            headers: transport::authorized(NAME, &call)?,
            body: bytes::Bytes::new(),
        };
        let sent = self.transport.send(order, call.deadline).await;
        let answer = sent.map_err(|broken| broken.at_poll(NAME))?;
        if !answer.status.is_success() {
            return Err(refusal::of_question(
                answer.status,
                &answer.headers,
                &answer.body,
            ));
        }
        let stopped = Prediction::read(&answer.body).and_then(|it| it.canceled(&self.rows));
        match stopped {
            Some(canceled) => Ok(canceled),
            // It was told to stop and has not yet: how it ends stands in the next answer.
            None => self
                .prediction(provider_ref, call)
                .await?
                .canceled(&self.rows)
                .ok_or_else(|| {
                    let detail = "it was told to stop and still works";
                    ProviderError::poll_failed(NAME, ErrorKind::Unavailable, ASK_PAUSE, detail)
                }),
        }
    }

    async fn reconcile(
        &self,
        open: &OpenAttempt,
        call: CallContext<'_>,
    ) -> Result<Reconciled, ProviderError> {
        list::search(self, open, call).await
    }
}

/// The answer to a creation. Whatever its status says, it is polled.
fn accepted(answer: &Answer) -> Result<Submitted, ProviderError> {
    let Some(prediction) = Prediction::read(&answer.body) else {
        let detail = "the answer names no prediction";
        return Err(ProviderError::unclear(NAME, ErrorKind::BadAnswer, detail));
    };
    Ok(Submitted::Accepted {
        provider_ref: prediction.id,
        rate: refusal::rate(&answer.headers, None),
    })
}

/// The path of a prediction; the id comes from outside, so it is looked at before it becomes a path.
fn path_of(provider_ref: &str) -> Result<String, ProviderError> {
    if !prediction::is_id(provider_ref) {
        return Err(ProviderError::invalid(NAME, "no id of a prediction"));
    }
    Ok(format!("/predictions/{provider_ref}"))
}
