//! What endpoints were told.

use chrono::{DateTime, Utc};
use domain::webhook_endpoint::PayloadFormat;
use domain::{BrandId, Event};
use serde::Serialize;
use serde_json::Value;
use store::webhooks::deliveries::{Attempt, Delivery, Told};

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
