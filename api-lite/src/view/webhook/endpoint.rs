//! Endpoints.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::EventKind;
use serde::Serialize;
use store::webhooks::endpoints::{Endpoint, Settings};

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
