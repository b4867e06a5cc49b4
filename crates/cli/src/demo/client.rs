//! A small HTTP client for api-lite on this machine.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Sends requests under one key.
pub(super) struct Client {
    http: Hyper<HttpConnector, Full<Bytes>>,
    base: String,
    key: String,
}

impl Client {
    /// A client of the API at `base`.
    pub(super) fn new(base: &str, key: &str) -> Self {
        Self {
            http: Hyper::builder(TokioExecutor::new()).build_http(),
            base: base.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Posts JSON, expects a 2xx, returns the answer.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self
            .send(Method::POST, &self.at(path), Bytes::from(body.to_string()))
            .await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Gets JSON.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(
            &self.send(Method::GET, &self.at(path), Bytes::new()).await?,
        )?)
    }

    /// Gets a picture from its full address.
    pub(super) async fn download(&self, url: &str) -> anyhow::Result<Bytes> {
        self.send(Method::GET, url, Bytes::new()).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn send(&self, method: Method, url: &str, body: Bytes) -> anyhow::Result<Bytes> {
        let uri: Uri = url
            .parse()
            .with_context(|| format!("not an address: {url}"))?;
        let request = Request::builder()
            .method(&method)
            .uri(uri)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let answer = self
            .http
            .request(request)
            .await
            .with_context(|| format!("{method} {url}"))?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() && status != StatusCode::NOT_MODIFIED {
            bail!(
                "{method} {url} answered {status}: {}",
                String::from_utf8_lossy(&bytes)
            );
        }
        Ok(bytes)
    }
}
