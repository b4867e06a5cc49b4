//! Accepting: rows, quota, closed brands, concurrency.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Plan, PublicId, QuotaPolicy};
use serde_json::json;
use store::intake::{Accepted, Client, Decision, NewGeneration, Refusal, RequestOption};
use tokio::task::JoinSet;

use crate::invariants;
use crate::world::World;

/// Limit and use of a refusal by quota.
fn quota(decision: &Decision) -> (u64, u64) {
    match decision {
        Err(Refusal::Quota(refused)) => (refused.limit, refused.used),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_accepted_request_is_written_whole() {
    let world = World::new().await;
    let mut request = world.keyed("a", "k", 1);
    request.session_id = Some("shop_session".to_owned());
    request.user_prompt = Some("with stars".to_owned());
    request.client = Client {
        ip_address: Some("192.0.2.7".to_owned()),
        user_agent: Some("browser".to_owned()),
        referrer: Some("https://shop.example".to_owned()),
    };
    request.expires_at = Some(world.now() + TimeDelta::days(30));
    request.start_by = Some(world.now() + TimeDelta::minutes(5));
    request.deadline = Some(world.now() + TimeDelta::minutes(9));
    request.priority = -7;
    request.weight = 3;
    request.option = Some(RequestOption {
        template_id: Some("t".to_owned()),
        webhook_url: Some("https://hook.example".to_owned()),
        metadata: Some(json!({"order": 1})),
        widths: vec![640, 320],
    });
    world.accept(std::slice::from_ref(&request)).await;

    let row: serde_json::Value =
        sqlx::query_scalar(r#"SELECT to_jsonb(g) FROM "Generation" g WHERE id = $1"#)
            .bind(request.id.as_text())
            .fetch_one(&world.sql)
            .await
            .unwrap();
    for (column, expected) in [
        ("brandId", json!("a")),
        ("productId", json!("a_product")),
        ("publicId", json!(request.public_id.as_str())),
        ("sessionId", json!("shop_session")),
        ("customizations", request.customizations.clone()),
        ("userPrompt", json!("with stars")),
        ("finalPrompt", json!("")),
        ("status", json!("PENDING")),
        ("ipAddress", json!("192.0.2.7")),
        ("userAgent", json!("browser")),
        ("referrer", json!("https://shop.example")),
        ("createdAt", json!("2026-03-01T12:00:00")),
        ("expiresAt", json!("2026-03-31T12:00:00")),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    let (priority, weight, start_by, deadline): (i16, i32, _, _) = sqlx::query_as(
        "SELECT priority, weight, start_by, deadline FROM atelier.job WHERE id = $1",
    )
    .bind(request.id.0)
    .fetch_one(&world.sql)
    .await
    .unwrap();
    assert_eq!((priority, weight), (-7, 3));
    assert_eq!((start_by, deadline), (request.start_by, request.deadline));
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.request_option")
            .await,
        1
    );
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.idempotency_key")
            .await,
        1
    );
    assert_eq!(world.used("a").await, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn only_what_the_caller_will_dispatch_is_noted_as_dispatched() {
    let world = World::new().await;
    let backlog = world.request("a");
    let at_once = NewGeneration {
        dispatch_now: true,
        ..world.request("a")
    };
    world.accept(&[backlog.clone(), at_once.clone()]).await;
    assert_eq!(world.job(backlog.id).await.dispatched_at, None);
    assert_eq!(world.job(at_once.id).await.dispatched_at, Some(world.now()));
}

#[tokio::test]
async fn a_batch_of_nothing_is_nothing() {
    let world = World::new().await;
    assert!(world.decide(&[]).await.is_empty());
}

/// Sends `batches` at once; returns how many requests were created.
async fn create_at_once(world: &Arc<World>, batches: Vec<Vec<NewGeneration>>) -> usize {
    let mut running = JoinSet::new();
    for batch in batches {
        let world = Arc::clone(world);
        running.spawn(async move { world.decide(&batch).await });
    }
    let decisions = running.join_all().await;
    let created = |decision: &&_| **decision == Ok(Accepted::Created);
    decisions.iter().flatten().filter(created).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_at_once_against_a_limit_of_100_accept_exactly_100() {
    let world = Arc::new(World::new().await);
    world.brand("small", Plan::Free, 100).await;
    let batches = (0..50).map(|_| (0..10).map(|_| world.request("small")).collect());
    let created = create_at_once(&world, batches.collect()).await;
    assert_eq!(created, 100);
    assert_eq!(world.used("small").await, 100);
    assert_eq!(world.number("SELECT count(*) FROM atelier.job").await, 100);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_over_the_same_brands_in_different_orders_do_not_wait_for_each_other() {
    let world = Arc::new(World::new().await);
    let names: Vec<String> = (0..8).map(|n| format!("b{n}")).collect();
    for name in &names {
        world.brand(name, Plan::Enterprise, 100_000).await;
    }
    let batches = (0..60).map(|turn| {
        let mut batch: Vec<NewGeneration> = names
            .iter()
            .map(|name| world.keyed(name, &format!("{name}-{}", turn % 7), 1))
            .collect();
        batch.rotate_left(turn % 8);
        if turn % 2 == 1 {
            batch.reverse();
        }
        batch
    });
    let created = create_at_once(&world, batches.collect()).await;
    assert_eq!(created, 8 * 7, "each key is accepted once");
    assert_eq!(world.deadlocks().await, 0);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_refusal_tells_the_limit_and_leaves_nothing() {
    let world = World::new().await;
    world.brand("tiny", Plan::Free, 1).await;
    let requests = [
        world.keyed("tiny", "k1", 1),
        world.keyed("tiny", "k2", 1),
        world.keyed("a", "k3", 1),
    ];
    let decisions = world.decide(&requests).await;
    assert_eq!(decisions[0], Ok(Accepted::Created));
    assert_eq!(quota(&decisions[1]), (1, 1));
    assert_eq!(decisions[2], Ok(Accepted::Created));
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT key FROM atelier.idempotency_key ORDER BY 1")
            .fetch_all(&world.sql)
            .await
            .unwrap();
    assert_eq!(keys, ["k1", "k3"], "a refused request leaves no key");
    assert_eq!(
        world.number(r#"SELECT count(*) FROM "Generation""#).await,
        2
    );

    // The same key is judged anew once there is room.
    world
        .run(r#"UPDATE "Brand" SET "maxMonthlyGenerations" = 2 WHERE id = 'tiny'"#)
        .await;
    let again = world.decide(&[world.keyed("tiny", "k2", 1)]).await;
    assert_eq!(again, [Ok(Accepted::Created)]);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_plan_that_charges_goes_over_its_limit() {
    let world = World::new().await;
    world.brand("paying", Plan::Starter, 2).await;
    let requests: Vec<_> = (0..5).map(|_| world.request("paying")).collect();
    world.accept(&requests).await;
    assert_eq!(world.used("paying").await, 5);
}

#[tokio::test]
async fn a_plan_without_prices_blocks_at_the_limit() {
    let world = World::new().await;
    world.brand("paying", Plan::Starter, 2).await;
    world
        .run("UPDATE atelier.plan_price SET valid_from = '2099-01-01Z' WHERE plan = 'STARTER'")
        .await;
    let requests: Vec<_> = (0..3).map(|_| world.request("paying")).collect();
    let decisions = world.decide(&requests).await;
    assert_eq!(quota(&decisions[2]), (2, 2));
}

#[tokio::test]
async fn the_price_in_force_when_the_period_began_decides() {
    let world = World::new().await;
    world.brand("paying", Plan::Starter, 0).await;
    // The second one came six hours after the period began.
    world
        .run(
            "INSERT INTO atelier.plan_price VALUES
             ('STARTER', 'generation', '2026-02-01Z', 'EUR', 0, 0, 'block', NULL),
             ('STARTER', 'generation', '2026-03-01T06:00Z', 'EUR', 9, 0, 'charge', NULL)",
        )
        .await;
    let decisions = world.decide(&[world.request("paying")]).await;
    assert_eq!(quota(&decisions[0]), (0, 0));
}

#[tokio::test]
async fn a_capped_plan_goes_over_what_it_includes_up_to_its_cap_and_says_when_it_resets() {
    let world = World::new().await;
    world.brand("capped", Plan::Starter, 0).await;
    world
        .run(
            "UPDATE atelier.plan_price SET included_units = 2, quota_policy = 'charge_capped', cap_units = 5
             WHERE plan = 'STARTER' AND metric = 'generation'",
        )
        .await;
    let requests: Vec<_> = (0..8).map(|_| world.request("capped")).collect();
    let decisions = world.decide(&requests).await;
    let created = decisions.iter().filter(|d| d.is_ok()).count();
    assert_eq!(created, 5);
    let Err(Refusal::Quota(refused)) = &decisions[5] else {
        panic!("{:?}", decisions[5]);
    };
    assert_eq!((refused.limit, refused.used), (5, 5));
    assert_eq!(refused.policy, QuotaPolicy::ChargeCapped { cap: 5 });
    assert_eq!(refused.reset_at.to_rfc3339(), "2026-04-01T00:00:00+00:00");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_closed_brand_may_not_order_and_says_why() {
    let world = World::new().await;
    for name in ["suspended", "canceled", "deleted"] {
        world.brand(name, Plan::Enterprise, 100).await;
    }
    world
        .run(
            r#"UPDATE "Brand" SET status = 'SUSPENDED' WHERE id = 'suspended';
               UPDATE "Brand" SET "subscriptionStatus" = 'CANCELED' WHERE id = 'canceled';
               UPDATE "Brand" SET "deletedAt" = now() WHERE id = 'deleted'"#,
        )
        .await;
    let batch =
        ["suspended", "canceled", "deleted", "unheard_of", "a"].map(|b| world.keyed(b, b, 1));
    let decisions = world.decide(&batch).await;
    let closed = |why| Err(Refusal::BrandClosed(why));
    assert_eq!(
        decisions,
        [
            closed("the brand is suspended"),
            closed("the subscription was cancelled"),
            closed("the brand was deleted"),
            closed("the brand is gone"),
            Ok(Accepted::Created),
        ]
    );
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.idempotency_key")
            .await,
        1
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_faulty_request_fails_alone() {
    let world = World::new().await;
    let mut unknown_product = world.keyed("a", "bad", 1);
    unknown_product.product_id = "no_such_product".into();
    let mut taken_public_id = world.request("a");
    taken_public_id.public_id = PublicId::from_random([9; 16]);
    let first = NewGeneration {
        public_id: taken_public_id.public_id.clone(),
        ..world.request("a")
    };
    let batch = [
        world.request("a"),
        unknown_product,
        first,
        taken_public_id,
        world.request("a"),
    ];
    let results = store::intake::accept(&world.db, world.now(), &batch).await;
    let accepted: Vec<bool> = results
        .iter()
        .map(|result| matches!(result, Ok(Ok(Accepted::Created))))
        .collect();
    assert_eq!(accepted, [true, false, true, false, true]);
    assert!(
        results
            .into_iter()
            .filter_map(Result::err)
            .all(|error| !error.is_transient())
    );
    assert_eq!(world.used("a").await, 3);
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.idempotency_key")
            .await,
        0
    );
    invariants::check(&world).await;
}
