//! OpenAI's pictures: `POST /images/generations` and `/images/edits`.
//!
//! One POST, one answer, the picture in base64 inside it; or, for models that the operator names, a call
//! in the background that is polled by its id (`background`). There is no idempotency key and no list of
//! calls, so an answer that is lost cannot be found again: [`reconcile`](Provider::reconcile) can only
//! say that it does not know. What the table of errors means stands in `failure`, the prices in the
//! model registry; `docs/providers.md` says in plain words what can be recovered.

pub(crate) mod answer;
mod background;
pub(crate) mod edit;
pub(crate) mod endpoint;
pub(crate) mod failure;
pub(crate) mod generate;
pub(crate) mod order;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use http::{HeaderMap, Method};
use serde_json::Value;

use self::background::{Background, Standing};
use self::endpoint::{Auth, Endpoint};
use self::failure::{Fault, Meaning};
use self::order::{Dialect, Order};
use crate::config::{ConfigError, OpenAiConfig};
use crate::credential::{CallContext, Credential};
use crate::error::{ErrorKind, ProviderError};
use crate::models::{Model, ModelError, ModelRegistry, ModelRow, Recovery, Resolved, micros};
use crate::provider::{Canceled, Finished, Polled, Provider, Submitted};
use crate::rate::RateHints;
use crate::request::{ImageRequest, Operation};
use crate::transport::{self, Answer, Call};
use crate::wire::Prepared;

const NAME: &str = "openai";
/// The oldest of the living: the cheapest to be sure of, with known token counts.
const DEFAULT_MODEL: &str = "gpt-image-2";

/// OpenAI's picture API. See the [module](self).
pub struct OpenAi {
    endpoint: Endpoint,
    models: ModelRegistry,
    background: Background,
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
        let text_model = || config.openai_background_text_model.clone();
        Ok(Self {
            background: Background::of(config, models)
                .ok_or_else(|| ConfigError::TextModel(text_model()))?,
            endpoint: Endpoint::new(NAME, config.openai_base_url.clone(), Auth::Bearer)?,
            models: models.clone(),
            account: account.into_iter().flatten().collect(),
        })
    }
}

impl OpenAi {
    /// The row as the settings make it: a model that is called in the background can be recovered.
    fn as_called(&self, model: Model) -> Model {
        match self.background.is_for(&model.name) {
            false => model,
            true => Model::of(ModelRow {
                recovery: Recovery::ByReference,
                ..ModelRow::clone(&model)
            }),
        }
    }

    fn prepare_background(
        &self,
        request: &ImageRequest,
        order: Order<'_>,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Prepared, ProviderError> {
        let body = self.background.body(&order, request.attempt);
        let body = body.map_err(|error| {
            ProviderError::invalid(NAME, "the request is no JSON").because(error)
        })?;
        let priced = order.priced();
        let picture = order.model.price.quote(&priced).upper;
        Ok(Prepared {
            attempt: request.attempt,
            model: order.model.name.clone(),
            price: picture + micros(self.background.upper_nano(&priced)),
            method: Method::POST,
            path: background::PATH.to_owned(),
            content_type: "application/json".to_owned(),
            headers,
            body,
            uploads: Vec::new(),
            notes: order.notes,
        })
    }

    async fn submit_background(
        &self,
        prepared: &Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        let answer = self.endpoint.send(prepared, call).await?;
        if !answer.status.is_success() {
            let model = self.models.get(NAME, &prepared.model);
            let key = call.credential;
            return Err(self
                .endpoint
                .refusal(prepared, model.as_ref(), &answer, key));
        }
        match background::id(&background::json_of(&answer.body)) {
            Some(id) => Ok(Submitted::Accepted {
                provider_ref: id.to_owned(),
                rate: RateHints::from_headers(&answer.headers),
            }),
            None => {
                let detail = "the call was taken and its id cannot be read";
                Err(ProviderError::unclear(NAME, ErrorKind::BadAnswer, detail))
            }
        }
    }

    /// Asks about a background call, or tells the provider something about it.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        call: CallContext<'_>,
    ) -> Result<Answer, ProviderError> {
        let mut headers = HeaderMap::new();
        transport::add_headers(&mut headers, &self.account);
        headers.extend(self.endpoint.key_header(call.credential)?);
        let asking = Call {
            method,
            path,
            headers,
            body: Bytes::new(),
        };
        let answer = self.endpoint.transport.send(asking, call.deadline).await;
        answer.map_err(|broken| broken.at_poll(NAME))
    }

    /// A question that was refused. The call goes on whatever becomes of the question, unless there is
    /// no such call.
    fn unanswered(&self, answer: &Answer, key: &Credential) -> ProviderError {
        if matches!(answer.status.as_u16(), 404 | 410) {
            let detail =
                "result_gone: OpenAI no longer has the answer (it keeps it for ten minutes)";
            return ProviderError::unclear(NAME, ErrorKind::BadAnswer, detail);
        }
        let fault = Fault::of_body(&answer.body, key);
        let meaning = self.endpoint.failures.meaning(NAME, answer.status, &fault);
        let kind = match meaning {
            Meaning::Rate => ErrorKind::RateLimited,
            Meaning::Key | Meaning::Country => ErrorKind::Auth,
            Meaning::NoMoney => ErrorKind::QuotaExhausted,
            _ => ErrorKind::Unavailable,
        };
        let rate = RateHints::from_headers(&answer.headers);
        let after = rate.retry_after.unwrap_or(background::ASK_AGAIN);
        let detail = format!("status {}, {}", answer.status.as_u16(), fault.words());
        ProviderError::poll_failed(NAME, kind, after, detail).with_rate(rate)
    }

    fn model_of(&self, response: &Value) -> Option<Model> {
        self.models.get(NAME, background::model_of(response)?)
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
        let model = self.models.get(NAME, model)?;
        Some(self.as_called(model))
    }

    fn resolve(&self, model: &str, today: NaiveDate) -> Result<Resolved, ModelError> {
        let resolved = self.models.resolve(NAME, model, today)?;
        Ok(Resolved {
            model: self.as_called(resolved.model),
            note: resolved.note,
        })
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
        match self.background.is_for(&resolved.model.name) {
            true => self.prepare_background(request, order, headers),
            false => prepare_images(NAME, request, order, &Dialect::OPENAI, headers),
        }
    }

    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        if prepared.path == background::PATH {
            return self.submit_background(&prepared, call).await;
        }
        let model = self.models.get(NAME, &prepared.model);
        let finished = self.endpoint.draw(prepared, model, call).await?;
        Ok(Submitted::Finished(finished))
    }

    /// Only background calls have something to poll.
    async fn poll(
        &self,
        provider_ref: &str,
        call: CallContext<'_>,
    ) -> Result<Polled, ProviderError> {
        if !background::is_id(provider_ref) {
            return Err(ProviderError::invalid(NAME, "the reference is no id"));
        }
        let path = format!("{}/{provider_ref}", background::PATH);
        let answer = self.ask(Method::GET, &path, call).await?;
        if !answer.status.is_success() {
            return Err(self.unanswered(&answer, call.credential));
        }
        let response = background::json_of(&answer.body);
        if response.is_null() {
            let (kind, after) = (ErrorKind::BadAnswer, background::ASK_AGAIN);
            let detail = "the answer is not JSON";
            return Err(ProviderError::poll_failed(NAME, kind, after, detail));
        }
        let rate = RateHints::from_headers(&answer.headers);
        let model = self.model_of(&response);
        let standing = self
            .background
            .read(&response, model.as_ref(), call.credential)?;
        Ok(finished(standing, provider_ref, rate))
    }

    async fn cancel(
        &self,
        provider_ref: &str,
        call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        if !background::is_id(provider_ref) {
            return Ok(Canceled::Unsupported);
        }
        let path = format!("{}/{provider_ref}/cancel", background::PATH);
        let answer = self.ask(Method::POST, &path, call).await?;
        let response = background::json_of(&answer.body);
        let status = response.get("status").and_then(Value::as_str);
        match (answer.status.as_u16(), status) {
            (200..=299, Some("cancelled")) => {
                let model = self.model_of(&response);
                let cost = self.background.cost_of_cancelled(&response, model.as_ref());
                Ok(Canceled::Stopped { cost })
            }
            (200..=299, _) | (400 | 404 | 409 | 410, _) => Ok(Canceled::TooLate),
            _ => Err(self.unanswered(&answer, call.credential)),
        }
    }
}

fn finished(standing: Standing, provider_ref: &str, rate: RateHints) -> Polled {
    match standing {
        Standing::Working => Polled::Working {
            ask_again_after: background::ASK_AGAIN,
        },
        Standing::Finished {
            picture,
            cost,
            is_estimate,
            rewritten,
        } => {
            let notes = [
                (rewritten, "the text model in front rewrote the prompt"),
                (
                    is_estimate,
                    "the answer reports no usage; the cost is an estimate",
                ),
            ];
            Polled::Finished(Finished {
                bytes: picture.bytes,
                content_type: picture.content_type.to_owned(),
                provider_ref: Some(provider_ref.to_owned()),
                cost: cost.unwrap_or_default(),
                tokens: None,
                rate,
                notes: notes
                    .into_iter()
                    .filter(|(is_so, _)| *is_so)
                    .map(|(_, note)| note.to_owned())
                    .collect(),
            })
        }
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
    let price = order.model.price.quote(&order.priced()).upper;
    let unsent = [
        ("quality", order.quality.is_some() && !dialect.quality),
        (
            "background",
            order.background.is_some() && !dialect.background,
        ),
    ];
    let unsent = unsent.into_iter().filter(|(_, is_unsent)| *is_unsent);
    let mut notes = order.notes;
    notes.extend(unsent.map(|(field, _)| format!("{provider} takes no {field}; it was left out")));
    Ok(Prepared {
        attempt: request.attempt,
        model: order.model.name.clone(),
        price,
        method: Method::POST,
        path: path.to_owned(),
        content_type,
        headers,
        body,
        uploads: Vec::new(),
        notes,
    })
}
