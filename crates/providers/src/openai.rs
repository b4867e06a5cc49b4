//! OpenAI's pictures: `POST /images/generations` and `/images/edits`.
//!
//! One POST, one answer, the picture in base64 inside it. There is no idempotency key and no list of
//! calls, so an answer that is lost cannot be found again: [`reconcile`](Provider::reconcile) can only
//! say that it does not know. What the table of errors means stands in `failure`, the prices in the
//! model registry; `docs/providers.md` says in plain words what can be recovered.

pub(crate) mod answer;
pub(crate) mod edit;
pub(crate) mod endpoint;
pub(crate) mod failure;
pub(crate) mod generate;
pub(crate) mod order;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use http::Method;

use self::endpoint::{Auth, Endpoint};
use self::order::{Dialect, Order};
use crate::config::{ConfigError, OpenAiConfig};
use crate::credential::CallContext;
use crate::error::ProviderError;
use crate::models::{Model, ModelError, ModelRegistry, Resolved};
use crate::provider::{Canceled, OpenAttempt, Polled, Provider, Reconciled, Submitted};
use crate::request::{ImageRequest, Operation};
use crate::wire::Prepared;

const NAME: &str = "openai";
/// The oldest of the living: the cheapest to be sure of, with known token counts.
const DEFAULT_MODEL: &str = "gpt-image-2";

/// OpenAI's picture API. See the [module](self).
pub struct OpenAi {
    endpoint: Endpoint,
    models: ModelRegistry,
    /// Sent with every call; they name accounts and are no secrets.
    account: Vec<(&'static str, String)>,
}

impl OpenAi {
    /// Builds the client; connects nowhere.
    ///
    /// # Errors
    /// [`ConfigError`] where TLS cannot be set up.
    pub fn new(config: &OpenAiConfig, models: &ModelRegistry) -> Result<Self, ConfigError> {
        let named = |name, value: &Option<String>| {
            let value = value.as_deref().map(str::trim).filter(|v| !v.is_empty());
            value.map(|value| (name, value.to_owned()))
        };
        let account = [
            named("openai-organization", &config.openai_organization),
            named("openai-project", &config.openai_project),
        ];
        Ok(Self {
            endpoint: Endpoint::new(NAME, config.openai_base_url.clone(), Auth::Bearer)?,
            models: models.clone(),
            account: account.into_iter().flatten().collect(),
        })
    }
}

#[async_trait]
impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn default_model(&self) -> &str {
        DEFAULT_MODEL
    }

    fn model(&self, model: &str) -> Option<Model> {
        self.models.get(NAME, model)
    }

    fn resolve(&self, model: &str, today: NaiveDate) -> Result<Resolved, ModelError> {
        self.models.resolve(NAME, model, today)
    }

    fn needs_key(&self) -> bool {
        true
    }

    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        // Dates are the caller's: whoever resolved the name sends one that lives.
        let resolved = self
            .models
            .resolve(NAME, &request.model, NaiveDate::MIN)
            .map_err(|error| ProviderError::invalid(NAME, error))?;
        let mut order = Order::of(NAME, &resolved.model, request)?;
        order.notes.splice(0..0, resolved.note);
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("x-client-request-id", request.attempt.to_string()),
        ];
        headers.extend(self.account.iter().cloned());
        prepare_images(NAME, request, order, &Dialect::OPENAI, headers)
    }

    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        let model = self.models.get(NAME, &prepared.model);
        let finished = self.endpoint.draw(prepared, model, call).await?;
        Ok(Submitted::Finished(finished))
    }

    /// There is nothing to poll: the picture comes with the call. A reference can only be another
    /// provider's.
    async fn poll(
        &self,
        _provider_ref: &str,
        _call: CallContext<'_>,
    ) -> Result<Polled, ProviderError> {
        Err(ProviderError::invalid(NAME, "these calls are not polled"))
    }

    async fn cancel(
        &self,
        _provider_ref: &str,
        _call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        Ok(Canceled::Unsupported)
    }

    /// OpenAI has neither an idempotency key nor a list of calls.
    async fn reconcile(
        &self,
        _open: &OpenAttempt,
        _call: CallContext<'_>,
    ) -> Result<Reconciled, ProviderError> {
        Ok(Reconciled::Unknown)
    }
}

/// The exact bytes of a call to the picture API, or to a server that speaks like it.
pub(crate) fn prepare_images(
    provider: &'static str,
    request: &ImageRequest,
    order: Order<'_>,
    dialect: &Dialect,
    headers: Vec<(&'static str, String)>,
) -> Result<Prepared, ProviderError> {
    let (path, content_type, body): (_, _, Bytes) = match &request.operation {
        Operation::Generate => {
            let body = generate::body(&order, dialect).map_err(|error| {
                ProviderError::invalid(provider, "the request is no JSON").because(error)
            })?;
            (generate::PATH, "application/json".to_owned(), body)
        }
        _ => {
            let form = edit::form(&order, dialect, request.attempt);
            (edit::PATH, form.content_type, form.body)
        }
    };
    Ok(Prepared {
        attempt: request.attempt,
        model: order.model.name.clone(),
        price: order.model.price.quote(&order.priced()).upper,
        method: Method::POST,
        path: path.to_owned(),
        content_type,
        headers,
        body,
        notes: order.notes,
    })
}
