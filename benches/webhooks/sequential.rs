//! What most platforms have: a loop that takes the oldest row, posts it, and writes that it did.
//!
//! It signs as we do, keeps its connection, and writes the same log row; it has no lease, no limits, no
//! batches, and sends one after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use domain::webhook_signature::WebhookSecret;
use domain::{Clock, Event};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use service::SystemClock;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::stage::Stage;

const NEXT: &str = "SELECT d.event_id::text, o.body FROM atelier.webhook_delivery d JOIN atelier.outbox o ON o.id = d.event_id
    WHERE d.webhook_id = $1 AND d.status = 'pending' ORDER BY d.next_at, d.seq LIMIT 1";
const DONE: &str = r#"WITH log AS (
        INSERT INTO "WebhookLog" (id, "webhookId", event, payload, "statusCode", duration, "createdAt")
        VALUES (gen_random_uuid()::text, $2, 'generation.failed', '{}', $3, 1, now()))
    UPDATE atelier.webhook_delivery SET status = 'delivered', tries = tries + 1, delivered_at = now()
    WHERE event_id = $1::text::uuid AND webhook_id = $2"#;

/// Sends everything that waits; how long it took.
pub(crate) async fn send_all(
    stage: &Stage,
    webhook: &str,
    receiver: SocketAddr,
) -> anyhow::Result<Duration> {
    let secret = WebhookSecret::from_bytes([7; 32]);
    let stream = TcpStream::connect(receiver).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Its error is met by the exchange that it cuts off.
        let _ = connection.await;
    });
    let (next, done) = tokio::try_join!(stage.sql.prepare(NEXT), stage.sql.prepare(DONE))?;
    let started = Instant::now();
    while let Some(row) = stage.sql.query_opt(&next, &[&webhook]).await? {
        let (event, body): (String, Vec<u8>) = (row.get(0), row.get(1));
        let id = Event::message_id(event.parse::<Uuid>()?);
        let now = SystemClock.now();
        let request = Request::post("/hook")
            .header(header::HOST, receiver.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-signature", secret.sign(&id, now, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", now.timestamp().to_string())
            .body(Full::new(Bytes::from(body)))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        ensure!(status.is_success(), "the receiver answered {status}");
        let code = i32::from(status.as_u16());
        stage.sql.execute(&done, &[&event, &webhook, &code]).await?;
    }
    Ok(started.elapsed())
}
