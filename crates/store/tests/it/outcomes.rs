//! What may come of a claim, ready to be settled: jobs of brand `a`.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{BrandId, CompletedPayload, Currency, Ending, Micros, OutputPayload, PublicId};
use serde_json::json;
use store::Lease;
use store::ledger::AttemptEvent;
use store::settle::{Asset, Done, Ended, Outcome, Settlement};

/// The answer is stored.
pub fn fetched_event() -> AttemptEvent {
    AttemptEvent::Fetched {
        raw_key: "raw/key".to_owned(),
        provider_ref: Some("req_1".to_owned()),
        cost: Micros(40_000),
        tokens: Some(4160),
    }
}

/// A settlement of a job of brand `a` with one picture.
pub fn done(lease: Lease) -> Settlement {
    let outcome = Outcome::Done(Box::new(Done {
        output_url: "https://cdn.example/full.png".to_owned(),
        thumbnail_url: "https://cdn.example/thumb.webp".to_owned(),
        final_prompt: "a ring".to_owned(),
        negative_prompt: None,
        report: json!({"request_id": "req_1"}),
        processing_ms: 1234,
        tokens: Some(4160),
        cost: Micros(40_000),
        assets: vec![Asset {
            variant: "full".to_owned(),
            object_key: "out/full.png".to_owned(),
            content_type: "image/png".to_owned(),
            width_px: 1024,
            height_px: 768,
            size_bytes: 4321,
            sha256: [7; 32],
        }],
        payload: CompletedPayload {
            public_id: PublicId::from_random([1; 16]),
            product_id: "a_product".into(),
            outputs: vec![OutputPayload {
                variant: "full".to_owned(),
                url: "https://cdn.example/full.png".to_owned(),
                width: 1024,
                height: 768,
                bytes: 4321,
            }],
            cost: Micros(40_000),
            currency: Currency::Usd,
            processing_ms: 1234,
        },
    }));
    settlement(lease, outcome)
}

/// A settlement without pictures.
pub fn ended(lease: Lease, ending: Ending) -> Settlement {
    let outcome = Outcome::Ended(Ended {
        ending,
        public_id: PublicId::from_random([1; 16]),
        product_id: "a_product".into(),
        final_prompt: Some("a ring".to_owned()),
        report: None,
    });
    settlement(lease, outcome)
}

/// Try again a minute after `now`.
pub fn retry(lease: Lease, now: DateTime<Utc>, counted: bool) -> Settlement {
    let outcome = Outcome::Retry {
        run_at: now + TimeDelta::minutes(1),
        counted,
        code: "provider_unavailable".to_owned(),
    };
    settlement(lease, outcome)
}

/// A person must decide.
pub fn held(lease: Lease) -> Settlement {
    let reason = "outcome_unknown".to_owned();
    settlement(lease, Outcome::Held { reason })
}

fn settlement(lease: Lease, outcome: Outcome) -> Settlement {
    Settlement {
        lease,
        brand_id: BrandId::from("a"),
        outcome,
    }
}
