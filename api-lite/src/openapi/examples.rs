//! One example of every event, made by what makes the real ones.

use chrono::{DateTime, Utc};
use domain::{
    CompletedPayload, Currency, Ending, Event, EventKind, FailureCode, GenerationId,
    InvoiceFinalized, InvoicePastDue, Micros, OutputPayload, ProductId, PublicId, QuotaThreshold,
    WebhookDisabled, WebhookFailing, WebhookTest, ar_view_data, failed_data, started_data,
};
use serde_json::Value;
use uuid::Uuid;

const WEBHOOK: &str = "wh_0190a5c41f2b7c0f8d3e5a6b7c8d9e0f";
const URL: &str = "https://shop.example/hook";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn generation() -> (PublicId, ProductId) {
    (PublicId::from_random([0x5a; 16]), "prod_mug".into())
}

/// The body of an event of this kind, in the standard format.
pub(super) fn body(kind: EventKind) -> Value {
    let event = Event::of_generation(
        Uuid::nil(),
        kind,
        GenerationId(Uuid::nil()),
        "brand_1".into(),
        at(1_763_845_200),
        data(kind),
    );
    serde_json::from_slice(&event.to_bytes()).unwrap_or_default()
}

fn data(kind: EventKind) -> Value {
    let (generation, product) = generation();
    let period = (at(1_761_955_200), at(1_764_547_200));
    match kind {
        EventKind::GenerationStarted => started_data(&generation, &product),
        EventKind::GenerationCompleted => completed().to_data(),
        EventKind::GenerationFailed => {
            let ending = Ending::Failed(FailureCode::ContentPolicy);
            failed_data(&generation, &product, ending)
        }
        EventKind::ArView => ar_view_data(&generation, &product, 3),
        EventKind::QuotaThreshold => QuotaThreshold {
            limit: 100,
            metric: "generation".to_owned(),
            percent: 90,
            period_start: period.0,
            period_end: period.1,
            used: 90,
        }
        .to_data(),
        EventKind::InvoiceFinalized => InvoiceFinalized {
            currency: "EUR".to_owned(),
            due_date: "2025-12-15".to_owned(),
            invoice_id: "0190a5c4-1f2b-7c0f-8d3e-5a6b7c8d9e0f".to_owned(),
            number: "AT-2025-000042".to_owned(),
            period_start: period.0,
            period_end: period.1,
            total_cents: 11_781,
        }
        .to_data(),
        EventKind::InvoicePastDue => InvoicePastDue {
            currency: "EUR".to_owned(),
            days_overdue: 3,
            due_date: "2025-12-15".to_owned(),
            invoice_id: "0190a5c4-1f2b-7c0f-8d3e-5a6b7c8d9e0f".to_owned(),
            number: "AT-2025-000042".to_owned(),
            total_cents: 11_781,
        }
        .to_data(),
        EventKind::WebhookDisabled => WebhookDisabled {
            failing_since: Some("2025-11-17T21:00:00.000Z".to_owned()),
            name: "Orders".to_owned(),
            reason: "failing".to_owned(),
            url: URL.to_owned(),
            webhook_id: WEBHOOK.to_owned(),
        }
        .to_data(),
        EventKind::WebhookFailing => WebhookFailing {
            disables_at: at(1_763_932_000),
            failing_since: at(1_763_500_000),
            name: "Orders".to_owned(),
            percent: 70,
            url: URL.to_owned(),
            webhook_id: WEBHOOK.to_owned(),
        }
        .to_data(),
        EventKind::WebhookTest => WebhookTest::of(WEBHOOK, "Orders").to_data(),
    }
}

fn completed() -> CompletedPayload {
    let (public_id, product_id) = generation();
    let picture = |variant: &str, width: u32, bytes: u64| OutputPayload {
        variant: variant.to_owned(),
        url: format!("https://atelier.example/media/{public_id}/{variant}"),
        width,
        height: width * 3 / 4,
        bytes,
    };
    CompletedPayload {
        outputs: vec![
            picture("full", 1024, 812_345),
            picture("thumbnail", 256, 41_234),
        ],
        public_id,
        product_id,
        cost: Micros(40_000),
        currency: Currency::Usd,
        processing_ms: 6_210,
    }
}
