//! Endpoints: made, shown, changed, removed; and their secrets.

use anyhow::{Context, bail, ensure};
use chrono::TimeDelta;
use domain::address::AllowList;
use domain::webhook_endpoint::{
    DEFAULT_IN_FLIGHT, DEFAULT_TIMEOUT_MS, MAX_ENDPOINT_NAME_BYTES, PayloadFormat, WebhookHeaders,
};
use domain::webhook_signature::{WebhookSecret, WebhookSigningKey};
use domain::{BrandId, Clock, EventKind, Target};
use secrecy::SecretString;
use serde_json::{Value, json};
use service::SystemClock;
use store::Database;
use store::webhooks::endpoints::{self, Change, Endpoint, Kind, NewEndpoint, Settings};
use store::webhooks::secrets::{self, NewSecret, Owner, SecretInfo, SecretKind};
use uuid::Uuid;

use super::{instant, known, missing, open};
use crate::args::Masters;
use crate::args::webhook::{self as args, CreateWebhook, Options, Signing, UpdateWebhook, Whose};
use crate::{output, random};

/// Stands for all addresses that requests name.
const REQUESTS: &str = "requests";

pub(super) async fn create(args: CreateWebhook) -> anyhow::Result<()> {
    let CreateWebhook {
        whose,
        name,
        url,
        events,
        ed25519,
        options,
        masters,
    } = args;
    let blank = Settings {
        name,
        url,
        events: distinct(events)?,
        format: PayloadFormat::Standard,
        headers: WebhookHeaders::default(),
        max_in_flight: DEFAULT_IN_FLIGHT,
        rate_per_s: None,
        ordered: false,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        is_active: true,
    };
    let settings = with_options(blank, options)?;
    let secret = WebhookSecret::from_bytes(random::bytes()?).to_text();
    let mut made = vec![new_secret(SecretKind::Hmac, &secret)];
    let mut shown = json!({ "secret": secret });
    if ed25519 {
        let key = WebhookSigningKey::from_seed(random::bytes()?);
        made.push(new_secret(SecretKind::Ed25519, &key.to_text()));
        shown["public_key"] = key.public().to_string().into();
    }
    let (db, brand) = open(&whose).await?;
    let new = NewEndpoint {
        id: format!("wh_{}", Uuid::now_v7().simple()),
        brand: brand.clone(),
        settings,
        secrets: made,
    };
    endpoints::create(&db, SystemClock.now(), &masters.sealing_keys, &new)
        .await
        .with_context(|| format!("is there a brand {brand}?"))?;
    shown["id"] = new.id.into();
    output::note("The secret is shown once; it is kept sealed.");
    output::json(&shown)
}

fn new_secret(kind: SecretKind, text: &str) -> NewSecret {
    NewSecret {
        id: Uuid::new_v4(),
        kind,
        secret: SecretString::from(text),
    }
}

fn distinct(events: Vec<EventKind>) -> anyhow::Result<Vec<EventKind>> {
    let mut known = Vec::new();
    for event in events {
        ensure!(
            event.is_subscribable(),
            "nobody can subscribe to {event}: `atelier webhook test` sends one"
        );
        if !known.contains(&event) {
            known.push(event);
        }
    }
    Ok(known)
}

/// The settings with what was given, checked as the API checks them.
fn with_options(old: Settings, options: Options) -> anyhow::Result<Settings> {
    let Options {
        payload_format,
        headers,
        max_in_flight,
        rate_per_s,
        ordered,
        timeout_ms,
        targets,
    } = options;
    check_name(&old.name)?;
    check_url(&old.url, &targets.allowed())?;
    Ok(Settings {
        format: payload_format.unwrap_or(old.format),
        headers: match headers.is_empty() {
            true => old.headers,
            false => parse_headers(&headers)?,
        },
        max_in_flight: max_in_flight.unwrap_or(old.max_in_flight),
        rate_per_s: match rate_per_s {
            Some(rate) => (rate > 0.0).then_some(rate),
            None => old.rate_per_s,
        },
        ordered: ordered.unwrap_or(old.ordered),
        timeout_ms: timeout_ms.unwrap_or(old.timeout_ms),
        name: old.name,
        url: old.url,
        events: old.events,
        is_active: old.is_active,
    })
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = (1..=MAX_ENDPOINT_NAME_BYTES).contains(&name.len());
    ensure!(
        fits && !name.chars().any(char::is_control),
        "--name: 1 to {MAX_ENDPOINT_NAME_BYTES} bytes without control characters"
    );
    Ok(())
}

fn check_url(url: &str, allowed: &AllowList) -> anyhow::Result<()> {
    Target::parse(url, allowed).with_context(|| {
        format!(
            "{url} cannot be sent to: https on port 443 with a public address is expected, or a network of \
             --webhook-allow-cidrs (ATELIER_WEBHOOK_ALLOW_CIDRS), which the scheduler must be told too"
        )
    })?;
    Ok(())
}

fn parse_headers(lines: &[String]) -> anyhow::Result<WebhookHeaders> {
    let mut pairs = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            bail!("--header {line:?}: NAME: VALUE is expected");
        };
        pairs.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(WebhookHeaders::new(pairs)?)
}

pub(super) async fn list(whose: &Whose, requests: bool) -> anyhow::Result<()> {
    let (db, brand) = open(whose).await?;
    let kind = match requests {
        true => Kind::RequestHost,
        false => Kind::Endpoint,
    };
    for endpoint in endpoints::list(&db, &brand, kind).await? {
        let Settings {
            name, url, events, ..
        } = &endpoint.settings;
        let events: Vec<&str> = events.iter().map(|event| event.type_name()).collect();
        let state = state(&endpoint);
        output::data(&format!(
            "{}  {state}  {url}  {name}  {}",
            endpoint.id,
            events.join(",")
        ));
    }
    Ok(())
}

fn state(endpoint: &Endpoint) -> String {
    match (&endpoint.disabled_reason, endpoint.failing_since) {
        (Some(reason), _) => format!("off ({reason})"),
        (None, _) if !endpoint.settings.is_active => "off".to_owned(),
        (None, Some(since)) => format!("failing since {}", instant(since)),
        (None, None) => "on".to_owned(),
    }
}

pub(super) async fn show(endpoint: &args::Endpoint) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    let found = known(&db, &brand, &endpoint.id).await?;
    let owner = Owner {
        brand: &brand,
        webhook: (!found.is_request_host).then_some(endpoint.id.as_str()),
    };
    let kept = secrets::list(&db, SystemClock.now(), owner).await?;
    output::json(&document(&found, &kept))
}

fn document(endpoint: &Endpoint, secrets: &[SecretInfo]) -> Value {
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
    } = &endpoint.settings;
    let events: Vec<&str> = events.iter().map(|event| event.type_name()).collect();
    let secrets: Vec<Value> = secrets
        .iter()
        .map(|one| json!({ "kind": one.kind, "created_at": one.created_at, "expires_at": one.expires_at }))
        .collect();
    json!({
        "id": endpoint.id,
        "name": name,
        "url": url,
        "events": events,
        "payload_format": format.as_str(),
        "headers": headers,
        "max_in_flight": max_in_flight,
        "rate_per_s": rate_per_s,
        "ordered": ordered,
        "timeout_ms": timeout_ms,
        "active": is_active,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "last_called_at": endpoint.last_called_at,
        "last_status_code": endpoint.last_status_code,
        "failure_count": endpoint.failure_count,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "secrets": secrets,
    })
}

pub(super) async fn update(args: UpdateWebhook) -> anyhow::Result<()> {
    let UpdateWebhook {
        endpoint,
        name,
        url,
        events,
        options,
    } = args;
    let (db, brand) = open(&endpoint.whose).await?;
    let old = known(&db, &brand, &endpoint.id).await?;
    let fixed = old.is_request_host && (url.is_some() || !events.is_empty());
    ensure!(
        !fixed,
        "{} stands for a host that requests name: it has no address or events of its own",
        endpoint.id
    );
    let mut settings = old.settings;
    settings.name = name.unwrap_or(settings.name);
    settings.url = url.unwrap_or(settings.url);
    if !events.is_empty() {
        settings.events = distinct(events)?;
    }
    let settings = with_options(settings, options)?;
    write(&db, &brand, &endpoint.id, old.updated_at, &settings).await?;
    output::data(&format!("{} changed", endpoint.id));
    Ok(())
}

async fn write(
    db: &Database,
    brand: &BrandId,
    id: &str,
    read_at: chrono::DateTime<chrono::Utc>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let update = endpoints::update(db, SystemClock.now(), brand, id, read_at, settings);
    match update.await? {
        Change::Done => Ok(()),
        Change::Missing => bail!(missing(brand, id)),
        Change::Stale => bail!("somebody changed {id} at the same time; try again"),
    }
}

pub(super) async fn enable(endpoint: &args::Endpoint) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    let enabled = endpoints::enable(&db, SystemClock.now(), &brand, &endpoint.id).await?;
    ensure!(enabled, missing(&brand, &endpoint.id));
    output::data(&format!(
        "{} is on; `webhook replay-missing` sends what happened while it was off",
        endpoint.id
    ));
    Ok(())
}

pub(super) async fn disable(endpoint: &args::Endpoint) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    let old = known(&db, &brand, &endpoint.id).await?;
    let settings = Settings {
        is_active: false,
        ..old.settings
    };
    write(&db, &brand, &endpoint.id, old.updated_at, &settings).await?;
    output::data(&format!("{} is off", endpoint.id));
    Ok(())
}

pub(super) async fn remove(endpoint: &args::Endpoint) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    let old = known(&db, &brand, &endpoint.id).await?;
    ensure!(
        !old.is_request_host,
        "{} stands for a host that requests name, and the next such request would make it again; \
         `atelier webhook disable` switches it off",
        endpoint.id
    );
    let removed = endpoints::remove(&db, SystemClock.now(), &brand, &endpoint.id).await?;
    ensure!(removed, missing(&brand, &endpoint.id));
    output::data(&format!("{} removed", endpoint.id));
    Ok(())
}

pub(super) async fn rotate(
    endpoint: &args::SecretOwner,
    kind: Signing,
    overlap_seconds: i64,
    masters: &Masters,
) -> anyhow::Result<()> {
    let (db, brand) = open(&endpoint.whose).await?;
    let webhook = match endpoint.id.as_str() {
        REQUESTS => None,
        id => (!known(&db, &brand, id).await?.is_request_host).then_some(id),
    };
    let owner = Owner {
        brand: &brand,
        webhook,
    };
    let (kind, text, shown) = match kind {
        Signing::Hmac => {
            let text = WebhookSecret::from_bytes(random::bytes()?).to_text();
            (SecretKind::Hmac, text.clone(), json!({ "secret": text }))
        }
        Signing::Ed25519 => {
            let key = WebhookSigningKey::from_seed(random::bytes()?);
            let shown = json!({ "public_key": key.public().to_string() });
            (SecretKind::Ed25519, key.to_text(), shown)
        }
    };
    let overlap = TimeDelta::seconds(overlap_seconds);
    let (now, new) = (SystemClock.now(), new_secret(kind, &text));
    secrets::replace(&db, now, &masters.sealing_keys, owner, &new, overlap)
        .await
        .with_context(|| format!("is there a brand {brand}?"))?;
    output::note(&format!(
        "Shown once. What was there before signs until {}.",
        instant(now + overlap)
    ));
    output::json(&shown)
}
