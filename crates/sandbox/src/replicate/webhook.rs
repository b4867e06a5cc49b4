//! Webhooks out: signed as Standard Webhooks says, and odd when a fault wants it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Clock;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::Sha256;

use super::create::ended;
use super::prediction::{Prediction, Status};
use crate::ids;
use crate::world::{World, lock};

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a prediction's webhooks as it goes on, if it has any.
pub(crate) fn announce(world: &Arc<World>, id: &str) {
    let wanted = lock(&world.predictions)
        .get(id)
        .is_some_and(|p| p.webhook.is_some());
    if !wanted {
        return;
    }
    let (world, id) = (Arc::clone(world), id.to_owned());
    let telling = {
        let world = Arc::clone(&world);
        async move {
            tokio::select! {
                () = tell(&world, &id) => {}
                () = world.stop.cancelled() => {}
            }
        }
    };
    world.tasks.spawn("webhooks", telling);
}

async fn tell(world: &World, id: &str) {
    let Some((starts_in, changed)) = lock(&world.predictions).get(id).map(|prediction| {
        let left = prediction.starts_at - world.clock.now();
        (
            left.to_std().unwrap_or_default(),
            Arc::clone(&prediction.changed),
        )
    }) else {
        return;
    };
    tokio::select! {
        () = tokio::time::sleep(starts_in + Duration::from_millis(1)) => {}
        () = changed.notified() => {}
    }
    send_event(world, id, "start", Some(Status::Processing), &[]).await;
    ended(world, id).await;
    send_event(world, id, "output", None, &[]).await;
    let retries = world.timings.webhook_retries.clone();
    send_event(world, id, "completed", None, &retries).await;
}

/// Sends one event with its oddities. `only_as` leaves it out when the prediction is not in that state.
async fn send_event(
    world: &World,
    id: &str,
    event: &str,
    only_as: Option<Status>,
    retries: &[Duration],
) {
    let Some(prediction) = lock(&world.predictions).get(id).cloned() else {
        return;
    };
    let now = world.clock.now();
    let status = prediction.status(now);
    let has_no_output = event == "output" && status != Status::Succeeded;
    let unwanted = !prediction.events.iter().any(|wanted| wanted == event);
    if unwanted || has_no_output || only_as.is_some_and(|only| only != status) {
        return;
    }
    tokio::time::sleep(prediction.oddities.late).await;
    if prediction.oddities.forged {
        let message = Message::forged(world, &prediction);
        message.post(world, &prediction).await;
    }
    let body = prediction.json_with(now, status);
    let message = Message::signed(world, &body, &world.webhook_secret);
    for _ in 1..prediction.oddities.copies {
        message.post(world, &prediction).await;
    }
    let mut pauses = retries.iter();
    while !message.post(world, &prediction).await {
        let Some(pause) = pauses.next() else {
            return;
        };
        tokio::time::sleep(*pause).await;
    }
}

/// A message with its signature; sending it again sends the same.
struct Message {
    id: String,
    timestamp: i64,
    signature: String,
    body: Bytes,
}

impl Message {
    fn signed(world: &World, body: &Value, secret: &str) -> Self {
        let id = ids::webhook_message();
        let timestamp = world.clock.now().timestamp();
        let body = body.to_string();
        let signature = sign(secret, &id, timestamp, &body);
        Self {
            id,
            timestamp,
            signature,
            body: body.into(),
        }
    }

    /// What somebody would send who knows the address and not the secret.
    fn forged(world: &World, prediction: &Prediction) -> Self {
        let mut body = prediction.json_with(prediction.ends_at, Status::Succeeded);
        body["output"] = json!("https://forged.example/picture.png");
        Self::signed(
            world,
            &body,
            "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhlIHNhbmRib3g=",
        )
    }

    /// Whether the receiver took it. Redirects are not followed, and https is not spoken.
    async fn post(&self, world: &World, prediction: &Prediction) -> bool {
        let Some(url) = &prediction.webhook else {
            return true;
        };
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", self.timestamp)
            .header("webhook-signature", &self.signature)
            .body(Full::new(self.body.clone()));
        let Ok(request) = request else {
            return true;
        };
        match tokio::time::timeout(TIMEOUT, world.http.request(request)).await {
            Ok(Ok(answer)) => answer.status().is_success(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a webhook could not be sent");
                false
            }
            Err(_) => false,
        }
    }
}

/// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> String {
    let key = STANDARD
        .decode(secret.trim_start_matches("whsec_"))
        .unwrap_or_default();
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
        return String::new();
    };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    /// The vector of the Standard Webhooks libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let signature = super::sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
