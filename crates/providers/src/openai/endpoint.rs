//! A server that speaks like OpenAI: one call to it, and what its answer means for the ledger.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::answer::{self, Found, Picture, Read};
use super::failure::{Failures, IfBlocked};
use crate::config::ConfigError;
use crate::credential::{CallContext, Credential};
use crate::error::{ErrorKind, Next, ProviderError};
use crate::models::{Charged, Model, PriceBasis, Usage};
use crate::provider::Finished;
use crate::rate::RateHints;
use crate::transport::{self, Answer, Call, Transport};
use crate::wire::Prepared;

/// Longest id of a call that is kept; it goes to the ledger.
const REF_CHARS: usize = 128;

/// How a key is shown to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// The key alone, in this header.
    Header(HeaderName),
}

/// A way to such a server.
pub(crate) struct Endpoint {
    name: &'static str,
    pub(crate) transport: Transport,
    auth: Auth,
    pub(crate) failures: Failures,
}

/// A picture that is somewhere else still, or here.
pub(crate) enum Drawn {
    Here(Picture),
    At(String),
}

impl Endpoint {
    pub(crate) fn new(name: &'static str, base: Url, auth: Auth) -> Result<Self, ConfigError> {
        Ok(Self {
            name,
            transport: Transport::new(base)?,
            auth,
            failures: Failures::default(),
        })
    }

    /// The header that carries the key; none for a server that is called without.
    ///
    /// # Errors
    /// A key that no header can carry: nothing is sent with it.
    pub(crate) fn key_header(
        &self,
        credential: &Credential,
    ) -> Result<Option<(HeaderName, HeaderValue)>, ProviderError> {
        let key = credential.expose();
        if key.is_empty() {
            return Ok(None);
        }
        let (name, value) = match &self.auth {
            Auth::Bearer => (http::header::AUTHORIZATION, transport::bearer(key)),
            Auth::Header(name) => {
                let value = HeaderValue::from_str(key).map(|mut value| {
                    value.set_sensitive(true);
                    value
                });
                (name.clone(), value)
            }
        };
        match value {
            Ok(value) => Ok(Some((name, value))),
            Err(_) => {
                let detail = format!("the key {} fits no header", credential.id());
                let (kind, next) = (ErrorKind::Auth, Next::OtherKey);
                Err(ProviderError::not_sent(self.name, kind, next, detail))
            }
        }
    }

    /// Sends a prepared call: the one that costs money.
    pub(crate) async fn send(
        &self,
        prepared: &Prepared,
        call: CallContext<'_>,
    ) -> Result<Answer, ProviderError> {
        let mut headers = HeaderMap::new();
        transport::add_headers(&mut headers, &prepared.headers);
        transport::add_headers(
            &mut headers,
            &[("content-type", prepared.content_type.clone())],
        );
        debug_assert!(headers.contains_key(CONTENT_TYPE));
        headers.extend(self.key_header(call.credential)?);
        let sending = Call {
            method: prepared.method.clone(),
            path: &prepared.path,
            headers,
            body: prepared.body.clone(),
        };
        let answer = self.transport.send(sending, call.deadline).await;
        answer.map_err(|broken| broken.at_submit(self.name))
    }

    /// What a refusal means.
    pub(crate) fn refusal(
        &self,
        prepared: &Prepared,
        model: Option<&Model>,
        answer: &Answer,
        key: &Credential,
    ) -> ProviderError {
        let if_blocked = IfBlocked {
            charged: model.map_or(Charged::Unknown, |model| model.refusal_charged),
            price: prepared.price,
        };
        self.failures.of_submit(self.name, answer, key, if_blocked)
    }

    /// Sends a call to the picture API, and brings the picture that came with the answer.
    pub(crate) async fn draw(
        &self,
        prepared: Prepared,
        model: Option<Model>,
        call: CallContext<'_>,
    ) -> Result<Finished, ProviderError> {
        let (finished, drawn) = self.drawn(prepared, model, call).await?;
        match drawn {
            Drawn::Here(picture) => Ok(Finished {
                bytes: picture.bytes,
                content_type: picture.content_type.to_owned(),
                ..finished
            }),
            Drawn::At(_) => {
                let detail = "the answer names an address and holds no picture";
                Err(self.unreadable(detail, Some(finished.cost)))
            }
        }
    }

    /// The same, for servers that may answer with an address.
    pub(crate) async fn drawn(
        &self,
        prepared: Prepared,
        model: Option<Model>,
        call: CallContext<'_>,
    ) -> Result<(Finished, Drawn), ProviderError> {
        let answer = self.send(&prepared, call).await?;
        if !answer.status.is_success() {
            return Err(self.refusal(&prepared, model.as_ref(), &answer, call.credential));
        }
        let Read {
            found,
            usage,
            rewritten,
        } = answer::read(&answer.body);
        let known = cost(model.as_ref(), usage.as_ref());
        let drawn = match found {
            Found::Picture(picture) => Drawn::Here(picture),
            Found::Url(url) => Drawn::At(url),
            Found::Nothing(why) => return Err(self.unreadable(why, known)),
        };
        let mut notes = prepared.notes;
        if rewritten {
            notes.push("the provider rewrote the prompt".to_owned());
        }
        if known.is_none() {
            notes.push("the answer reports no usage; the cost is an estimate".to_owned());
        }
        let finished = Finished {
            bytes: bytes::Bytes::new(),
            content_type: String::new(),
            provider_ref: request_id(&answer.headers),
            cost: known.unwrap_or(prepared.price),
            tokens: usage.and_then(|usage| usage.tokens()),
            rate: RateHints::from_headers(&answer.headers),
            notes,
        };
        Ok((finished, drawn))
    }

    /// A success that brought no picture: charged as reported, or nobody knows.
    fn unreadable(&self, why: &str, known: Option<domain::Micros>) -> ProviderError {
        let kind = ErrorKind::BadAnswer;
        match known {
            Some(cost) => ProviderError::charged(self.name, kind, cost, Next::OtherProvider, why),
            None => ProviderError::unclear(self.name, kind, why),
        }
    }
}

/// What an answer's usage costs; `None` where the model is billed by tokens and none are reported.
pub(crate) fn cost(model: Option<&Model>, usage: Option<&Usage>) -> Option<domain::Micros> {
    let price = &model?.price;
    let one = Usage {
        images: 1,
        ..Usage::default()
    };
    match (&price.basis, usage) {
        (_, Some(usage)) => Some(price.charge(usage)),
        (PriceBasis::PerImage { .. }, None) => Some(price.charge(&one)),
        (PriceBasis::PerToken { .. } | PriceBasis::PerSecond { .. }, None) => None,
    }
}

/// The provider's id of the call, as its support asks for it.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id")?.to_str().ok()?;
    let printable = id.chars().all(|c| c.is_ascii_graphic());
    (printable && !id.is_empty() && id.len() <= REF_CHARS).then(|| id.to_owned())
}
