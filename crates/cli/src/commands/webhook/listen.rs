//! `atelier webhook listen`: a receiver for whoever writes one.
//!
//! Prints each message with its verdict and answers as it was told to. It believes nothing and does
//! nothing with what comes; messages of a wrong signature are answered with 400, as a receiver should.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use domain::Clock;
use domain::webhook_signature::{
    ORIGIN_HEADER, SignedHeaders, WebhookPublicKey, WebhookSecret, origin_signature,
};
use serde_json::{Value, json};
use service::SystemClock;
use tokio::net::TcpListener;

use super::instant;
use super::verdict::{Known, Verdict};
use crate::args::webhook::ListenArgs;
use crate::output;

/// Larger than any message of ours.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Messages that are remembered, to tell a repeat.
const MAX_SEEN: usize = 10_000;

struct Receiver {
    known: Known,
    /// The secrets' text, which the older platform's signature is made with.
    texts: Vec<String>,
    status: StatusCode,
    json: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Whether this is a repeat.
    fn add(&mut self, id: &str) -> bool {
        if id.is_empty() || !self.ids.insert(id.to_owned()) {
            return !id.is_empty();
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        false
    }
}

pub(super) async fn run(args: ListenArgs) -> anyhow::Result<()> {
    let ListenArgs {
        listen,
        secrets,
        public_keys,
        status,
        json,
    } = args;
    let parse = |text: &String| WebhookSecret::parse(text).context("--secret");
    let parse_key = |text: &String| WebhookPublicKey::parse(text).context("--public-key");
    let receiver = Receiver {
        known: Known {
            secrets: secrets.iter().map(parse).collect::<Result<_, _>>()?,
            public_keys: public_keys
                .iter()
                .map(parse_key)
                .collect::<Result<_, _>>()?,
        },
        texts: secrets,
        status: StatusCode::from_u16(status)?,
        json,
        seen: Mutex::default(),
    };
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; --listen names another address"))?;
    let address = listener.local_addr()?;
    output::note(&format!(
        "listening on http://{address}/ and answering {status}; Ctrl-C ends it"
    ));
    let router = Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(receiver));
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            // Without the signal's handler the process simply ends by it.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let signed = SignedHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let now = SystemClock.now();
    let verdict = Verdict::of(&receiver.known, signed, &body, now);
    let origin = header(ORIGIN_HEADER);
    let origin = (!origin.is_empty() && !receiver.texts.is_empty()).then(|| {
        let mut texts = receiver.texts.iter();
        texts.any(|text| origin_signature(text, &body) == origin)
    });
    let mut seen = receiver.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let repeat = seen.add(signed.id);
    drop(seen);
    let status = match verdict {
        Verdict::Wrong(_) => StatusCode::BAD_REQUEST,
        Verdict::Right(_) | Verdict::Unchecked => receiver.status,
    };
    let message = Message {
        at: instant(now),
        request: format!("{method} {uri}"),
        signed,
        verdict,
        origin,
        repeat,
        status,
        body: &body,
    };
    match receiver.json {
        true => output::data(&message.to_json(&headers).to_string()),
        false => output::data(&message.to_text()),
    }
    status
}

/// What is printed of one message.
struct Message<'a> {
    at: String,
    request: String,
    signed: SignedHeaders<'a>,
    verdict: Verdict,
    /// Whether the older platform's signature is right, where there is one.
    origin: Option<bool>,
    repeat: bool,
    status: StatusCode,
    body: &'a [u8],
}

impl Message<'_> {
    fn to_text(&self) -> String {
        let body: Value = serde_json::from_slice(self.body).unwrap_or_default();
        let kind = body["type"].as_str().or(body["event"].as_str());
        let origin = match self.origin {
            Some(true) => "\n  x-luneo-signature right",
            Some(false) => "\n  x-luneo-signature WRONG",
            None => "",
        };
        let repeat = match self.repeat {
            true => "  (again: a receiver that has done its work answers 2xx and does nothing)",
            false => "",
        };
        format!(
            "{}  {}  {}  {}{repeat}\n  {}{origin}\n  answered {}\n  {}",
            self.at,
            kind.unwrap_or("no event of ours"),
            self.signed.id,
            self.request,
            self.verdict,
            self.status.as_u16(),
            String::from_utf8_lossy(self.body)
        )
    }

    fn to_json(&self, headers: &HeaderMap) -> Value {
        let headers: serde_json::Map<String, Value> = headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value.into())
            })
            .collect();
        let (verified, why) = match &self.verdict {
            Verdict::Unchecked => (None, None),
            Verdict::Right(_) => (Some(true), None),
            Verdict::Wrong(why) => (Some(false), Some(why)),
        };
        json!({
            "at": self.at,
            "request": self.request,
            "id": self.signed.id,
            "verified": verified,
            "why": why,
            "origin_verified": self.origin,
            "repeat": self.repeat,
            "answered": self.status.as_u16(),
            "headers": headers,
            "body": String::from_utf8_lossy(self.body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_told_and_memory_is_bounded() {
        let mut seen = Seen::default();
        assert!(!seen.add("a") && seen.add("a") && !seen.add("b"));
        assert!(!seen.add("") && !seen.add(""));
        for n in 0..2 * MAX_SEEN {
            assert!(!seen.add(&format!("msg_{n}")));
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (MAX_SEEN, MAX_SEEN));
        assert!(!seen.add("a"), "forgotten long ago");
    }
}
