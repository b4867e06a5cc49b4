//! The fake Stripe, judged by Stripe's official Python client.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::foreign::python_env;
use testkit::{FakeStripe, LineProgram, ManualClock, StripeFault};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/stripe_peer.py");
const SECRET: &str = "whsec_of_the_test";

struct Bench {
    runtime: tokio::runtime::Runtime,
    clock: ManualClock,
    stripe: FakeStripe,
    client: LineProgram,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let clock = ManualClock::default();
        let stripe = runtime
            .block_on(FakeStripe::start(Arc::new(clock.clone())))
            .unwrap();
        let env = python_env("stripe").unwrap();
        let client = LineProgram::start(env.command(PEER)).unwrap();
        let mut bench = Self {
            runtime,
            clock,
            stripe,
            client,
        };
        let url = bench.stripe.base_url();
        assert_eq!(bench.ok(json!({"call": "setup", "url": url})), "16.1.0");
        bench
    }

    fn ask(&mut self, ask: Value) -> Value {
        let answer = self.client.ask(&ask.to_string()).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn ok(&mut self, ask: Value) -> Value {
        let mut answer = self.ask(ask);
        assert!(answer["error"].is_null(), "{answer}");
        answer["ok"].take()
    }

    fn customer(&mut self, key: &str) -> Value {
        let given = json!({"name": "Ada", "metadata": {"brand_id": "b"}});
        self.ask(json!({"call": "customer", "given": given, "key": key}))
    }

    /// A draft invoice of 12.34 EUR; returns its id.
    fn draft(&mut self) -> String {
        let customer = self.customer("c")["ok"]["id"].as_str().unwrap().to_owned();
        let given = json!({
            "customer": customer, "auto_advance": false, "currency": "eur", "days_until_due": 14,
            "collection_method": "send_invoice", "metadata": {"invoice_id": "ours"},
            "pending_invoice_items_behavior": "exclude",
        });
        let invoice = self.ok(json!({"call": "invoice", "given": given, "key": "i"}));
        assert_eq!(
            (&invoice["status"], &invoice["auto_advance"]),
            (&"draft".into(), &false.into())
        );
        let id = invoice["id"].as_str().unwrap().to_owned();
        let given = json!({
            "customer": customer, "invoice": id, "amount": 1234, "currency": "eur", "description": "Ü",
        });
        self.ok(json!({"call": "item", "given": given, "key": "l"}));
        id
    }
}

#[test]
fn the_official_client_makes_an_invoice_and_finds_it_again() {
    let mut bench = Bench::new();
    let id = bench.draft();
    let open = bench.ok(json!({"call": "finalize", "id": id, "key": "f"}));
    assert_eq!(
        (&open["status"], &open["total"]),
        (&"open".into(), &1234.into())
    );
    assert_eq!(
        bench.ok(json!({"call": "retrieve", "id": id}))["status"],
        "open"
    );
    let customer = open["customer"].clone();
    let listed = bench.ok(json!({"call": "list", "given": {"customer": customer, "limit": 100}}));
    assert_eq!(listed, json!([id]));
    let query = "metadata['invoice_id']:'ours'";
    assert_eq!(
        bench.ok(json!({"call": "search", "query": query})),
        json!([id])
    );
    let items = bench.ok(json!({"call": "items", "given": {"invoice": id}}));
    assert_eq!(items.as_array().unwrap().len(), 1);
    let late = bench.ask(json!({"call": "finalize", "id": id, "key": "other"}));
    assert_eq!(
        (&late["error"], &late["status"]),
        (&"InvalidRequestError".into(), &400.into())
    );
}

#[test]
fn a_key_gives_its_first_answer_for_a_day_and_refuses_other_parameters() {
    let mut bench = Bench::new();
    let first = bench.customer("k")["ok"]["id"].clone();
    assert_eq!(bench.customer("k")["ok"]["id"], first);
    let other = json!({"call": "customer", "given": {"name": "Bob"}, "key": "k"});
    assert_eq!(bench.ask(other)["error"], "IdempotencyError");
    assert_eq!(bench.stripe.customers().len(), 1);
    bench.clock.advance(Duration::from_secs(24 * 3600));
    assert_ne!(
        bench.customer("k")["ok"]["id"],
        first,
        "the key was forgotten"
    );
}

#[test]
fn a_500_is_kept_under_its_key_whether_or_not_anything_was_done() {
    let mut bench = Bench::new();
    for (key, fault, made) in [
        ("after", StripeFault::FailAfterCommit, 1),
        ("before", StripeFault::FailBefore, 1),
    ] {
        bench.stripe.arm(fault, 1);
        for _ in 0..2 {
            let broken = bench.customer(key);
            assert_eq!(
                (&broken["error"], &broken["status"]),
                (&"APIError".into(), &500.into())
            );
        }
        assert_eq!(bench.stripe.customers().len(), made, "{key}");
    }
    let replays = bench.stripe.requests();
    assert_eq!(replays.iter().filter(|request| request.replayed).count(), 2);
}

#[test]
fn a_conflict_or_too_many_requests_leave_the_key_free() {
    let mut bench = Bench::new();
    for (fault, status) in [(StripeFault::KeyInUse, 409), (StripeFault::TooMany, 429)] {
        bench.stripe.arm(fault, 1);
        assert_eq!(bench.customer("k")["status"], status);
    }
    assert!(bench.stripe.customers().is_empty());
    assert!(bench.customer("k")["ok"]["id"].is_string());
}

#[test]
fn an_unknown_parameter_is_refused() {
    let mut bench = Bench::new();
    let ask = json!({"call": "customer", "given": {"nmae": "Ada"}});
    assert_eq!(bench.ask(ask)["code"], "parameter_unknown");
}

#[test]
fn the_official_client_believes_the_events_and_no_other_body() {
    let mut bench = Bench::new();
    let id = bench.draft();
    bench.ok(json!({"call": "finalize", "id": id, "key": "f"}));
    assert!(bench.stripe.fail_payment(&id) && bench.stripe.give_up(&id) && bench.stripe.pay(&id));
    assert!(!bench.stripe.void(&id), "paid is the end");
    let events = bench.stripe.events(SECRET);
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let of_the_end = [
        "invoice.finalized",
        "invoice.payment_failed",
        "invoice.marked_uncollectible",
        "invoice.paid",
    ];
    assert!(kinds.ends_with(&of_the_end), "{kinds:?}");
    let paid = events.last().unwrap();
    let ask = |body: &str| json!({"call": "event", "body": body, "signature": paid.signature, "secret": SECRET});
    let believed = bench.ok(ask(&paid.body));
    assert_eq!(believed["id"], paid.id.as_str());
    assert_eq!(
        (&believed["invoice"], &believed["of"]),
        (&id.as_str().into(), &"ours".into())
    );
    let forged = bench.ask(ask(&paid.body.replace("1234", "1")));
    assert_eq!(forged["error"], "SignatureVerificationError");
    drop(bench.runtime);
}
