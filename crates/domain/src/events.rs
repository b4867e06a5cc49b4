//! What a brand's systems are told by webhook.
//!
//! An event is written in the transaction of its fact, as the exact bytes that will be signed
//! later: a retry days later sends the same bytes, whatever the code has become. The body is that of
//! Standard Webhooks 1.0: `{"type", "timestamp", "data"}`; the keys of `data` are in alphabetical
//! order, so that the bytes do not depend on how `serde_json` keeps its maps. No
//! payload holds a prompt or anything else that a shopper typed.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::codes::FailureCode;
use crate::ids::{BrandId, GenerationId, ProductId, PublicId};
use crate::lane::UnknownName;
use crate::money::{Currency, Micros};

mod operational;

pub use operational::{
    InvoiceFinalized, InvoicePastDue, QuotaThreshold, WebhookDisabled, WebhookFailing, WebhookTest,
};

/// What a `webhook-id` begins with.
const MESSAGE_PREFIX: &str = "msg_";

/// What the ids of events are derived in: the same fact written twice is the same event.
const IDS: Uuid = Uuid::from_u128(0x6a1f_0b5e_3c0d_4f6a_9d0e_27c1_5a8b_4d10);

/// What happened. The first four are those of Prisma's `WebhookEvent` enum; the others are about the
/// brand's account and have no name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A worker began.
    GenerationStarted,
    /// The pictures exist.
    GenerationCompleted,
    /// It ended without pictures: failed, canceled or expired.
    GenerationFailed,
    /// Somebody looked at it in augmented reality.
    ArView,
    /// A share of a quota was reached.
    QuotaThreshold,
    /// An invoice got its number and will not change any more.
    InvoiceFinalized,
    /// An invoice was not paid in time.
    InvoicePastDue,
    /// An endpoint gets nothing any more, because it failed for too long or said so itself.
    WebhookDisabled,
    /// An endpoint fails and will be disabled if it goes on.
    WebhookFailing,
    /// Somebody asked to be sent an example.
    WebhookTest,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::GenerationStarted,
        Self::GenerationCompleted,
        Self::GenerationFailed,
        Self::ArView,
        Self::QuotaThreshold,
        Self::InvoiceFinalized,
        Self::InvoicePastDue,
        Self::WebhookDisabled,
        Self::WebhookFailing,
        Self::WebhookTest,
    ];

    /// The name in the `WebhookEvent` enum, of those that have one.
    pub fn enum_name(self) -> Option<&'static str> {
        match self {
            Self::GenerationStarted => Some("GENERATION_STARTED"),
            Self::GenerationCompleted => Some("GENERATION_COMPLETED"),
            Self::GenerationFailed => Some("GENERATION_FAILED"),
            Self::ArView => Some("AR_VIEW"),
            Self::QuotaThreshold
            | Self::InvoiceFinalized
            | Self::InvoicePastDue
            | Self::WebhookDisabled
            | Self::WebhookFailing
            | Self::WebhookTest => None,
        }
    }

    /// The `type` in the body.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::GenerationStarted => "generation.started",
            Self::GenerationCompleted => "generation.completed",
            Self::GenerationFailed => "generation.failed",
            Self::ArView => "ar.view",
            Self::QuotaThreshold => "quota.threshold",
            Self::InvoiceFinalized => "invoice.finalized",
            Self::InvoicePastDue => "invoice.past_due",
            Self::WebhookDisabled => "webhook.disabled",
            Self::WebhookFailing => "webhook.failing",
            Self::WebhookTest => "webhook.test",
        }
    }

    /// Whether an endpoint can subscribe to it. A test event goes where it was asked for.
    pub fn is_subscribable(self) -> bool {
        self != Self::WebhookTest
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

impl FromStr for EventKind {
    type Err = UnknownName;

    /// Takes the enum's name and the dotted one.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.enum_name() == Some(text) || kind.type_name() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id, which becomes the `webhook-id` and stays the same over all tries of a delivery.
    pub id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// The same fact gives the same key, so the outbox takes a fact once.
    pub dedupe_key: String,
    /// Whose systems are told.
    pub brand: BrandId,
    /// The generation that it is the end of: the address that its request named is told too.
    pub ends: Option<GenerationId>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The `data` of the body.
    pub data: Value,
}

impl Event {
    /// An event of a generation. One generation has at most one event of each kind but
    /// [`EventKind::ArView`], whose key also holds its number: see [`Event::ar_view`].
    pub fn of_generation(
        id: Uuid,
        kind: EventKind,
        generation: GenerationId,
        brand: BrandId,
        occurred_at: DateTime<Utc>,
        data: Value,
    ) -> Self {
        let dedupe_key = format!("{}:{}", kind.type_name(), generation.as_text());
        Self {
            id,
            kind,
            dedupe_key,
            brand,
            ends: matches!(
                kind,
                EventKind::GenerationCompleted | EventKind::GenerationFailed
            )
            .then_some(generation),
            occurred_at,
            data,
        }
    }

    /// An event of any other fact, whose id derives from the key. The key names the fact among those of
    /// all brands: `{kind}:{brand}:{what}`.
    pub fn of_fact(
        kind: EventKind,
        dedupe_key: String,
        brand: BrandId,
        occurred_at: DateTime<Utc>,
        data: Value,
    ) -> Self {
        let event = Self {
            id: Uuid::nil(),
            kind,
            dedupe_key,
            brand,
            ends: None,
            occurred_at,
            data,
        };
        event.with_derived_id()
    }

    /// The same event with the id that derives from its key.
    #[must_use]
    pub fn with_derived_id(self) -> Self {
        Self {
            id: Uuid::new_v5(&IDS, self.dedupe_key.as_bytes()),
            ..self
        }
    }

    /// The `webhook-id`: the same for every try at every endpoint.
    pub fn message_id(id: Uuid) -> String {
        format!("{MESSAGE_PREFIX}{}", id.simple())
    }

    /// Reads a `webhook-id` back.
    pub fn parse_message_id(text: &str) -> Option<Uuid> {
        let digits = text.strip_prefix(MESSAGE_PREFIX)?;
        (digits.len() == 32).then(|| Uuid::parse_str(digits).ok())?
    }

    /// The `n`-th view of a generation in augmented reality.
    pub fn ar_view(
        id: Uuid,
        generation: GenerationId,
        n: u64,
        brand: BrandId,
        occurred_at: DateTime<Utc>,
        data: Value,
    ) -> Self {
        let kind = EventKind::ArView;
        let dedupe_key = format!("{}:{}:{n}", kind.type_name(), generation.as_text());
        Self {
            id,
            kind,
            dedupe_key,
            brand,
            ends: None,
            occurred_at,
            data,
        }
    }

    /// The body, byte for byte as it is signed and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = Body {
            type_name: self.kind.type_name(),
            timestamp: self
                .occurred_at
                .to_rfc3339_opts(SecondsFormat::Millis, true),
            data: &self.data,
        };
        // Strings and a JSON value: serialising them cannot fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// The body of Standard Webhooks.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    type_name: &'static str,
    timestamp: String,
    data: &'a Value,
}

/// One finished picture in `generation.completed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutputPayload {
    /// Which picture: `full`, `thumbnail`, …
    pub variant: String,
    /// Where it can be fetched.
    pub url: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// The facts in `generation.completed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPayload {
    /// The generation as the shop knows it.
    pub public_id: PublicId,
    /// Its product.
    pub product_id: ProductId,
    /// Its pictures.
    pub outputs: Vec<OutputPayload>,
    /// What the provider charged.
    pub cost: Micros,
    /// In what.
    pub currency: Currency,
    /// Milliseconds from acceptance to settlement.
    pub processing_ms: u64,
}

impl CompletedPayload {
    /// The `data` of the event: `outputs` is keyed by variant.
    pub fn to_data(&self) -> Value {
        let Self {
            public_id,
            product_id,
            outputs,
            cost,
            currency,
            processing_ms,
        } = self;
        let outputs: serde_json::Map<String, Value> = outputs
            .iter()
            .map(
                |OutputPayload {
                     variant,
                     url,
                     width,
                     height,
                     bytes,
                 }| {
                    let file =
                        json!({"bytes": bytes, "height": height, "url": url, "width": width});
                    (variant.clone(), file)
                },
            )
            .collect();
        json!({
            "cost_currency": currency,
            "cost_micros": cost,
            "generation_id": public_id,
            "outputs": outputs,
            "processing_ms": processing_ms,
            "product_id": product_id,
            "state": "succeeded",
        })
    }
}

/// How a generation ended that has no pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It failed for this reason.
    Failed(FailureCode),
    /// Somebody asked for it to stop.
    Canceled,
    /// It was not begun in time.
    Expired,
}

impl Ending {
    /// The code that stands as `reason`.
    pub fn reason(self) -> FailureCode {
        match self {
            Self::Failed(code) => code,
            Self::Canceled => FailureCode::Canceled,
            Self::Expired => FailureCode::Expired,
        }
    }

    fn state(self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }
}

/// The `data` of `generation.failed`.
pub fn failed_data(public_id: &PublicId, product_id: &ProductId, ending: Ending) -> Value {
    let reason = ending.reason();
    json!({
        "generation_id": public_id,
        "message": reason.message(),
        "product_id": product_id,
        "reason": reason,
        "retryable": reason.is_retryable(),
        "state": ending.state(),
    })
}

/// The `data` of `generation.started`.
pub fn started_data(public_id: &PublicId, product_id: &ProductId) -> Value {
    json!({"generation_id": public_id, "product_id": product_id, "state": "processing"})
}

/// The `data` of `ar.view`: `views` counts them, this one included.
pub fn ar_view_data(public_id: &PublicId, product_id: &ProductId, views: u64) -> Value {
    json!({"generation_id": public_id, "product_id": product_id, "views": views})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_123).unwrap()
    }

    fn ids() -> (PublicId, ProductId) {
        (PublicId::from_random([1; 16]), "prod_1".into())
    }

    fn event(kind: EventKind, data: Value) -> Event {
        let generation = GenerationId(Uuid::from_u128(7));
        Event::of_generation(Uuid::from_u128(1), kind, generation, "b".into(), at(), data)
    }

    #[test]
    fn names_read_back_in_both_forms() {
        for kind in EventKind::ALL {
            if let Some(name) = kind.enum_name() {
                assert_eq!(name.parse::<EventKind>().unwrap(), kind);
            }
            assert_eq!(kind.type_name().parse::<EventKind>().unwrap(), kind);
        }
    }

    #[test]
    fn an_id_derives_from_the_fact_and_reads_back_from_its_message() {
        let fact = |key: &str| {
            let data = Value::Null;
            Event::of_fact(
                EventKind::QuotaThreshold,
                key.to_owned(),
                "b".into(),
                at(),
                data,
            )
        };
        assert_eq!(fact("q:b:1").id, fact("q:b:1").id);
        assert_ne!(fact("q:b:1").id, fact("q:b:2").id);
        let id = fact("q:b:1").id;
        let message = Event::message_id(id);
        assert_eq!(message.len(), 36);
        assert_eq!(Event::parse_message_id(&message), Some(id));
        for other in ["", "msg_", "msg_x", &id.to_string(), &format!("msg_{id}")] {
            assert_eq!(Event::parse_message_id(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_end_of_a_generation_is_told_to_the_address_of_its_request() {
        let told = |kind| event(kind, Value::Null).ends.is_some();
        assert!(told(EventKind::GenerationCompleted) && told(EventKind::GenerationFailed));
        assert!(!told(EventKind::GenerationStarted));
    }

    #[test]
    fn the_bytes_of_a_completed_generation_are_exactly_these() {
        let (public_id, product_id) = ids();
        let payload = CompletedPayload {
            public_id,
            product_id,
            outputs: vec![OutputPayload {
                variant: "full".to_owned(),
                url: "https://cdn.example/x.png".to_owned(),
                width: 1024,
                height: 768,
                bytes: 4321,
            }],
            cost: Micros(40_000),
            currency: Currency::Usd,
            processing_ms: 1500,
        };
        let event = event(EventKind::GenerationCompleted, payload.to_data());
        let text = String::from_utf8(event.to_bytes()).unwrap();
        let expected = concat!(
            r#"{"type":"generation.completed","timestamp":"2023-11-14T22:13:20.123Z","#,
            r#""data":{"cost_currency":"USD","cost_micros":40000,"#,
            r#""generation_id":"gen_01010101010101010101010101010101","#,
            r#""outputs":{"full":{"bytes":4321,"height":768,"#,
            r#""url":"https://cdn.example/x.png","width":1024}},"#,
            r#""processing_ms":1500,"product_id":"prod_1","state":"succeeded"}}"#,
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn cancel_and_expiry_are_failures_with_their_own_reason() {
        let (public_id, product_id) = ids();
        for (ending, state, reason) in [
            (
                Ending::Failed(FailureCode::ContentPolicy),
                "failed",
                "content_policy",
            ),
            (Ending::Canceled, "canceled", "canceled"),
            (Ending::Expired, "expired", "expired"),
        ] {
            let data = failed_data(&public_id, &product_id, ending);
            assert_eq!(
                (data["state"].as_str(), data["reason"].as_str()),
                (Some(state), Some(reason))
            );
        }
    }

    #[test]
    fn the_same_fact_has_the_same_key_and_each_view_its_own() {
        let (public_id, product_id) = ids();
        let data = started_data(&public_id, &product_id);
        let first = event(EventKind::GenerationStarted, data.clone());
        let again = event(EventKind::GenerationStarted, data.clone());
        assert_eq!(first.dedupe_key, again.dedupe_key);
        assert_ne!(
            first.dedupe_key,
            event(EventKind::GenerationFailed, data).dedupe_key
        );
        let generation = GenerationId(Uuid::from_u128(7));
        let view = |n| {
            Event::ar_view(
                Uuid::from_u128(1),
                generation,
                n,
                "b".into(),
                at(),
                Value::Null,
            )
        };
        assert_ne!(view(1).dedupe_key, view(2).dedupe_key);
    }
}
