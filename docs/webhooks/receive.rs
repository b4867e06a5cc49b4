// cargo add axum standardwebhooks serde_json
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use standardwebhooks::Webhook;

struct Receiver {
    webhook: Webhook,
    done: Mutex<HashSet<String>>, // a table with a unique key, in earnest
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes, // the bytes as they came
) -> StatusCode {
    if receiver.webhook.verify(&body, &headers).is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let id = headers["webhook-id"].to_str().unwrap_or_default();
    if receiver.done.lock().unwrap().insert(id.to_owned()) {
        let event: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        println!("{} {}", event["type"], event["data"]); // put it into a queue, and work afterwards
    }
    StatusCode::NO_CONTENT
}

/// `secret` is `whsec_…`.
pub fn router(secret: &str) -> Router {
    let receiver = Receiver {
        webhook: Webhook::new(secret).expect("a secret of an endpoint"),
        done: Mutex::default(),
    };
    Router::new()
        .route("/hook", post(receive))
        .with_state(Arc::new(receiver))
}
