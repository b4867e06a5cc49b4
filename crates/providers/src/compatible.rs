//! Servers that speak like OpenAI's picture API: one's own, or a gateway.
//!
//! Each is a provider of its own name, with its own address, key, fields and models, read from a file
//! or from variables (`endpoint`). Their calls are as the API's: one POST, one answer. What is lost
//! cannot be found again.

mod endpoint;
mod file;

use async_trait::async_trait;
use chrono::NaiveDate;

pub use self::endpoint::CompatibleEndpoint;
pub(crate) use self::file::endpoints;

use self::endpoint::Answers;
use crate::config::{ConfigError, FetchConfig};
use crate::credential::CallContext;
use crate::error::{ErrorKind, Next, ProviderError};
use crate::fetch::Fetcher;
use crate::models::{Model, ModelError, Resolved};
use crate::openai::endpoint::{Drawn, Endpoint};
use crate::openai::order::Order;
use crate::openai::prepare_images;
use crate::picture::media_type;
use crate::provider::{Finished, Provider, Submitted};
use crate::request::ImageRequest;
use crate::wire::Prepared;

/// A picture named by an address may have as many bytes as one in an answer.
const FETCH_LIMIT_BYTES: u64 = 100_000_000;
/// The server has drawn it; it only has to be brought.
const FETCH_LIMIT_MS: u64 = 60_000;

/// A server that speaks like OpenAI's picture API. See the [module](self).
pub struct Compatible {
    name: &'static str,
    settings: CompatibleEndpoint,
    endpoint: Endpoint,
    fetcher: Fetcher,
}

impl Compatible {
    /// Builds the clients; connects nowhere. The name lives as long as the process.
    ///
    /// # Errors
    /// [`ConfigError`] where TLS cannot be set up.
    pub fn new(settings: CompatibleEndpoint) -> Result<Self, ConfigError> {
        let name: &'static str = Box::leak(settings.name.clone().into_boxed_str());
        let fetcher = Fetcher::new(&FetchConfig {
            fetch_max_bytes: FETCH_LIMIT_BYTES,
            fetch_timeout_ms: FETCH_LIMIT_MS,
            fetch_allow_cidrs: settings.fetch_cidrs.clone(),
        })?;
        Ok(Self {
            name,
            endpoint: Endpoint::new(name, settings.base_url.clone(), settings.auth.clone())?,
            fetcher,
            settings,
        })
    }

    fn row(&self, model: &str) -> Option<&Model> {
        self.settings.models.iter().find(|row| row.name == model)
    }

    /// Brings a picture from the address that the server names. It is drawn and charged by now.
    async fn fetch(&self, url: &str, finished: Finished) -> Result<Finished, ProviderError> {
        let failed = |why: &str| {
            let (kind, next) = (ErrorKind::BadAnswer, Next::OtherProvider);
            ProviderError::charged(self.name, kind, finished.cost, next, why)
        };
        if self.settings.answers == Answers::B64 {
            return Err(failed("the answer names an address and holds no picture"));
        }
        let host = url::Url::parse(url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        if !host.is_some_and(|host| self.settings.may_fetch_from(&host)) {
            return Err(failed(
                "the picture lies on a host that is not in fetch_hosts",
            ));
        }
        let bytes = self.fetcher.fetch(url).await.map_err(|error| {
            failed("the picture cannot be fetched from its address").because(error)
        })?;
        match media_type(&bytes) {
            Some(content_type) => Ok(Finished {
                bytes,
                content_type: content_type.to_owned(),
                ..finished
            }),
            None => Err(failed("what was fetched is of no known kind")),
        }
    }
}

#[async_trait]
impl Provider for Compatible {
    fn name(&self) -> &'static str {
        self.name
    }

    fn default_model(&self) -> &str {
        self.settings
            .models
            .first()
            .map_or("", |row| row.name.as_str())
    }

    fn model(&self, model: &str) -> Option<Model> {
        self.row(model).cloned()
    }

    fn resolve(&self, model: &str, _today: NaiveDate) -> Result<Resolved, ModelError> {
        let known = || {
            let names = self.settings.models.iter().map(|row| row.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let model = self.row(model).ok_or_else(|| ModelError::Unknown {
            provider: self.name.to_owned(),
            model: model.to_owned(),
            known: known(),
        })?;
        Ok(Resolved {
            model: model.clone(),
            note: None,
        })
    }

    fn needs_key(&self) -> bool {
        self.settings.needs_key
    }

    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        let model = self.row(&request.model).ok_or_else(|| {
            ProviderError::invalid(self.name, format!("no model {:?}", request.model))
        })?;
        let order = Order::of(self.name, model, request)?;
        let headers = vec![
            ("accept", "application/json".to_owned()),
            ("x-client-request-id", request.attempt.to_string()),
        ];
        prepare_images(self.name, request, order, &self.settings.dialect, headers)
    }

    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        let model = self.row(&prepared.model).cloned();
        let (finished, drawn) = self.endpoint.drawn(prepared, model, call).await?;
        let finished = match drawn {
            Drawn::Here(picture) => Finished {
                bytes: picture.bytes,
                content_type: picture.content_type.to_owned(),
                ..finished
            },
            Drawn::At(url) => self.fetch(&url, finished).await?,
        };
        Ok(Submitted::Finished(finished))
    }
}
