//! Events, as Stripe sends them to an endpoint.

use chrono::{DateTime, Utc};
use domain::stripe_signature;
use serde_json::{Value, json};

/// One event, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// Its id: the same for every delivery of it.
    pub id: String,
    /// Its type, such as `invoice.paid`.
    pub kind: String,
    /// The body, byte for byte as it is signed.
    pub body: String,
    /// The header `Stripe-Signature`.
    pub signature: String,
}

/// The event of a change: `object` is as it was right after it.
pub(super) fn event(id: String, kind: &str, object: &Value, now: DateTime<Utc>) -> Value {
    json!({
        "id": id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now.timestamp(),
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    })
}

pub(super) fn sign(event: &Value, secret: &str, now: DateTime<Utc>) -> StripeEvent {
    let body = event.to_string();
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    StripeEvent {
        id: text("id"),
        kind: text("type"),
        signature: stripe_signature::sign(secret, now, body.as_bytes()),
        body,
    }
}
