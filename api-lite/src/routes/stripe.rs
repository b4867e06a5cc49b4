//! `POST /v1/stripe/webhook`: Stripe tells what became of an invoice.
//!
//! An event is believed with a signature under our endpoint's secret; without a secret the address does not exist.
//! It may come twice and in any order: what it changes is written with its id in one transaction
//! ([`store::stripe::take`]), and states only go forward. An answer other than 2xx makes Stripe send it again, for
//! three days, which is what a database that is away needs.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::DateTime;
use domain::stripe_signature;
use domain::webhook_signature::SignatureFault;
use secrecy::ExposeSecret;
use serde::Deserialize;
use store::stripe::{self, Effect, Told, ToldInvoice};

use crate::app::App;
use crate::problem::{Code, Problem};

/// Longest id that is kept; Stripe's have some thirty characters.
const MAX_ID_CHARS: usize = 255;

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

/// An invoice, or anything else, of which nothing is read.
#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    object: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    currency: String,
    #[serde(default)]
    amount_paid: i64,
    #[serde(default)]
    paid_out_of_band: bool,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    invoice_id: String,
}

pub(super) async fn webhook(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    if app.stripe_secrets.is_empty() {
        return Err(Code::UnknownRoute.into());
    }
    let header = headers.get("stripe-signature");
    let header = header.and_then(|value| value.to_str().ok());
    let checks = app.stripe_secrets.iter().map(|secret| {
        let header = header.unwrap_or_default();
        stripe_signature::check(secret.expose_secret(), header, &body, app.now())
    });
    if let Err(fault) = best(checks) {
        tracing::info!(%fault, "an event was not believed to be Stripe's");
        return Err(Problem::from(Code::InvalidSignature).detail(fault.to_string()));
    }
    // Signed by Stripe and not as we know it: told by the log, and taken, for a repeat would be the same.
    let Some(told) = read(&body) else {
        tracing::warn!("an event of Stripe's cannot be read and is left alone");
        return Ok(StatusCode::NO_CONTENT);
    };
    let taken = stripe::take(&app.database, app.now(), &told).await?;
    match taken {
        Some(effect @ (Effect::Overpaid | Effect::Unbooked | Effect::Voided)) => tracing::warn!(
            event = told.id,
            invoice = told.invoice.as_ref().map(|invoice| &invoice.stripe_id),
            effect = effect.as_str(),
            "an event of Stripe's needs a person; docs/billing.md says what to do"
        ),
        Some(effect) => tracing::info!(
            event = told.id,
            effect = effect.as_str(),
            "an event of Stripe's"
        ),
        None => tracing::debug!(event = told.id, "an event of Stripe's came again"),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Right under one secret is right; otherwise the fault that says most: stale before wrong before malformed.
fn best(checks: impl Iterator<Item = Result<(), SignatureFault>>) -> Result<(), SignatureFault> {
    let mut fault = SignatureFault::Malformed;
    for check in checks {
        match check {
            Ok(()) => return Ok(()),
            Err(SignatureFault::Stale) => fault = SignatureFault::Stale,
            Err(other) if fault != SignatureFault::Stale => fault = other,
            Err(_) => {}
        }
    }
    Err(fault)
}

fn read(body: &[u8]) -> Option<Told> {
    let Event {
        id,
        kind,
        created,
        data,
    } = serde_json::from_slice(body).ok()?;
    let short = |text: &str| (1..=MAX_ID_CHARS).contains(&text.chars().count());
    if !short(&id) || !short(&kind) {
        return None;
    }
    let Object {
        object,
        id: stripe_id,
        currency,
        amount_paid,
        paid_out_of_band,
        metadata,
    } = data.object;
    let invoice = (object == "invoice" && short(&stripe_id)).then(|| ToldInvoice {
        stripe_id,
        ours: metadata.and_then(|metadata| metadata.invoice_id.parse().ok()),
        currency,
        amount_paid_minor: amount_paid,
        paid_out_of_band,
    });
    Some(Told {
        id,
        kind,
        happened_at: DateTime::from_timestamp(created, 0)?,
        invoice,
    })
}
