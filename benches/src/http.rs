//! One keep-alive connection to one server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longest time for one exchange; the server itself gives up after 15 s.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(30);
/// Largest answer that is read: `/metrics` of a role has some 100 KB.
const ANSWER_MAX_BYTES: usize = 16 << 20;

/// A connection that carries one exchange at a time.
#[derive(Debug)]
pub struct Connection {
    host: String,
    sender: SendRequest<Full<Bytes>>,
    /// The task that moves the bytes; dropping the set ends it.
    _driver: JoinSet<()>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its error is met by the exchange that it cuts off.
            let _ = connection.await;
        });
        Ok(Self {
            host: address.to_string(),
            sender,
            _driver: driver,
        })
    }

    /// Sends a request for a generation and reads the answer whole.
    ///
    /// # Errors
    /// A broken connection, or no answer within 30 s.
    pub async fn order(&mut self, key: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::post("/v1/generations")
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        self.exchange(request).await
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// A broken connection, or no answer within 30 s.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::get(path)
            .header(header::HOST, &self.host)
            .body(Full::new(Bytes::new()))?;
        self.exchange(request).await
    }

    /// Reads what only the holder of a key may read.
    ///
    /// # Errors
    /// A broken connection, or no answer within 30 s.
    pub async fn get_as(&mut self, key: &str, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::get(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .body(Full::new(Bytes::new()))?;
        self.exchange(request).await
    }

    /// Posts nothing to a path that only the holder of a key may post to.
    ///
    /// # Errors
    /// A broken connection, or no answer within 30 s.
    pub async fn post_as(&mut self, key: &str, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::post(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .body(Full::new(Bytes::new()))?;
        self.exchange(request).await
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let answer = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES)
                .collect()
                .await;
            anyhow::Ok((status, body.map_err(anyhow::Error::from_boxed)?.to_bytes()))
        };
        timeout(EXCHANGE_WITHIN, answer)
            .await
            .context("no answer within 30 s")?
    }
}
