//! Stability's REST API, version `v2beta`.
//!
//! One picture a call, and it comes with the answer or never: there is neither a key that would make a
//! repeat harmless nor a list to look a call up in. So a lost answer stays unknown
//! ([`Reconciled::Unknown`](crate::Reconciled::Unknown)), and the brand's policy decides.
//!
//! The picture is asked for as bytes (`Accept: image/*`) and not as base64 in JSON: a third less to
//! read, and what the JSON says besides stands in headers (`finish-reason`, `seed`). An answer in
//! JSON is understood all the same.

mod answer;
mod config;
mod form;
mod words;

use async_trait::async_trait;
use chrono::NaiveDate;

pub use self::config::StabilityConfig;

use crate::config::ConfigError;
use crate::credential::CallContext;
use crate::error::ProviderError;
use crate::models::{Model, ModelError, ModelRegistry, Resolved};
use crate::provider::{Provider, Submitted};
use crate::request::ImageRequest;
use crate::rows::Rows;
use crate::transport::{self, Call, Transport};
use crate::wire::Prepared;

pub(crate) const NAME: &str = "stability";
const DEFAULT_MODEL: &str = "core";

/// Stability's REST API. See the [module](self).
pub struct Stability {
    rows: Rows,
    transport: Transport,
}

impl Stability {
    /// Connects nowhere.
    ///
    /// # Errors
    /// [`ConfigError`] where TLS cannot be set up.
    pub fn new(config: &StabilityConfig, models: &ModelRegistry) -> Result<Self, ConfigError> {
        Ok(Self {
            rows: Rows::of(NAME, models),
            transport: Transport::new(config.stability_base_url.clone())?,
        })
    }
}

#[async_trait]
impl Provider for Stability {
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

    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        form::prepare(&self.rows, request)
    }

    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        let Some(found) = self.rows.find(&prepared.model) else {
            return Err(ProviderError::invalid(NAME, "no such model"));
        };
        let headers = transport::headers_of(NAME, &prepared, &call)?;
        let order = Call {
            method: prepared.method,
            path: &prepared.path,
            headers,
            body: prepared.body,
        };
        let sent = self.transport.send(order, call.deadline).await;
        answer::read(
            sent,
            &found.model,
            prepared.price,
            prepared.notes,
            call.credential,
        )
        .map(Submitted::Finished)
    }
}
