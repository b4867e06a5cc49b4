//! The life of a subscription: trials, dunning, payment, and the older platform's own writes.

use domain::Plan;
use store::intake::Refusal;
use store::invoices::{self, Payment};
use store::subscriptions::{self, Order, Status};

use crate::ledgers::{adds_up, at, begin, bill, call, invoices, lines, shop, standing};
use crate::world::World;

fn is(plan: &str, status: &str) -> (String, String) {
    (plan.to_owned(), status.to_owned())
}

/// Reasons of a brand's changes, in order.
async fn reasons(world: &World, brand: &str) -> Vec<String> {
    let history = subscriptions::history(&world.db, &brand.into())
        .await
        .unwrap();
    history.into_iter().map(|change| change.reason).collect()
}

async fn past_due_events(world: &World) -> i64 {
    world
        .number("SELECT count(*) FROM atelier.outbox WHERE kind = 'invoice.past_due'")
        .await
}

#[tokio::test]
async fn an_unpaid_invoice_makes_a_brand_past_due_then_cancels_it_and_payment_brings_it_back() {
    let world = shop().await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let steps = [
        ("2026-04-15T23:00:00Z", 0, "ACTIVE"),
        ("2026-04-16T00:10:00Z", 1, "PAST_DUE"),
        ("2026-04-18T00:10:00Z", 1, "PAST_DUE"),
        ("2026-04-19T00:10:00Z", 2, "PAST_DUE"),
        ("2026-04-23T00:10:00Z", 3, "PAST_DUE"),
        ("2026-04-30T00:10:00Z", 4, "CANCELED"),
        ("2026-04-30T09:00:00Z", 4, "CANCELED"),
    ];
    for (time, told, status) in steps {
        world.clock.set(at(time));
        bill(&world).await;
        assert_eq!(past_due_events(&world).await, told, "{time}");
        assert_eq!(
            standing(&world, "shop").await,
            is("STARTER", status),
            "{time}"
        );
    }
    let refused = world.decide(&[world.request("shop")]).await.remove(0);
    assert_eq!(
        refused,
        Err(Refusal::BrandClosed("the subscription was cancelled"))
    );
    let invoice = invoices(&world, "shop").await.remove(0);
    let payment = Payment {
        invoice: invoice.name(),
        amount_minor: invoice.total_minor,
        method: "transfer".to_owned(),
        reference: "bank:1".to_owned(),
        received_at: world.now(),
    };
    let booked = invoices::pay(&world.db, world.now(), &payment, "test")
        .await
        .unwrap();
    assert!(booked.restored);
    assert_eq!(standing(&world, "shop").await, is("STARTER", "ACTIVE"));
    assert!(world.decide(&[world.request("shop")]).await[0].is_ok());
    assert_eq!(
        reasons(&world, "shop").await,
        ["initial", "dunning", "dunning", "payment"]
    );
    adds_up(&world).await;
}

#[tokio::test]
async fn a_second_overdue_invoice_keeps_a_brand_back() {
    let world = shop().await;
    for time in [
        "2026-04-01T02:00:00Z",
        "2026-05-01T02:00:00Z",
        "2026-05-20T00:00:00Z",
    ] {
        world.clock.set(at(time));
        bill(&world).await;
    }
    let open = invoices(&world, "shop").await;
    for (invoice, restored) in open.iter().zip([false, true]) {
        let payment = Payment {
            invoice: invoice.name(),
            amount_minor: invoice.total_minor,
            method: "transfer".to_owned(),
            reference: format!("bank:{}", invoice.name()),
            received_at: world.now(),
        };
        let booked = invoices::pay(&world.db, world.now(), &payment, "test")
            .await
            .unwrap();
        assert_eq!(booked.restored, restored);
    }
    adds_up(&world).await;
}

#[tokio::test]
async fn after_an_outage_of_ours_a_brand_still_gets_its_warnings_and_the_days_between_them() {
    let world = shop().await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    // Nobody looked for two months.
    world.clock.set(at("2026-06-15T12:00:00Z"));
    bill(&world).await;
    assert_eq!(standing(&world, "shop").await.1, "PAST_DUE");
    assert_eq!(past_due_events(&world).await, 1);
    for (time, told) in [
        ("2026-06-17T12:00:00Z", 1),
        ("2026-06-18T12:00:00Z", 2),
        ("2026-06-22T12:00:00Z", 3),
    ] {
        world.clock.set(at(time));
        bill(&world).await;
        let of_april = "SELECT count(*) FROM atelier.outbox WHERE kind = 'invoice.past_due'
            AND dedupe_key LIKE '%' || (SELECT id::text FROM atelier.invoice WHERE number = 1 AND kind = 'regular') || '%'";
        assert_eq!(world.number(of_april).await, told, "{time}");
        assert_eq!(standing(&world, "shop").await.1, "PAST_DUE");
    }
    world.clock.set(at("2026-06-29T12:00:00Z"));
    bill(&world).await;
    assert_eq!(standing(&world, "shop").await.1, "CANCELED");
}

#[tokio::test]
async fn a_trial_is_free_blocks_at_what_is_included_and_then_becomes_the_plan() {
    let world = shop().await;
    world.brand("new", Plan::Starter, 100).await;
    world
        .run(
            r#"UPDATE "Brand" SET "subscriptionStatus" = 'TRIALING', "trialEndsAt" = '2026-03-15 08:00:00'
               WHERE id = 'new'"#,
        )
        .await;
    begin(&world, "new").await;
    let requests: Vec<_> = (0..25).map(|_| world.request("new")).collect();
    let granted = world
        .decide(&requests)
        .await
        .iter()
        .filter(|one| one.is_ok())
        .count();
    assert_eq!(granted, 20, "nothing is sold on trial");
    call(&world, "new", world.now(), 50).await;
    // The duty looks a day late; the trial has ended when it said.
    world.clock.set(at("2026-03-16T09:00:00Z"));
    bill(&world).await;
    assert_eq!(standing(&world, "new").await, is("STARTER", "ACTIVE"));
    let history = subscriptions::history(&world.db, &"new".into())
        .await
        .unwrap();
    assert_eq!(history[1].effective_at, at("2026-03-15T08:00:00Z"));
    call(&world, "new", world.now(), 9).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let invoice = invoices(&world, "new").await.remove(0);
    assert_eq!(
        lines(&world, invoice.id).await,
        [
            (17, "Starter plan, 17 of 31 days".to_owned(), 1_590),
            // 10 × 17/31, rounded up: 6 of the nine, and all of the trial's.
            (56, "API calls, included".to_owned(), 0),
            (
                3,
                "API calls beyond those included, Starter plan".to_owned(),
                9
            ),
        ]
    );
    adds_up(&world).await;
}

#[tokio::test]
async fn what_the_older_platform_writes_is_noticed_and_counts_from_then() {
    let world = shop().await;
    call(&world, "shop", world.now(), 12).await;
    world.clock.set(at("2026-03-21T00:00:00Z"));
    world
        .run(r#"UPDATE "Brand" SET "subscriptionPlan" = 'PROFESSIONAL' WHERE id = 'shop'"#)
        .await;
    bill(&world).await;
    bill(&world).await;
    assert_eq!(reasons(&world, "shop").await, ["initial", "platform"]);
    world
        .run(r#"UPDATE "Brand" SET "deletedAt" = now() WHERE id = 'shop'"#)
        .await;
    world.clock.set(at("2026-03-25T00:00:00Z"));
    bill(&world).await;
    bill(&world).await;
    assert_eq!(
        reasons(&world, "shop").await,
        ["initial", "platform", "platform"]
    );
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let invoice = invoices(&world, "shop").await.remove(0);
    let found = lines(&world, invoice.id).await;
    assert_eq!(
        found[0],
        (20, "Starter plan, 20 of 31 days".to_owned(), 1_871)
    );
    assert_eq!(
        found[1],
        (4, "Professional plan, 4 of 31 days".to_owned(), 1_277)
    );
    adds_up(&world).await;
    // A brand that is gone begins no more periods by itself.
    world.clock.set(at("2026-07-01T02:00:00Z"));
    bill(&world).await;
    assert_eq!(invoices(&world, "shop").await.len(), 1);
}

#[tokio::test]
async fn an_operator_sets_plan_status_and_limit_and_the_log_says_so() {
    let world = shop().await;
    let set = async |order: Order| {
        subscriptions::set(&world.db, world.now(), &"shop".into(), &order, "cli")
            .await
            .unwrap()
    };
    let to = |plan| Order {
        plan: Some(plan),
        ..Order::default()
    };
    assert_eq!(set(to(Plan::Free)).await, Some(true));
    let limit = r#"SELECT "maxMonthlyGenerations"::bigint FROM "Brand" WHERE id = 'shop'"#;
    assert_eq!(world.number(limit).await, 100, "the plan's own");
    let status = Order {
        status: Some(Status::Canceled),
        max_monthly_generations: Some(7),
        ..Order::default()
    };
    assert_eq!(set(status).await, Some(true));
    assert_eq!(world.number(limit).await, 7);
    assert_eq!(set(to(Plan::Starter)).await, Some(true));
    assert_eq!(
        standing(&world, "shop").await,
        is("STARTER", "ACTIVE"),
        "a new plan brings a brand back"
    );
    let logged = "SELECT count(*) FROM atelier.audit_log WHERE action = 'subscription.changed' AND actor = 'cli'";
    assert_eq!(world.number(logged).await, 3);
    let nobody = subscriptions::set(
        &world.db,
        world.now(),
        &"nobody".into(),
        &to(Plan::Free),
        "cli",
    )
    .await;
    assert_eq!(nobody.unwrap(), None);
    adds_up(&world).await;
}
