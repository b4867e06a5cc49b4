//! Webhooks, received over a real socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::HeaderMap;
use sandbox::{Fault, Mode, Provider};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::lab::{Lab, told};

#[derive(Debug, Clone)]
struct Received {
    headers: HeaderMap,
    body: String,
}

impl Received {
    fn is_signed_with(&self, secret: &str) -> bool {
        let header = |name: &str| self.headers[name].to_str().unwrap().to_owned();
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
        mac.update(format!("{id}.{time}.{}", self.body).as_bytes());
        header("webhook-signature")
            == format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn status(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["status"].as_str().unwrap().to_owned()
    }
}

/// Takes everything; the first `refusals` are answered with 500.
async fn receiver(refusals: usize) -> (String, Arc<Mutex<Vec<Received>>>) {
    let seen: Arc<Mutex<Vec<Received>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let take = move |headers: HeaderMap, body: String| {
        let mut seen = kept.lock().unwrap();
        seen.push(Received { headers, body });
        let status = if seen.len() <= refusals { 500 } else { 204 };
        std::future::ready(axum::http::StatusCode::from_u16(status).unwrap())
    };
    let router = axum::Router::new().route("/hook", axum::routing::post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, seen)
}

async fn predict(lab: &Lab, hook: &str, events: &[&str]) {
    let body = json!({
        "input": {"prompt": "x"}, "webhook": hook, "webhook_events_filter": events,
    });
    let path = "/models/owner/name/predictions";
    let (status, body) = told(lab.post(Provider::Replicate, path, &body).await.unwrap()).await;
    assert_eq!(status.as_u16(), 201, "{body}");
}

async fn received(seen: &Mutex<Vec<Received>>, count: usize) -> Vec<Received> {
    let limit = Duration::from_secs(5);
    let enough = async || seen.lock().unwrap().len() >= count;
    testkit::wait::until("the webhooks have come", limit, enough)
        .await
        .unwrap();
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn start_and_end_are_announced_and_signed() {
    let lab = Lab::start().await;
    let (url, seen) = receiver(0).await;
    predict(&lab, &url, &["start", "completed"]).await;
    let seen = received(&seen, 2).await;
    let statuses: Vec<String> = seen.iter().map(Received::status).collect();
    assert_eq!(statuses, ["processing", "succeeded"]);
    assert!(
        seen.iter()
            .all(|hook| hook.is_signed_with(lab.sandbox.webhook_secret()))
    );
    let (_, secret) = lab
        .get(Provider::Replicate, "/webhooks/default/secret")
        .await;
    assert_eq!(secret["key"], lab.sandbox.webhook_secret());
    assert_eq!(lab.entry().webhook, Some(url));
}

#[tokio::test]
async fn an_end_that_nobody_took_is_sent_again_as_the_same_message() {
    let lab = Lab::start().await;
    let (url, seen) = receiver(2).await;
    predict(&lab, &url, &["completed"]).await;
    let seen = received(&seen, 3).await;
    let ids: Vec<_> = seen
        .iter()
        .map(|hook| hook.headers["webhook-id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn webhooks_come_twice_forged_late_or_not_at_all_when_told_so() {
    let lab = Lab::start().await;
    let secret = lab.sandbox.webhook_secret().to_owned();
    let (url, seen) = receiver(0).await;
    lab.arm(Fault::new(Mode::WebhookDuplicate).times(1));
    predict(&lab, &url, &["completed"]).await;
    let twice = received(&seen, 2).await;
    assert_eq!(
        twice[0].headers["webhook-id"],
        twice[1].headers["webhook-id"]
    );
    seen.lock().unwrap().clear();
    lab.arm(Fault::new(Mode::WebhookForged).times(1));
    predict(&lab, &url, &["completed"]).await;
    let forged = received(&seen, 2).await;
    assert!(!forged[0].is_signed_with(&secret) && forged[1].is_signed_with(&secret));
    seen.lock().unwrap().clear();
    lab.arm(Fault::new(Mode::WebhookNone).times(1));
    predict(&lab, &url, &["completed"]).await;
    lab.arm(Fault::new(Mode::WebhookLate).ms(300).times(1));
    let began = std::time::Instant::now();
    predict(&lab, &url, &["completed"]).await;
    assert_eq!(
        received(&seen, 1).await.len(),
        1,
        "of two predictions one is announced"
    );
    assert!(began.elapsed() >= Duration::from_millis(400));
}
