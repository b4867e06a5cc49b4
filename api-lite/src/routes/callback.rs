//! `POST /v1/providers/replicate/webhook/{attempt}`: a provider announces that a call goes on or ended.
//!
//! Nothing of the announcement is believed but the prediction's id: whether the call ended, and with
//! what, is asked for by whoever polls. It is taken only with an address that we made
//! ([`domain::CallbackSecret`]) and a signature of the provider; everything else is answered as an
//! address that does not exist, so that nobody learns which of the two was wrong. The ledger takes an
//! id only where one is missing, so repeats and a wrong order do no harm. Whoever holds the job is told to
//! ask now instead of at its next poll.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use domain::webhook_signature::{SignedHeaders, verify};
use serde::Deserialize;
use service::telemetry::error_chain;
use store::callbacks;

use crate::app::App;
use crate::problem::{Code, Problem};

const PROVIDER: &str = "replicate";
/// Sends jobs whose time has come to the workers.
const DISPATCH_DUTY: &str = "dispatch";
const MAX_ID_CHARS: usize = 64;

#[derive(Deserialize)]
struct Announcement {
    id: String,
}

pub(super) async fn replicate(
    State(app): State<App>,
    Path(segment): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let attempt = app.callbacks.address.as_ref();
    let attempt = attempt
        .and_then(|secret| secret.attempt(&segment))
        .ok_or(Code::UnknownRoute)?;
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = SignedHeaders {
        id: header("webhook-id").unwrap_or_default(),
        timestamp: header("webhook-timestamp").unwrap_or_default(),
        signature: header("webhook-signature").unwrap_or_default(),
    };
    verify(&app.callbacks.replicate, signed, &body, app.now()).map_err(|fault| {
        tracing::info!(%fault, "an announcement of a provider was not believed");
        Code::UnknownRoute
    })?;
    let Some(provider_ref) = id_of(&body) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let announced =
        callbacks::accepted(&app.database, app.now(), attempt, PROVIDER, &provider_ref).await?;
    if let Some(announced) = announced {
        if announced.was_missing {
            tracing::info!(%attempt, "the id of a lost call was announced");
        }
        // Whoever waits for the picture polls by itself, and what waits in the backlog is found; the
        // signals only make it quicker.
        let told = app.queue.publish_announced(announced.job).await;
        if let Err(error) = told.and(app.queue.nudge(DISPATCH_DUTY).await) {
            let error = error_chain(&error);
            tracing::warn!(error, "the signal of an announcement was not sent");
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The prediction's id: it becomes part of an address, so it is looked at first.
fn id_of(body: &[u8]) -> Option<String> {
    let Announcement { id } = serde_json::from_slice(body).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let good = (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(plain);
    good.then_some(id)
}
