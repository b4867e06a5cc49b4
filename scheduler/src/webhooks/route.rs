//! The way to one endpoint: what it is, and the messages it gets.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::Event;
use domain::webhook_endpoint::PayloadFormat;
use domain::webhook_signature::{
    ORIGIN_HEADER, WebhookSecret, WebhookSigningKey, origin_signature,
};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use service::{ExposeSecret, SecretString};
use store::webhooks::due::Due;
use store::webhooks::recipients::Recipient;
use store::webhooks::secrets::{NoSecret, SigningSecrets};

use super::sender::Message;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const ORIGIN_EVENT: HeaderName = HeaderName::from_static("x-luneo-event");
const ORIGIN_DELIVERY: HeaderName = HeaderName::from_static("x-luneo-delivery");

/// An endpoint with its keys at hand.
pub(super) struct Route {
    /// The endpoint.
    pub(super) recipient: Recipient,
    signer: Signer,
}

/// The keys of one endpoint, the current ones first.
struct Signer {
    hmac: Vec<WebhookSecret>,
    /// The same secrets as the brand knows them: what the origin's signature is keyed with.
    texts: Vec<SecretString>,
    ed25519: Vec<WebhookSigningKey>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("url", &self.recipient.url)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// Makes the keys ready.
    ///
    /// # Errors
    /// [`NoSecret`] where nothing can be signed.
    pub(super) fn new(recipient: Recipient) -> Result<Self, NoSecret> {
        let secrets = recipient.secrets.clone()?;
        Ok(Self {
            recipient,
            signer: Signer::new(secrets),
        })
    }

    /// The message of a try at `now`. Only the timestamp and what is signed with it differ from one try to
    /// the next.
    pub(super) fn message(&self, due: &Due, now: DateTime<Utc>) -> Message {
        let recipient = &self.recipient;
        let body = recipient.format.body(&recipient.brand, &due.body);
        let id = Event::message_id(due.event);
        let mut headers = HeaderMap::new();
        for (name, value) in recipient.headers.iter() {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        let mut put = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        };
        put(ID, &id);
        put(TIMESTAMP, &now.timestamp().to_string());
        let signatures = self.signer.standard(&id, now, &body);
        if !signatures.is_empty() {
            put(SIGNATURE, &signatures);
        }
        if recipient.format == PayloadFormat::Origin || signatures.is_empty() {
            put(ORIGIN_EVENT, &due.kind);
            put(ORIGIN_DELIVERY, &id);
            if let Some(signature) = self.signer.origin(&body) {
                put(HeaderName::from_static(ORIGIN_HEADER), &signature);
            }
        }
        Message {
            url: due.url.clone().unwrap_or_else(|| recipient.url.clone()),
            headers,
            body: Bytes::from(body),
            limit: recipient.timeout(),
        }
    }
}

impl Signer {
    fn new(secrets: SigningSecrets) -> Self {
        // A text of the older platform's need not be base64: it keys the origin's signature alone.
        let hmac = secrets.hmac.iter();
        let hmac = hmac.filter_map(|text| WebhookSecret::parse(text.expose_secret()).ok());
        let ed25519 = secrets.ed25519.iter();
        let ed25519 =
            ed25519.filter_map(|text| WebhookSigningKey::parse(text.expose_secret()).ok());
        Self {
            hmac: hmac.collect(),
            ed25519: ed25519.collect(),
            texts: secrets.hmac,
        }
    }

    /// The value of `webhook-signature`. Signatures of keys that no official library checks come last.
    fn standard(&self, id: &str, now: DateTime<Utc>, body: &[u8]) -> String {
        let hmac = self.hmac.iter().map(|secret| secret.sign(id, now, body));
        let ed25519 = self.ed25519.iter().map(|key| key.sign(id, now, body));
        hmac.chain(ed25519).collect::<Vec<_>>().join(" ")
    }

    /// The origin knew one secret at a time.
    fn origin(&self, body: &[u8]) -> Option<String> {
        let current = self.texts.first()?;
        Some(origin_signature(current.expose_secret(), body))
    }
}
