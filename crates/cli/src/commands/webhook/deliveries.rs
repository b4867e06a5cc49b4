//! What an endpoint was told, and telling it once more.

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use domain::{Clock, Event, EventKind, WebhookTest};
use serde_json::{Value, json};
use service::SystemClock;
use store::webhooks::deliveries::{self, Asked, Attempt, Delivery, Filter};
use uuid::Uuid;

use super::{instant, known, open};
use crate::args::webhook::{Endpoint, Message};
use crate::output;

pub(super) async fn list(
    endpoint: &Endpoint,
    statuses: Vec<String>,
    event: Option<EventKind>,
    since: Option<DateTime<Utc>>,
    limit: i64,
) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    known(&db, &brand, &endpoint.id).await?;
    let filter = Filter {
        statuses,
        event,
        since,
        before: None,
    };
    for delivery in deliveries::list(&db, &brand, &endpoint.id, &filter, limit).await? {
        output::data(&line(&delivery));
    }
    Ok(())
}

fn line(delivery: &Delivery) -> String {
    let last = match (delivery.last_status_code, &delivery.last_error) {
        (Some(code), _) => format!("  last answer {code}"),
        (None, Some(error)) => format!("  last failure {error}"),
        (None, None) => String::new(),
    };
    let next = delivery
        .next_at
        .map_or(String::new(), |at| format!("  next try {}", instant(at)));
    format!(
        "{}  {}  {}  {}  tries {}{last}{next}",
        instant(delivery.created_at),
        Event::message_id(delivery.event),
        delivery.kind,
        delivery.status,
        delivery.tries
    )
}

pub(super) async fn show(message: &Message) -> anyhow::Result<()> {
    let endpoint = &message.endpoint;
    let (db, brand) = open(&endpoint.whose).await?;
    let event = parse(&message.message)?;
    let format = known(&db, &brand, &endpoint.id).await?.settings.format;
    let told = deliveries::find(&db, &brand, &endpoint.id, event).await?;
    let told =
        told.with_context(|| format!("{} was never told {}", endpoint.id, message.message))?;
    let delivery = &told.delivery;
    let body = format.body(&brand, &told.body);
    output::json(&json!({
        "id": message.message,
        "event": delivery.kind,
        "status": delivery.status,
        "trigger": delivery.trigger,
        "url": delivery.url,
        "tries": delivery.tries,
        "next_at": delivery.next_at,
        "created_at": delivery.created_at,
        "delivered_at": delivery.delivered_at,
        "body": String::from_utf8_lossy(&body),
        "attempts": told.attempts.iter().map(attempt).collect::<Vec<_>>(),
    }))
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "attempt": attempt.attempt,
        "trigger": attempt.trigger,
        "url": attempt.url,
        "remote_ip": attempt.remote_ip,
        "status_code": attempt.status_code,
        "error_class": attempt.error_class,
        "error": attempt.error,
        "response": attempt.response,
        "response_truncated": attempt.response_truncated,
        "duration_ms": attempt.duration_ms,
        "dns_ms": attempt.dns_ms,
        "connect_ms": attempt.connect_ms,
        "first_byte_ms": attempt.first_byte_ms,
        "created_at": attempt.created_at,
    })
}

fn parse(message: &str) -> anyhow::Result<Uuid> {
    Event::parse_message_id(message).with_context(|| format!("{message:?} is no webhook-id, msg_…"))
}

pub(super) async fn resend(message: &Message) -> anyhow::Result<()> {
    let endpoint = &message.endpoint;
    let (db, brand) = open(&endpoint.whose).await?;
    let event = parse(&message.message)?;
    known(&db, &brand, &endpoint.id).await?;
    let now = SystemClock.now();
    let asked = deliveries::resend(&db, now, &brand, &endpoint.id, event).await?;
    queued(asked, &endpoint.id, &message.message)
}

pub(super) async fn test(endpoint: &Endpoint) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    let found = known(&db, &brand, &endpoint.id).await?;
    ensure!(
        !found.is_request_host,
        "{} stands for a host that requests name: it has no address of its own",
        endpoint.id
    );
    let (now, kind) = (SystemClock.now(), EventKind::WebhookTest);
    let dedupe_key = format!("{}:{brand}:{}", kind.type_name(), Uuid::now_v7());
    let data = WebhookTest::of(&endpoint.id, &found.settings.name).to_data();
    let event = Event::of_fact(kind, dedupe_key, brand, now, data);
    let asked = deliveries::send_alone(&db, now, &endpoint.id, &event).await?;
    queued(asked, &endpoint.id, &Event::message_id(event.id))
}

fn queued(asked: Asked, webhook: &str, message: &str) -> anyhow::Result<()> {
    match asked {
        Asked::Queued => {
            output::data(&format!("{message} is due; the scheduler sends it"));
            Ok(())
        }
        Asked::Inactive => bail!("{webhook} is switched off; `atelier webhook enable` first"),
        Asked::Missing => bail!("the brand has no event {message}, or it is forgotten"),
    }
}
