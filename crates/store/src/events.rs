//! Events of facts, with ids derived from the facts: the same fact written twice is the same event.

use chrono::{DateTime, Utc};
use domain::{
    BrandId, CompletedPayload, Ending, Event, EventKind, GenerationId, ProductId, PublicId,
    ar_view_data, failed_data, started_data,
};
use serde_json::Value;
use uuid::Uuid;

/// Whose generation it is and what it is for.
pub(crate) struct Subject<'a> {
    pub(crate) id: GenerationId,
    pub(crate) public_id: &'a PublicId,
    pub(crate) brand_id: &'a BrandId,
    pub(crate) product_id: &'a ProductId,
}

/// A worker began.
pub(crate) fn started(subject: &Subject<'_>, now: DateTime<Utc>) -> Event {
    let data = started_data(subject.public_id, subject.product_id);
    of_generation(
        EventKind::GenerationStarted,
        subject.id,
        subject.brand_id,
        now,
        data,
    )
}

/// The pictures exist.
pub(crate) fn completed(
    id: GenerationId,
    brand_id: &BrandId,
    payload: &CompletedPayload,
    now: DateTime<Utc>,
) -> Event {
    of_generation(
        EventKind::GenerationCompleted,
        id,
        brand_id,
        now,
        payload.to_data(),
    )
}

/// It ended without pictures.
pub(crate) fn failed(subject: &Subject<'_>, ending: Ending, now: DateTime<Utc>) -> Event {
    let data = failed_data(subject.public_id, subject.product_id, ending);
    of_generation(
        EventKind::GenerationFailed,
        subject.id,
        subject.brand_id,
        now,
        data,
    )
}

/// The `n`-th view in augmented reality.
pub(crate) fn ar_view(subject: &Subject<'_>, n: u64, now: DateTime<Utc>) -> Event {
    let data = ar_view_data(subject.public_id, subject.product_id, n);
    let brand = subject.brand_id.clone();
    let event = Event::ar_view(Uuid::nil(), subject.id, n, brand, now, data);
    event.with_derived_id()
}

fn of_generation(
    kind: EventKind,
    id: GenerationId,
    brand_id: &BrandId,
    now: DateTime<Utc>,
    data: Value,
) -> Event {
    Event::of_generation(Uuid::nil(), kind, id, brand_id.clone(), now, data).with_derived_id()
}
