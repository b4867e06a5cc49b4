//! Events of Stripe's, as a fake Stripe signs and sends them.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use reqwest::Response;
use serde_json::Value;
use testkit::{FakeStripe, Paper, StripeEvent};
use uuid::Uuid;

use crate::world::{BRAND, Options, World, problem};

const SECRET: &str = "whsec_of_the_test";

fn listening() -> Options {
    Options {
        // The older secret is believed as well while it is rolled.
        flags: vec!["--stripe-webhook-secret=whsec_old,whsec_of_the_test"],
        ..Options::default()
    }
}

/// An invoice here, and the same at Stripe, open.
struct Bench {
    world: World,
    stripe: FakeStripe,
    ours: Uuid,
    theirs: String,
}

impl Bench {
    async fn start() -> Self {
        let world = World::start_with(listening()).await;
        let stripe = FakeStripe::start(Arc::new(world.clock.clone()))
            .await
            .unwrap();
        let ours = Uuid::new_v4();
        let rows = Paper::numbered(1)
            .issue_sql(ours, BRAND, world.clock.now())
            .unwrap();
        world.sql.batch_execute(&rows).await.unwrap();
        let ask = async |path: &str, form: String| -> Value {
            let request = world
                .client
                .post(format!("{}/v1/{path}", stripe.base_url()));
            let request = request.bearer_auth("sk_test").body(form);
            request.send().await.unwrap().json().await.unwrap()
        };
        let customer = ask("customers", "name=A&metadata[brand_id]=brand_a".to_owned()).await;
        let customer = customer["id"].as_str().unwrap().to_owned();
        let invoice = format!("customer={customer}&currency=eur&metadata[invoice_id]={ours}");
        let invoice = ask("invoices", invoice).await;
        let theirs = invoice["id"].as_str().unwrap().to_owned();
        // 29.75 EUR and 20 % VAT.
        let item = format!("customer={customer}&invoice={theirs}&currency=eur&amount=3570");
        ask("invoiceitems", item).await;
        ask(&format!("invoices/{theirs}/finalize"), String::new()).await;
        Self {
            world,
            stripe,
            ours,
            theirs,
        }
    }

    async fn send(&self, event: &StripeEvent) -> Response {
        let request = self.world.client.post(self.world.url("/v1/stripe/webhook"));
        let request = request.header("stripe-signature", &event.signature);
        request.body(event.body.clone()).send().await.unwrap()
    }

    /// Sends every event so far, in the order that `arrange` gives, each twice.
    async fn send_all(&self, arrange: impl FnOnce(&mut Vec<StripeEvent>)) {
        let mut events = self.stripe.events(SECRET);
        arrange(&mut events);
        for event in events.iter().flat_map(|event| [event, event]) {
            assert_eq!(self.send(event).await.status(), 204, "{}", event.kind);
        }
    }

    async fn text(&self, sql: &str) -> String {
        self.world.sql.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn state(&self) -> String {
        self.text("SELECT state FROM atelier.invoice").await
    }

    async fn effects(&self) -> String {
        let sql =
            "SELECT COALESCE(string_agg(effect, ' ' ORDER BY effect), '') FROM atelier.stripe_event
            WHERE effect NOT IN ('nothing', 'foreign')";
        self.text(sql).await
    }

    async fn paid_minor(&self) -> i64 {
        let sql = "SELECT COALESCE(sum(amount_minor), 0)::bigint FROM atelier.payment";
        self.world.sql.query_one(sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_booked_once_however_often_and_in_whatever_order_events_come() {
    let bench = Bench::start().await;
    assert!(bench.stripe.fail_payment(&bench.theirs));
    assert!(bench.stripe.give_up(&bench.theirs) && bench.stripe.pay(&bench.theirs));
    bench.send_all(|events| events.reverse()).await;
    assert_eq!(
        (bench.state().await.as_str(), bench.paid_minor().await),
        ("paid", 3_570)
    );
    assert_eq!(bench.effects().await, "paid payment_failed");
    bench.send_all(|_| ()).await;
    assert_eq!(
        (bench.state().await.as_str(), bench.paid_minor().await),
        ("paid", 3_570)
    );
    let known = bench
        .text("SELECT stripe_invoice_id FROM atelier.invoice")
        .await;
    assert_eq!(
        known, bench.theirs,
        "the event was quicker than the answer to the request"
    );
    let public = bench
        .text(&format!(
            r#"SELECT status FROM "Invoice" WHERE id = '{}'"#,
            bench.ours
        ))
        .await;
    assert_eq!(public, "paid");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_up_comes_before_paid_and_never_after_it() {
    let bench = Bench::start().await;
    assert!(bench.stripe.give_up(&bench.theirs));
    bench.send_all(|_| ()).await;
    assert_eq!(bench.state().await, "uncollectible");
    assert!(bench.stripe.pay(&bench.theirs));
    bench.send_all(|events| events.rotate_left(3)).await;
    assert_eq!(
        (bench.state().await.as_str(), bench.paid_minor().await),
        ("paid", 3_570)
    );
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_an_invoice_that_was_paid_by_transfer_is_booked_and_told_as_too_much() {
    let bench = Bench::start().await;
    let payment = store::invoices::Payment {
        invoice: bench.ours.to_string(),
        amount_minor: 3_570,
        method: "transfer".to_owned(),
        reference: "bank:1".to_owned(),
        received_at: bench.world.clock.now(),
    };
    let now = bench.world.clock.now();
    store::invoices::pay(&bench.world.store, now, &payment, "test")
        .await
        .unwrap();
    assert!(bench.stripe.pay(&bench.theirs));
    bench.send_all(|_| ()).await;
    assert_eq!(
        (bench.effects().await.as_str(), bench.paid_minor().await),
        ("overpaid", 7_140)
    );
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_voided_at_stripe_alone_stays_as_it_was_issued() {
    let bench = Bench::start().await;
    assert!(bench.stripe.void(&bench.theirs));
    bench.send_all(|_| ()).await;
    assert_eq!(
        (bench.state().await.as_str(), bench.effects().await.as_str()),
        ("open", "voided")
    );
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_stripe_signed_lately_is_believed() {
    let bench = Bench::start().await;
    assert!(bench.stripe.pay(&bench.theirs));
    let paid = bench.stripe.events(SECRET).pop().unwrap();
    let forged = StripeEvent {
        body: paid.body.replace("3570", "1"),
        ..paid.clone()
    };
    let unsigned = StripeEvent {
        signature: String::new(),
        ..paid.clone()
    };
    let stranger = bench.stripe.events("whsec_other").pop().unwrap();
    for event in [&forged, &unsigned, &stranger] {
        problem(bench.send(event).await, 400, "invalid_signature").await;
    }
    bench.world.clock.advance(Duration::from_secs(301));
    problem(bench.send(&paid).await, 400, "invalid_signature").await;
    assert_eq!(bench.world.count("atelier.stripe_event").await, 0);
    // Signed anew, as Stripe signs each delivery, and under the secret that is on its way out.
    let anew = bench.stripe.events("whsec_old").pop().unwrap();
    assert_eq!(bench.send(&anew).await.status(), 204);
    assert_eq!(bench.state().await, "paid");
    let strange = domain::stripe_signature::sign(SECRET, bench.world.clock.now(), b"[]");
    let strange = StripeEvent {
        body: "[]".to_owned(),
        signature: strange,
        ..anew
    };
    assert_eq!(
        bench.send(&strange).await.status(),
        204,
        "a repeat would be the same"
    );
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_the_address_does_not_exist() {
    let world = World::start().await;
    let request = world.client.post(world.url("/v1/stripe/webhook"));
    problem(
        request.body("{}").send().await.unwrap(),
        404,
        "unknown_route",
    )
    .await;
    world.stop().await;
}
