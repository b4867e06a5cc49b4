//! The duty `stripe` against a fake Stripe that does what a real one may do.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use scheduler::{Duty, DutyError, SchedulerArgs, Stripe, StripeClient};
use serde_json::Value;
use testkit::{FakeStripe, Paper, StripeFault};
use uuid::Uuid;

use crate::world::World;

/// The duty, as settings make it, with a limit of one second for a request.
fn duty(world: &World, stripe: &FakeStripe) -> Stripe {
    let url = stripe.base_url();
    let given = [
        "scheduler",
        "--database-url=postgres://x",
        "--stripe-secret-key=sk_test_1",
        "--stripe-timeout-ms=1000",
        &format!("--stripe-base-url={url}"),
    ];
    let args = SchedulerArgs::try_parse_from(given).unwrap();
    let client = StripeClient::new(&args.stripe).unwrap().unwrap();
    let (db, clock) = (world.db.clone(), world.shared_clock());
    Stripe::new(db, client, clock, world.counted.clone())
}

async fn start(world: &World) -> FakeStripe {
    FakeStripe::start(Arc::new(world.clock.clone()))
        .await
        .unwrap()
}

/// Runs the duty, an hour later each time, until every step is done or stuck.
async fn until_done(world: &World, duty: &mut Stripe) {
    for _ in 0..200 {
        world.run(duty).await;
        if world.number(WAITING).await == 0 {
            return;
        }
        world.advance(3_600);
    }
    panic!("steps still wait");
}

const WAITING: &str = "SELECT count(*) FROM atelier.stripe_op WHERE state = 'waiting'";
const STUCK: &str = "SELECT count(*) FROM atelier.stripe_op WHERE state = 'stuck'";

/// Every invoice of ours is at Stripe once, open, with its number and to the cent, and both know each other.
async fn each_once(world: &World, stripe: &FakeStripe, invoices: &[Uuid]) {
    let there = stripe.invoices();
    assert_eq!(there.len(), invoices.len(), "{there:#?}");
    assert_eq!(stripe.customers().len(), 1);
    for id in invoices {
        let named = |one: &&Value| one["metadata"]["invoice_id"] == id.to_string();
        let found: Vec<&Value> = there.iter().filter(named).collect();
        let [invoice] = found[..] else {
            panic!("{id}: {found:?}")
        };
        let row =
            "SELECT number_text, total_minor, stripe_invoice_id FROM atelier.invoice WHERE id = $1";
        let row = world.sql.query_one(row, &[id]).await.unwrap();
        let (number, total, stripe_id): (String, i64, Option<String>) =
            (row.get(0), row.get(1), row.get(2));
        assert_eq!(invoice["status"], "open", "{invoice}");
        assert_eq!(
            (&invoice["number"], &invoice["total"]),
            (&number.into(), &total.into())
        );
        assert_eq!(stripe_id.as_deref(), invoice["id"].as_str());
        let public = r#"SELECT "stripeInvoiceId" FROM "Invoice" WHERE id = $1"#;
        let public: String = world
            .sql
            .query_one(public, &[&id.to_string()])
            .await
            .unwrap()
            .get(0);
        assert_eq!(public, invoice["id"].as_str().unwrap());
    }
    // Two lines and the VAT.
    assert_eq!(stripe.items().len(), invoices.len() * 3);
}

#[tokio::test]
async fn issued_invoices_stand_open_at_stripe_with_their_numbers_and_to_the_cent() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let invoices = [world.issue(1).await, world.issue(2).await];
    let mut duty = duty(&world, &stripe);
    until_done(&world, &mut duty).await;
    each_once(&world, &stripe, &invoices).await;
    let before = stripe.requests().len();
    let again = world.run(&mut duty).await;
    assert_eq!((again.changed, stripe.requests().len()), (0, before));
    assert!(
        stripe
            .requests()
            .iter()
            .all(|request| request.method != "POST" || request.key.is_some())
    );
}

#[tokio::test]
async fn a_500_after_every_commit_leaves_exactly_one_of_each() {
    let world = World::new().await;
    let stripe = start(&world).await;
    stripe.arm(StripeFault::FailAfterCommit, 1_000);
    let invoices = [
        world.issue(1).await,
        world.issue(2).await,
        world.issue(3).await,
    ];
    until_done(&world, &mut duty(&world, &stripe)).await;
    each_once(&world, &stripe, &invoices).await;
    assert_eq!(world.number(STUCK).await, 0);
}

#[tokio::test]
async fn a_500_that_did_nothing_is_repeated_once_its_key_is_forgotten() {
    let world = World::new().await;
    let stripe = start(&world).await;
    stripe.arm(StripeFault::FailBefore, 1);
    let invoices = [world.issue(1).await];
    let mut duty = duty(&world, &stripe);
    let began = world.now();
    until_done(&world, &mut duty).await;
    assert!(
        world.now() - began >= chrono::TimeDelta::hours(24),
        "{}",
        world.now() - began
    );
    each_once(&world, &stripe, &invoices).await;
}

#[tokio::test]
async fn conflicts_and_too_many_requests_are_waited_for() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let invoices = [world.issue(1).await];
    for _ in 0..5 {
        stripe.arm(StripeFault::KeyInUse, 1);
        stripe.arm(StripeFault::TooMany, 1);
    }
    until_done(&world, &mut duty(&world, &stripe)).await;
    each_once(&world, &stripe, &invoices).await;
}

#[tokio::test]
async fn answers_that_come_too_late_are_asked_for_under_the_same_key() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let invoices = [world.issue(1).await];
    // Later than the limit of a request: each is carried out, and its answer is never heard the first time.
    stripe.arm(StripeFault::Slow(Duration::from_millis(1_300)), 3);
    let mut duty = duty(&world, &stripe);
    until_done(&world, &mut duty).await;
    each_once(&world, &stripe, &invoices).await;
    let keys: Vec<_> = stripe
        .requests()
        .into_iter()
        .filter_map(|one| one.key)
        .collect();
    let again = |key: &String| keys.iter().filter(|one| *one == key).count() > 1;
    assert!(keys.iter().any(again), "{keys:?}");
}

#[tokio::test]
async fn a_scheduler_that_dies_at_any_request_leaves_what_another_finishes() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let invoices = [world.issue(1).await, world.issue(2).await];
    // Each request is answered late, and whoever asks is gone by then: it dies between request and row.
    let mut died = 0;
    for _ in 0..60 {
        stripe.arm(StripeFault::Slow(Duration::from_millis(300)), 1);
        let mut one = duty(&world, &stripe);
        let run = tokio::time::timeout(Duration::from_millis(150), Box::pin(one.run())).await;
        died += usize::from(run.is_err());
        // Its leases run out.
        let lapse = "UPDATE atelier.stripe_op SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL";
        world.sql.batch_execute(lapse).await.unwrap();
        world.advance(60);
        if run.is_ok() && world.number(WAITING).await == 0 {
            break;
        }
        stripe.disarm();
    }
    assert!(died > 2, "{died}");
    until_done(&world, &mut duty(&world, &stripe)).await;
    each_once(&world, &stripe, &invoices).await;
}

#[tokio::test]
async fn two_schedulers_at_once_make_one_of_each() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let mut invoices = Vec::new();
    for number in 1..=10 {
        invoices.push(world.issue(number).await);
    }
    let (mut first, mut second) = (duty(&world, &stripe), duty(&world, &stripe));
    let (a, b) = tokio::join!(Box::pin(first.run()), Box::pin(second.run()));
    a.unwrap();
    b.unwrap();
    until_done(&world, &mut first).await;
    each_once(&world, &stripe, &invoices).await;
}

#[tokio::test]
async fn what_stripe_refuses_waits_for_a_person_and_goes_on_when_it_is_released() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let invoice = world.issue(1).await;
    let mut duty = duty(&world, &stripe);
    // A parameter that Stripe does not know.
    let strange = "UPDATE atelier.stripe_op SET parameters = parameters || '{\"colour\": \"blue\"}' WHERE kind = 'finalize'";
    store::stripe::enqueue(&world.db, world.now(), 10)
        .await
        .unwrap();
    world.sql.batch_execute(strange).await.unwrap();
    until_done(&world, &mut duty).await;
    let stuck = store::stripe::stuck(&world.db, 10).await.unwrap();
    assert_eq!(stuck.len(), 1);
    let error = stuck[0].error.clone().unwrap();
    assert!(error.contains("colour"), "{error}");
    assert_eq!(stripe.invoices()[0]["status"], "draft");
    // A person finalises it at Stripe and lets the step look again.
    let stripe_id = stripe.invoices()[0]["id"].as_str().unwrap().to_owned();
    assert!(stripe.finalize(&stripe_id));
    assert!(
        store::stripe::release(&world.db, world.now(), &stuck[0].key)
            .await
            .unwrap()
    );
    assert!(
        !store::stripe::release(&world.db, world.now(), &stuck[0].key)
            .await
            .unwrap()
    );
    until_done(&world, &mut duty).await;
    assert_eq!(world.number(STUCK).await, 0);
    each_once(&world, &stripe, &[invoice]).await;
}

#[tokio::test]
async fn an_invoice_paid_or_voided_here_is_so_there() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let (paid, void) = (world.issue(1).await, world.issue(2).await);
    let mut duty = duty(&world, &stripe);
    until_done(&world, &mut duty).await;
    let change = "UPDATE atelier.invoice SET state = 'paid', paid_at = now() WHERE id = $1";
    world.sql.execute(change, &[&paid]).await.unwrap();
    let change = "UPDATE atelier.invoice SET state = 'void', voided_at = now() WHERE id = $1";
    world.sql.execute(change, &[&void]).await.unwrap();
    stripe.arm(StripeFault::FailAfterCommit, 2);
    until_done(&world, &mut duty).await;
    let status = |ours: Uuid| {
        let there = stripe.invoices();
        let mut there = there.into_iter();
        let found = there.find(|one| one["metadata"]["invoice_id"] == ours.to_string());
        found.unwrap()
    };
    assert_eq!(
        (&status(paid)["status"], &status(paid)["paid_out_of_band"]),
        (&"paid".into(), &true.into())
    );
    assert_eq!(status(void)["status"], "void");
    assert_eq!(world.number(STUCK).await, 0);
}

#[tokio::test]
async fn a_key_that_stripe_refuses_fails_the_duty_and_loses_no_step() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let invoices = [world.issue(1).await];
    let args = SchedulerArgs::try_parse_from([
        "scheduler",
        "--database-url=postgres://x",
        "--stripe-secret-key=revoked",
        &format!("--stripe-base-url={}", stripe.base_url()),
    ])
    .unwrap();
    let client = StripeClient::new(&args.stripe).unwrap().unwrap();
    let (db, clock) = (world.db.clone(), world.shared_clock());
    let mut refused = Stripe::new(db, client, clock, world.counted.clone());
    let error = Box::pin(refused.run()).await.unwrap_err();
    assert!(matches!(error, DutyError::Stripe(_)), "{error}");
    assert!(!format!("{error:?} {error}").contains("revoked"));
    world.advance(60);
    until_done(&world, &mut duty(&world, &stripe)).await;
    each_once(&world, &stripe, &invoices).await;
}

#[tokio::test]
async fn a_buyer_without_a_mail_address_waits_and_is_counted() {
    let world = World::new().await;
    let stripe = start(&world).await;
    let nobody = Paper {
        email: None,
        ..Paper::numbered(1)
    };
    world.issue_as(&nobody).await;
    let mut duty = duty(&world, &stripe);
    world.run(&mut duty).await;
    assert!(stripe.requests().is_empty());
    assert_eq!(world.counted.stripe_without_address.get(), 1);
    let known = r#"UPDATE "Brand" SET "stripeCustomerId" = 'cus_elsewhere'"#;
    world.sql.batch_execute(known).await.unwrap();
    world.run(&mut duty).await;
    // The customer is none of this Stripe's, which it says.
    assert_eq!(world.number(STUCK).await, 1);
}

#[test]
fn without_a_key_there_is_no_client_and_a_wrong_address_is_named() {
    let parse = |more: &[&str]| {
        let base = ["scheduler", "--database-url=postgres://x"];
        SchedulerArgs::try_parse_from([&base, more].concat())
            .unwrap()
            .stripe
    };
    assert!(StripeClient::new(&parse(&[])).unwrap().is_none());
    let wrong = ["--stripe-secret-key=sk_secret", "--stripe-base-url=stripe"];
    let error = StripeClient::new(&parse(&wrong)).map(drop).unwrap_err();
    assert!(error.to_string().contains("--stripe-base-url"), "{error}");
    assert!(!format!("{error:?}").contains("sk_secret"));
}
