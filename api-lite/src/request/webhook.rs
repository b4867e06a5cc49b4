//! The bodies about webhooks.

use chrono::{DateTime, Utc};
use domain::address::AllowList;
use domain::webhook_endpoint::{
    DEFAULT_IN_FLIGHT, DEFAULT_OVERLAP_SECONDS, DEFAULT_TIMEOUT_MS, IN_FLIGHT,
    MAX_ENDPOINT_NAME_BYTES, MAX_ENDPOINT_URL_BYTES, OVERLAP_SECONDS, PayloadFormat, RATE_PER_S,
    TIMEOUT_MS, WebhookHeaders, WebhookHeadersFault,
};
use domain::{EventKind, FieldError, Target, TargetFault};
use serde_json::Value;
use store::webhooks::bulk::Kind as RepairKind;
use store::webhooks::endpoints::{Endpoint, Settings};
use store::webhooks::secrets::SecretKind;

use super::fields::{Fields, pointer};
use crate::problem::Problem;

const SETTINGS: &[&str] = &[
    "name",
    "url",
    "events",
    "payload_format",
    "headers",
    "max_in_flight",
    "rate_per_s",
    "ordered",
    "timeout_ms",
];

/// States that a replay can look for: what is pending is sent anyway.
const STATUSES: [&str; 3] = ["delivered", "exhausted", "skipped"];

/// An endpoint that somebody wants.
#[derive(Debug)]
pub(crate) struct NewWebhook {
    pub(crate) settings: Settings,
    /// Whether it signs with a key of its own besides.
    pub(crate) ed25519: bool,
}

/// Reads the body of `POST /v1/webhooks`.
///
/// # Errors
/// Every fault at once.
pub(crate) fn parse_webhook(body: Value, allowed: &AllowList) -> Result<NewWebhook, Problem> {
    let mut fields = Fields::of(body);
    for (name, detail) in [
        ("name", "a name for people"),
        ("url", "where to send to"),
        ("events", "what to tell it"),
    ] {
        fields.require(name, detail);
    }
    let blank = Settings {
        name: String::new(),
        url: String::new(),
        events: Vec::new(),
        format: PayloadFormat::Standard,
        headers: WebhookHeaders::default(),
        max_in_flight: DEFAULT_IN_FLIGHT,
        rate_per_s: None,
        ordered: false,
        timeout_ms: DEFAULT_TIMEOUT_MS,
        is_active: true,
    };
    let ed25519 = fields.flag("ed25519").unwrap_or(false);
    let settings = settings(&mut fields, blank, allowed);
    let known: Vec<&str> = SETTINGS.iter().copied().chain(["ed25519"]).collect();
    finish(fields, &known)?;
    Ok(NewWebhook { settings, ed25519 })
}

/// Reads the body of `PATCH /v1/webhooks/{id}`: the endpoint's settings with what is to change. `null`
/// brings a setting back to its default.
///
/// # Errors
/// Every fault at once.
pub(crate) fn parse_webhook_change(
    body: Value,
    endpoint: &Endpoint,
    allowed: &AllowList,
) -> Result<Settings, Problem> {
    let mut fields = Fields::of(body);
    if endpoint.is_request_host {
        for name in ["url", "events"] {
            if fields.take(name).is_some() {
                let detail = "this endpoint stands for a host that requests name";
                fields.fault(name, "fixed", detail);
            }
        }
    }
    let mut old = endpoint.settings.clone();
    if fields.is_null("payload_format") {
        old.format = PayloadFormat::Standard;
    }
    if fields.is_null("headers") {
        old.headers = WebhookHeaders::default();
    }
    if fields.is_null("max_in_flight") {
        old.max_in_flight = DEFAULT_IN_FLIGHT;
    }
    if fields.is_null("rate_per_s") {
        old.rate_per_s = None;
    }
    if fields.is_null("ordered") {
        old.ordered = false;
    }
    if fields.is_null("timeout_ms") {
        old.timeout_ms = DEFAULT_TIMEOUT_MS;
    }
    let settings = settings(&mut fields, old, allowed);
    finish(fields, SETTINGS)?;
    Ok(settings)
}

fn finish(fields: Fields, known: &[&str]) -> Result<(), Problem> {
    let faults = fields.finish(known);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Problem::invalid(faults)),
    }
}

/// What is given, in the place of what was there.
fn settings(fields: &mut Fields, old: Settings, allowed: &AllowList) -> Settings {
    let narrow = |number: i64| i16::try_from(number).ok();
    let in_flight = fields.integer("max_in_flight", *IN_FLIGHT.start(), *IN_FLIGHT.end());
    let timeout_ms = fields.integer("timeout_ms", *TIMEOUT_MS.start(), *TIMEOUT_MS.end());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rate within bounds; the table keeps seven digits of it"
    )]
    let rate = fields
        .number("rate_per_s", &RATE_PER_S)
        .map(|rate| rate as f32);
    Settings {
        name: fields
            .token("name", MAX_ENDPOINT_NAME_BYTES)
            .unwrap_or(old.name),
        url: webhook_url(fields, "url", allowed).unwrap_or(old.url),
        events: events(fields).unwrap_or(old.events),
        format: fields
            .word("payload_format", "standard, thin or origin", |word| {
                word.parse().ok()
            })
            .unwrap_or(old.format),
        headers: headers(fields).unwrap_or(old.headers),
        max_in_flight: in_flight.and_then(narrow).unwrap_or(old.max_in_flight),
        rate_per_s: rate.or(old.rate_per_s),
        ordered: fields.flag("ordered").unwrap_or(old.ordered),
        timeout_ms: timeout_ms
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or(old.timeout_ms),
        is_active: old.is_active,
    }
}

/// An address that webhooks may be sent to, as far as that can be told without asking for its name.
pub(super) fn webhook_url(fields: &mut Fields, name: &str, allowed: &AllowList) -> Option<String> {
    let text = fields.token(name, MAX_ENDPOINT_URL_BYTES)?;
    match Target::parse(&text, allowed) {
        Ok(_) => Some(text),
        Err(fault) => {
            let expected = match (&fault, allowed.is_empty()) {
                (TargetFault::InvalidUrl(_), _) => "an address such as https://shop.example/hook",
                (TargetFault::Credentials, _) => "use a header of the endpoint instead",
                (_, true) => "https on port 443 and a public address are expected",
                (_, false) => {
                    "https on port 443 and a public address are expected, or a network that the operator lists"
                }
            };
            fields.fault(name, fault.code(), format!("{fault}; {expected}"));
            None
        }
    }
}

/// The event of a `type`; a test cannot be subscribed to.
pub(crate) fn event_of(word: &str) -> Option<EventKind> {
    let kinds = EventKind::ALL.into_iter();
    kinds
        .filter(|kind| kind.is_subscribable())
        .find(|kind| kind.type_name() == word)
}

/// The types of all events that can be subscribed to, for a message.
pub(crate) fn event_names() -> String {
    let kinds = EventKind::ALL.into_iter();
    let names = kinds
        .filter(|kind| kind.is_subscribable())
        .map(EventKind::type_name);
    let names: Vec<&str> = names.collect();
    format!("one of {}", names.join(", "))
}

fn events(fields: &mut Fields) -> Option<Vec<EventKind>> {
    let faults = fields.faults.len();
    let events = fields.words("events", &event_names(), event_of)?;
    if events.is_empty() && fields.faults.len() == faults {
        fields.fault("events", "required", "at least one is needed");
    }
    Some(events)
}

fn headers(fields: &mut Fields) -> Option<WebhookHeaders> {
    let given = fields.texts("headers")?;
    let fault = match WebhookHeaders::new(given.clone()) {
        Ok(headers) => return Some(headers),
        Err(fault) => fault,
    };
    let (name, code) = match &fault {
        WebhookHeadersFault::TooMany => (None, "too_many"),
        WebhookHeadersFault::Name(name) => (Some(name), "malformed"),
        WebhookHeadersFault::Twice(name) => (Some(name), "duplicate"),
        WebhookHeadersFault::Reserved(name) => (Some(name), "reserved"),
        WebhookHeadersFault::Value(name) => (Some(name), "out_of_range"),
    };
    // The fault has the name in small letters, the pointer must have it as it was sent.
    let sent = |name: &String| {
        given
            .iter()
            .find(|(sent, _)| sent.eq_ignore_ascii_case(name))
    };
    let name = name.map(|name| sent(name).map_or(name.as_str(), |(sent, _)| sent));
    let at = name.map_or(pointer("headers"), |name| {
        format!("{}{}", pointer("headers"), pointer(name))
    });
    fields
        .faults
        .push(FieldError::new(at, code, fault.to_string()));
    None
}

/// A secret that is to be replaced.
#[derive(Debug)]
pub(crate) struct Rotation {
    pub(crate) kind: SecretKind,
    /// How long the one before it goes on signing.
    pub(crate) overlap_seconds: i64,
}

/// Reads the body of `POST /v1/webhooks/{id}/rotate`; all of it may be left out.
///
/// # Errors
/// Every fault at once.
pub(crate) fn parse_rotation(body: Value) -> Result<Rotation, Problem> {
    let mut fields = Fields::of(body);
    let (low, high) = (*OVERLAP_SECONDS.start(), *OVERLAP_SECONDS.end());
    let rotation = Rotation {
        kind: fields
            .word("kind", "hmac or ed25519", |word| match word {
                "hmac" => Some(SecretKind::Hmac),
                "ed25519" => Some(SecretKind::Ed25519),
                _ => None,
            })
            .unwrap_or(SecretKind::Hmac),
        overlap_seconds: fields
            .integer("overlap_seconds", low, high)
            .unwrap_or(DEFAULT_OVERLAP_SECONDS),
    };
    finish(fields, &["kind", "overlap_seconds"])?;
    Ok(rotation)
}

/// A repair that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repair {
    pub(crate) since: DateTime<Utc>,
    /// Until now where nothing else is said.
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) events: Vec<String>,
    pub(crate) statuses: Vec<String>,
}

/// Reads the body of `POST /v1/webhooks/{id}/recover`, `…/replay` and `…/replay-missing`.
///
/// # Errors
/// Every fault at once.
pub(crate) fn parse_repair(
    body: Value,
    kind: RepairKind,
    now: DateTime<Utc>,
) -> Result<Repair, Problem> {
    let mut fields = Fields::of(body);
    fields.require("since", "from which moment on");
    let mut known = vec!["since", "until", "events"];
    let since = fields.instant("since");
    let until = fields.instant("until").map(|until| until.min(now));
    match (since, until.unwrap_or(now)) {
        (Some(since), _) if since >= now => {
            fields.fault("since", "not_in_past", "a moment that is over is expected");
        }
        (Some(since), until) if since >= until => {
            fields.fault("until", "out_of_range", "it must lie after `since`");
        }
        _ => {}
    }
    let events = fields.words("events", &event_names(), event_of);
    let statuses = match kind {
        RepairKind::Replay => {
            known.push("statuses");
            let expected = "delivered, exhausted or skipped";
            fields.words("statuses", expected, |word| {
                STATUSES.into_iter().find(|known| *known == word)
            })
        }
        RepairKind::Recover | RepairKind::ReplayMissing => None,
    };
    finish(fields, &known)?;
    let names = events.into_iter().flatten().map(EventKind::type_name);
    Ok(Repair {
        since: since.unwrap_or(now),
        until,
        events: names.map(str::to_owned).collect(),
        statuses: statuses.into_iter().flatten().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn good() -> Value {
        json!({
            "name": "Orders", "url": "https://shop.example/hook",
            "events": ["generation.completed", "quota.threshold"],
        })
    }

    fn faults(problem: &Problem) -> Vec<(String, String)> {
        let faults = problem.faults().iter();
        faults
            .map(|fault| (fault.pointer.clone(), fault.code.to_owned()))
            .collect()
    }

    #[test]
    fn what_is_not_said_has_the_documented_default() {
        let NewWebhook { settings, ed25519 } =
            parse_webhook(good(), &AllowList::default()).unwrap();
        let expected = Settings {
            name: "Orders".to_owned(),
            url: "https://shop.example/hook".to_owned(),
            events: vec![EventKind::GenerationCompleted, EventKind::QuotaThreshold],
            format: PayloadFormat::Standard,
            headers: WebhookHeaders::default(),
            max_in_flight: 4,
            rate_per_s: None,
            ordered: false,
            timeout_ms: 15_000,
            is_active: true,
        };
        assert_eq!((settings, ed25519), (expected, false));
    }

    #[test]
    fn every_fault_of_an_endpoint_is_reported_at_once() {
        let body = json!({
            "name": "", "url": "http://shop.example", "payload_format": "full",
            "events": ["generation.completed", "webhook.test", "generation.completed", 7],
            "headers": {"Host": "x"}, "max_in_flight": 65, "rate_per_s": 0, "ordered": 1,
            "timeout_ms": 999, "ed25519": "yes", "secret": "mine",
        });
        let problem = parse_webhook(body, &AllowList::default()).unwrap_err();
        let found = faults(&problem);
        for (pointer, code) in [
            ("/name", "out_of_range"),
            ("/url", "scheme"),
            ("/events/1", "unknown_word"),
            ("/events/2", "duplicate"),
            ("/events/3", "unknown_word"),
            ("/payload_format", "unknown_word"),
            ("/headers/Host", "reserved"),
            ("/max_in_flight", "out_of_range"),
            ("/rate_per_s", "out_of_range"),
            ("/ordered", "wrong_type"),
            ("/timeout_ms", "out_of_range"),
            ("/ed25519", "wrong_type"),
            ("/secret", "unknown_field"),
        ] {
            let fault = (pointer.to_owned(), code.to_owned());
            assert!(found.contains(&fault), "{pointer} {code} in {found:?}");
        }
        assert_eq!(found.len(), 13, "{found:?}");
        let nothing = parse_webhook(json!({}), &AllowList::default()).unwrap_err();
        let required =
            ["/name", "/url", "/events"].map(|at| (at.to_owned(), "required".to_owned()));
        assert_eq!(faults(&nothing), required);
        let none = json!({"name": "n", "url": "https://x.example", "events": []});
        let none = parse_webhook(none, &AllowList::default()).unwrap_err();
        assert_eq!(
            faults(&none),
            [("/events".to_owned(), "required".to_owned())]
        );
    }

    #[test]
    fn an_address_inside_is_refused_until_the_operator_lists_its_network() {
        let with = |url: &str, allowed: &AllowList| {
            let mut body = good();
            body["url"] = url.into();
            parse_webhook(body, allowed).map_err(|problem| faults(&problem)[0].1.clone())
        };
        let none = AllowList::default();
        let loopback = AllowList::new(vec!["127.0.0.0/8".parse().unwrap()]);
        for (url, code) in [
            ("http://127.0.0.1:8000/", "scheme"),
            ("https://127.0.0.1/", "address"),
            ("https://[::ffff:127.0.0.1]/", "address"),
            ("https://169.254.169.254/latest", "address"),
            ("https://shop.example:8443/", "port"),
            ("https://a:b@shop.example/", "credentials"),
            ("shop.example", "invalid_url"),
        ] {
            assert_eq!(with(url, &none).unwrap_err(), code, "{url}");
        }
        assert!(with("http://127.0.0.1:8000/", &loopback).is_ok());
        assert_eq!(with("https://10.0.0.1/", &loopback).unwrap_err(), "address");
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name_and_null_takes_back() {
        let mut settings = parse_webhook(good(), &AllowList::default())
            .unwrap()
            .settings;
        settings.rate_per_s = Some(5.0);
        settings.is_active = false;
        let endpoint = |is_request_host| Endpoint {
            id: "wh_1".to_owned(),
            brand: "b".into(),
            is_request_host,
            settings: settings.clone(),
            disabled_reason: None,
            disabled_at: None,
            failing_since: None,
            last_called_at: None,
            last_status_code: None,
            failure_count: 0,
            created_at: now(),
            updated_at: now(),
        };
        let change =
            |body, of: bool| parse_webhook_change(body, &endpoint(of), &AllowList::default());
        assert_eq!(change(json!({}), false).unwrap(), settings);
        let changed = change(json!({"name": "New", "rate_per_s": null}), false).unwrap();
        let expected = Settings {
            name: "New".to_owned(),
            rate_per_s: None,
            ..settings.clone()
        };
        assert_eq!(changed, expected);
        let problem = change(
            json!({"url": "https://x.example", "max_in_flight": 1}),
            true,
        );
        let fixed = [("/url".to_owned(), "fixed".to_owned())];
        assert_eq!(faults(&problem.unwrap_err()), fixed);
    }

    #[test]
    fn a_repair_looks_back_and_not_ahead() {
        let at = "2027-01-01T00:00:00Z";
        let parse = |body, kind| parse_repair(body, kind, now());
        let repair = parse(json!({"since": at}), RepairKind::Recover).unwrap();
        assert_eq!((repair.until, repair.events.len()), (None, 0));
        let ahead = json!({"since": at, "until": "2030-01-01T00:00:00Z"});
        let repair = parse(ahead, RepairKind::ReplayMissing).unwrap();
        assert_eq!(repair.until, Some(now()));
        let full = json!({"since": at, "events": ["ar.view"], "statuses": ["exhausted"]});
        assert!(parse(full.clone(), RepairKind::Replay).is_ok());
        let unknown = parse(full, RepairKind::Recover).unwrap_err();
        assert_eq!(faults(&unknown)[0].1, "unknown_field");
        for (body, pointer) in [
            (json!({}), "/since"),
            (json!({"since": "2030-01-01T00:00:00Z"}), "/since"),
            (json!({"since": at, "until": at}), "/until"),
            (json!({"since": at, "statuses": ["pending"]}), "/statuses/0"),
        ] {
            let problem = parse(body.clone(), RepairKind::Replay).unwrap_err();
            assert_eq!(faults(&problem)[0].0, pointer, "{body}");
        }
    }

    #[test]
    fn a_rotation_overlaps_by_a_day_unless_told_otherwise() {
        let rotation = parse_rotation(json!({})).unwrap();
        assert_eq!(
            (rotation.kind, rotation.overlap_seconds),
            (SecretKind::Hmac, 86_400)
        );
        let rotation = parse_rotation(json!({"kind": "ed25519", "overlap_seconds": 0})).unwrap();
        assert_eq!(
            (rotation.kind, rotation.overlap_seconds),
            (SecretKind::Ed25519, 0)
        );
        for bad in [
            json!({"overlap_seconds": 604_801}),
            json!({"overlap_seconds": -1}),
            json!({"kind": "rsa"}),
            json!({"secret": "mine"}),
            json!([]),
        ] {
            assert!(parse_rotation(bad.clone()).is_err(), "{bad}");
        }
    }
}
