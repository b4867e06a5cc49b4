//! A sandbox, a client, and a few words for both.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imaging::{DecodeLimits, Picture};
use reqwest::{Response, StatusCode};
use sandbox::{Entry, Fault, Provider, Sandbox, SandboxConfig};
use serde_json::{Value, json};

pub(crate) struct Lab {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(SandboxConfig::default()).await
    }

    pub(crate) async fn with(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .retry(reqwest::retry::never())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { sandbox, http }
    }

    pub(crate) fn arm(&self, fault: Fault) {
        self.sandbox.faults().push(fault).unwrap();
    }

    pub(crate) async fn post(
        &self,
        provider: Provider,
        path: &str,
        body: &Value,
    ) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.sandbox.base_url(provider));
        self.http
            .post(url)
            .bearer_auth("key")
            .json(body)
            .send()
            .await
    }

    pub(crate) async fn get(&self, provider: Provider, path: &str) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.sandbox.base_url(provider));
        told(self.http.get(url).bearer_auth("key").send().await.unwrap()).await
    }

    /// A picture from OpenAI.
    pub(crate) async fn generate(&self, more: Value) -> reqwest::Result<Response> {
        let mut body = json!({"model": "gpt-image-2", "prompt": "a brass ring"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post(Provider::OpenAi, "/images/generations", &body)
            .await
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.sandbox.ledger().entries()
    }

    /// The only entry.
    pub(crate) fn entry(&self) -> Entry {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.into_iter().next().unwrap()
    }

    /// Waits until the ledger says that the answer has left.
    pub(crate) async fn delivered(&self, count: usize) {
        let ledger = self.sandbox.ledger();
        let left = async || ledger.delivered() == count;
        let limit = Duration::from_secs(5);
        testkit::wait::until("the answers have left", limit, left)
            .await
            .unwrap();
    }
}

pub(crate) async fn told(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

pub(crate) fn picture(bytes: &[u8]) -> Picture {
    imaging::decode(bytes, &DecodeLimits::default()).unwrap()
}

pub(crate) fn picture_of(base64: &Value) -> Picture {
    picture(&STANDARD.decode(base64.as_str().unwrap()).unwrap())
}

pub(crate) fn sides(picture: &Picture) -> (u32, u32) {
    (picture.width(), picture.height())
}

/// A PNG of one colour; `hole` makes its left half transparent.
pub(crate) fn png(width: u32, height: u32, colour: [u8; 4], hole: bool) -> Vec<u8> {
    let mut pixels = Vec::new();
    for _ in 0..height {
        for x in 0..width {
            let alpha = if hole && x < width / 2 { 0 } else { colour[3] };
            pixels.extend_from_slice(&[colour[0], colour[1], colour[2], alpha]);
        }
    }
    let picture = Picture::from_straight_rgba(width, height, pixels).unwrap();
    imaging::encode(&picture, imaging::Format::Png).unwrap()
}
