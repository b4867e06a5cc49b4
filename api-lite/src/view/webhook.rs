//! Webhook endpoints, their secrets, what they were told and repairs, as `/v1` shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::webhook_endpoint::PayloadFormat;
use domain::webhook_signature::WebhookSigningKey;
use domain::{BrandId, Event, EventKind};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use store::webhooks::bulk::Job;
use store::webhooks::deliveries::{Attempt, Delivery, Told};
use store::webhooks::endpoints::{Endpoint, Settings};
use store::webhooks::secrets::{OpenSecret, SecretInfo};

/// An endpoint that events are sent to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookView {
    /// Names it here.
    #[schema(example = "wh_0190a5c41f2b7c0f8d3e5a6b7c8d9e0f")]
    id: String,
    /// `endpoint`, or `request` for one that stands for the host of addresses that requests name by
    /// `webhook_url`.
    #[schema(example = "endpoint")]
    kind: &'static str,
    /// A name for people.
    #[schema(example = "Orders")]
    name: String,
    /// Where it is; of a host that requests name, its beginning.
    #[schema(example = "https://shop.example/hook")]
    url: String,
    /// The types of the events that it is told.
    #[schema(value_type = Vec<String>, example = json!(["generation.completed", "generation.failed"]))]
    events: Vec<&'static str>,
    /// `standard`, `thin` or `origin`.
    #[schema(example = "standard")]
    payload_format: &'static str,
    /// Further headers, by their names in small letters.
    headers: BTreeMap<String, String>,
    /// Deliveries that may be under way at once; an ordered endpoint has one.
    max_in_flight: i16,
    /// Tries a second; null is no limit.
    rate_per_s: Option<f64>,
    /// Whether one delivery is sent after the other, in the order of the events.
    ordered: bool,
    /// Milliseconds that one try may take, from the name's lookup to the last byte read.
    timeout_ms: i32,
    /// Whether it is told anything.
    active: bool,
    /// Why we switched it off, if we did: `gone` (it answered 410) or `failing` (no success for five days).
    disabled_reason: Option<String>,
    /// When we switched it off.
    disabled_at: Option<DateTime<Utc>>,
    /// Since when no delivery has succeeded; null where the last one did.
    failing_since: Option<DateTime<Utc>>,
    /// The last try.
    last_called_at: Option<DateTime<Utc>>,
    /// Its answer's status.
    last_status_code: Option<i32>,
    /// Failed tries since the last success.
    failure_count: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When the brand changed it.
    updated_at: DateTime<Utc>,
}

impl From<Endpoint> for WebhookView {
    fn from(endpoint: Endpoint) -> Self {
        let Settings {
            name,
            url,
            events,
            format,
            headers,
            max_in_flight,
            rate_per_s,
            ordered,
            timeout_ms,
            is_active,
        } = endpoint.settings;
        let headers = headers.iter();
        Self {
            id: endpoint.id,
            kind: match endpoint.is_request_host {
                true => "request",
                false => "endpoint",
            },
            name,
            url,
            events: events.into_iter().map(EventKind::type_name).collect(),
            payload_format: format.as_str(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            max_in_flight,
            rate_per_s: rate_per_s.map(readable),
            ordered,
            timeout_ms,
            active: is_active,
            disabled_reason: endpoint.disabled_reason,
            disabled_at: endpoint.disabled_at,
            failing_since: endpoint.failing_since,
            last_called_at: endpoint.last_called_at,
            last_status_code: endpoint.last_status_code,
            failure_count: endpoint.failure_count,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// The shortest number that is kept as this one: 0.1 and not 0.10000000149011612.
fn readable(rate: f32) -> f64 {
    rate.to_string().parse().unwrap_or_else(|_| f64::from(rate))
}

/// All endpoints of a brand.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhooksView {
    /// The oldest first.
    pub(crate) data: Vec<WebhookView>,
}

/// An endpoint that was made, with its secrets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookCreated {
    #[serde(flatten)]
    pub(crate) webhook: WebhookView,
    /// What its messages are signed with. Shown here and never again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    pub(crate) secret: String,
    /// The public half of its signing key, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")]
    pub(crate) public_key: Option<String>,
}

/// A secret that was replaced.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Rotated {
    /// `hmac` or `ed25519`.
    #[schema(example = "hmac")]
    pub(crate) kind: &'static str,
    /// The new secret (`hmac`). Shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    /// The public half of the new key (`ed25519`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// Until when the one before it signs too.
    pub(crate) previous_expires_at: DateTime<Utc>,
}

/// What is known of a secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SecretView {
    /// `hmac` or `ed25519`.
    #[schema(example = "hmac")]
    kind: String,
    /// Since when it has signed.
    created_at: DateTime<Utc>,
    /// Until when it signs; null for the current one.
    expires_at: Option<DateTime<Utc>>,
    /// The public half of a signing key.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

impl From<SecretInfo> for SecretView {
    fn from(info: SecretInfo) -> Self {
        Self {
            kind: info.kind,
            created_at: info.created_at,
            expires_at: info.expires_at,
            public_key: None,
        }
    }
}

impl From<OpenSecret> for SecretView {
    fn from(open: OpenSecret) -> Self {
        let public_key = match open.info.kind.as_str() {
            "ed25519" => public_key(open.secret.expose_secret()),
            _ => None,
        };
        Self {
            public_key,
            ..open.info.into()
        }
    }
}

/// The public half of a signing key in its text form.
pub(crate) fn public_key(text: &str) -> Option<String> {
    let key = WebhookSigningKey::parse(text).ok()?;
    Some(key.public().to_string())
}

/// The secrets that sign for an endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SecretsView {
    /// The current one of each kind first.
    pub(crate) data: Vec<SecretView>,
}

/// One event that an endpoint is told.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryView {
    /// The `webhook-id`: the same for every try.
    #[schema(example = "msg_0190a5c41f2b7c0f8d3e5a6b7c8d9e0f")]
    id: String,
    /// The event's type.
    #[schema(example = "generation.completed")]
    event: String,
    /// `pending`, `delivered`, `exhausted` (given up after the last try) or `skipped` (never tried).
    #[schema(example = "delivered")]
    status: String,
    /// Why it is or was due: `event`, `test`, `resend`, `recover`, `replay` or `replay_missing`.
    #[schema(example = "event")]
    trigger: String,
    /// The address that the request named; null where it is the endpoint's.
    url: Option<String>,
    /// Tries of all time.
    tries: i32,
    /// When the next try is due.
    next_at: Option<DateTime<Utc>>,
    /// The last answer's status.
    last_status_code: Option<i32>,
    /// The last failure's kind: `timeout`, `status`, `blocked_address`, ….
    last_error: Option<String>,
    /// When the event was written for this endpoint.
    created_at: DateTime<Utc>,
    /// When it arrived.
    delivered_at: Option<DateTime<Utc>>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let Delivery {
            event,
            kind,
            status,
            trigger,
            url,
            tries,
            next_at,
            last_status_code,
            last_error,
            created_at,
            delivered_at,
            seq: _,
        } = delivery;
        Self {
            id: Event::message_id(event),
            event: kind,
            status,
            trigger,
            url,
            tries,
            next_at,
            last_status_code,
            last_error,
            created_at,
            delivered_at,
        }
    }
}

/// One page of deliveries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveriesPage {
    /// The newest first.
    pub(crate) data: Vec<DeliveryView>,
    /// Continues the list; null at its end.
    pub(crate) next_cursor: Option<String>,
}

/// A delivery with what is sent and every try.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// The body in the endpoint's format, byte for byte as it is signed and sent.
    body: String,
    /// The tries, the newest first, at most a hundred.
    attempts: Vec<AttemptView>,
}

impl DeliveryDetail {
    /// `format` and `brand` make the body out of the event's own bytes.
    pub(crate) fn of(told: Told, format: PayloadFormat, brand: &BrandId) -> Self {
        let body = format.body(brand, &told.body);
        Self {
            delivery: told.delivery.into(),
            body: String::from_utf8_lossy(&body).into_owned(),
            attempts: told.attempts.into_iter().map(Into::into).collect(),
        }
    }
}

/// One try.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AttemptView {
    /// Names it.
    id: String,
    /// The how-manieth of this delivery, from 1.
    attempt: i32,
    /// Why it was made.
    trigger: String,
    /// Where to.
    url: String,
    /// The address that was connected to.
    remote_ip: Option<String>,
    /// The answer's status; null where none came.
    status_code: Option<i32>,
    /// The kind of failure; null where there was none.
    error_class: Option<String>,
    /// The failure in words.
    error: Option<String>,
    /// The beginning of the answer's body, at most 16 KiB.
    response: Option<String>,
    /// Whether there was more of it.
    response_truncated: bool,
    /// Headers of the answer, at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    response_headers: Option<Value>,
    /// Milliseconds altogether.
    duration_ms: Option<i32>,
    /// Of them, the name's lookup.
    dns_ms: Option<i32>,
    /// Of them, connecting.
    connect_ms: Option<i32>,
    /// From the start to the first byte of the answer.
    first_byte_ms: Option<i32>,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt {
            id,
            attempt,
            trigger,
            url,
            remote_ip,
            status_code,
            error_class,
            error,
            response,
            response_truncated,
            response_headers,
            duration_ms,
            dns_ms,
            connect_ms,
            first_byte_ms,
            created_at,
        } = attempt;
        Self {
            id,
            attempt,
            trigger,
            url,
            remote_ip,
            status_code,
            error_class,
            error,
            response,
            response_truncated,
            response_headers,
            duration_ms,
            dns_ms,
            connect_ms,
            first_byte_ms,
            created_at,
        }
    }
}

/// A message that is due now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Queued {
    /// The `webhook-id` it comes with.
    #[schema(example = "msg_0190a5c41f2b7c0f8d3e5a6b7c8d9e0f")]
    pub(crate) id: String,
    /// Where to see what became of it.
    pub(crate) delivery: String,
}

/// A repair of many deliveries of one endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookJobView {
    /// Names it here.
    #[schema(example = "0190a5c4-1f2b-7c0f-8d3e-5a6b7c8d9e0f")]
    id: String,
    /// Of which endpoint.
    webhook_id: String,
    /// `recover`, `replay` or `replay_missing`.
    #[schema(example = "recover")]
    kind: String,
    /// `queued`, `running`, `done` or `canceled`.
    #[schema(example = "running")]
    state: String,
    /// From when.
    since: DateTime<Utc>,
    /// Until before when.
    until: DateTime<Utc>,
    /// Types of events; all where there are none.
    events: Vec<String>,
    /// States of deliveries; all where there are none.
    statuses: Vec<String>,
    /// How much of the time from `since` to `until` it has gone through, 0 to 100.
    progress_percent: u8,
    /// Deliveries (or events, of `replay_missing`) that it has looked at.
    looked_at: i64,
    /// Deliveries that it has made due.
    queued: i64,
    /// Whether it is to stop.
    cancel_requested: bool,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it last moved.
    updated_at: DateTime<Utc>,
    /// When it ended.
    ended_at: Option<DateTime<Utc>>,
}

impl From<Job> for WebhookJobView {
    fn from(job: Job) -> Self {
        let progress_percent = job.progress_percent();
        let Job {
            id,
            webhook,
            kind,
            state,
            since,
            until,
            events,
            statuses,
            cursor_at: _,
            looked_at,
            queued,
            cancel_requested,
            created_at,
            updated_at,
            ended_at,
        } = job;
        Self {
            id: id.to_string(),
            webhook_id: webhook,
            kind,
            state,
            since,
            until,
            events,
            statuses,
            progress_percent,
            looked_at,
            queued,
            cancel_requested,
            created_at,
            updated_at,
            ended_at,
        }
    }
}

/// Repairs of one endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookJobsView {
    /// The newest first, at most a hundred.
    pub(crate) data: Vec<WebhookJobView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_shown_as_it_was_given() {
        for rate in [0.1, 2.5, 0.01, 10_000.0] {
            #[expect(clippy::cast_possible_truncation, reason = "what the table does")]
            let kept = rate as f32;
            assert_eq!(readable(kept).to_string(), rate.to_string());
        }
    }
}
