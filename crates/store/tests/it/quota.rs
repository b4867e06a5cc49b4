//! Thresholds, refusals of metrics beyond generations, and what a brand may read of it.

use chrono::{DateTime, Utc};
use domain::{BrandId, Ending, FailureCode, Metric, Plan};
use serde_json::Value;
use store::ar_views::{self, View};
use store::intake::NewGeneration;
use store::quota::{MetricQuota, QuotaReport, of_brand};

use crate::invariants;
use crate::world::{World, done, ended};

/// Percent and use of the events of a brand, in the order of the thresholds.
async fn told(world: &World, brand: &str, metric: &str) -> Vec<(i64, i64)> {
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT body FROM atelier.outbox WHERE brand_id = $1 AND kind = 'quota.threshold'",
    )
    .bind(brand)
    .fetch_all(&world.sql)
    .await
    .unwrap();
    let bodies = bodies
        .iter()
        .map(|body| serde_json::from_slice(body).unwrap());
    let data = bodies.map(|body: Value| body["data"].clone());
    let mut told: Vec<(i64, i64)> = data
        .filter(|data| data["metric"] == metric)
        .map(|data| {
            (
                data["percent"].as_i64().unwrap(),
                data["used"].as_i64().unwrap(),
            )
        })
        .collect();
    told.sort_unstable();
    told
}

async fn report(world: &World, brand: &str) -> QuotaReport {
    of_brand(&world.db, world.now(), &brand.into())
        .await
        .unwrap()
        .unwrap()
}

fn of(report: &QuotaReport, metric: Metric) -> &MetricQuota {
    report
        .metrics
        .iter()
        .find(|one| one.metric == metric)
        .unwrap()
}

/// Lets the free plan give `included` AR views under `policy`.
async fn ar_views_cost(world: &World, included: i64, policy: &str, cap: Option<i64>) {
    sqlx::query(
        "UPDATE atelier.plan_price SET included_units = $1, quota_policy = $2, cap_units = $3
         WHERE plan = 'FREE' AND metric = 'ar_view'",
    )
    .bind(included)
    .bind(policy)
    .bind(cap)
    .execute(&world.sql)
    .await
    .unwrap();
}

async fn view(world: &World, request: &NewGeneration) -> View {
    let (brand, product) = (&request.brand_id, &request.product_id);
    let (id, public_id) = (request.id, &request.public_id);
    ar_views::count(&world.db, world.now(), brand, product, id, public_id)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_threshold_is_told_once_with_the_intake_that_reaches_it() {
    let world = World::new().await;
    world.brand("ten", Plan::Free, 10).await;
    for size in [4, 1, 3] {
        let requests: Vec<_> = (0..size).map(|_| world.request("ten")).collect();
        world.accept(&requests).await;
    }
    assert_eq!(told(&world, "ten", "generation").await, [(50, 5), (75, 8)]);
    // The rest at once, and more than there is.
    let requests: Vec<_> = (0..5).map(|_| world.request("ten")).collect();
    world.decide(&requests).await;
    let all = [(50, 5), (75, 8), (90, 10), (100, 10)];
    assert_eq!(told(&world, "ten", "generation").await, all);
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.quota_alert")
            .await,
        4
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn units_that_come_back_and_go_again_tell_nothing_twice_and_a_new_period_tells_anew() {
    let world = World::new().await;
    world.brand("two", Plan::Free, 2).await;
    let request = world.request("two");
    world.accept(std::slice::from_ref(&request)).await;
    assert_eq!(told(&world, "two", "generation").await, [(50, 1)]);
    let (brand, id) = (BrandId::from("two"), &request.public_id);
    let canceled = store::cancel::cancel(&world.db, world.now(), &brand, id);
    canceled.await.unwrap();
    assert_eq!(world.used("two").await, 0);
    world.accept(&[world.request("two")]).await;
    assert_eq!(told(&world, "two", "generation").await, [(50, 1)]);
    world.clock.set("2026-04-02T00:00:00Z".parse().unwrap());
    world.accept(&[world.request("two")]).await;
    let april = told(&world, "two", "generation").await;
    assert_eq!(
        april.last(),
        Some(&(100, 2)),
        "one from March is under way: {april:?}"
    );
    assert_eq!(
        world
            .number("SELECT count(DISTINCT period_start) FROM atelier.quota_alert")
            .await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn intakes_at_once_tell_each_threshold_once() {
    let world = World::new().await;
    world.brand("busy", Plan::Free, 40).await;
    let one = |_| async { world.decide(&[world.request("busy")]).await };
    futures::future::join_all((0..60).map(one)).await;
    let percents: Vec<i64> = told(&world, "busy", "generation")
        .await
        .iter()
        .map(|t| t.0)
        .collect();
    assert_eq!(percents, [50, 75, 90, 100]);
    assert_eq!(world.used("busy").await, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_at_once_stop_exactly_at_a_limit_that_blocks_and_say_when_it_resets() {
    let world = World::new().await;
    world.brand("shop", Plan::Free, 10).await;
    ar_views_cost(&world, 5, "block", None).await;
    let request = world.request("shop");
    world.accept(std::slice::from_ref(&request)).await;
    let views = futures::future::join_all((0..12).map(|_| view(&world, &request))).await;
    let counted = views
        .iter()
        .filter(|view| matches!(view, View::Counted(_)))
        .count();
    assert_eq!(counted, 5);
    let View::Refused(refused) = view(&world, &request).await else {
        panic!("a sixth view");
    };
    assert_eq!(
        (refused.metric, refused.limit, refused.used),
        (Metric::ArView, 5, 5)
    );
    let april: DateTime<Utc> = "2026-04-01T00:00:00Z".parse().unwrap();
    assert_eq!(refused.reset_at, april);
    let seen = r#"SELECT "arViewCount"::bigint FROM "Generation""#;
    assert_eq!(world.number(seen).await, 5, "a refused view is no view");
    let percents: Vec<i64> = told(&world, "shop", "ar_view")
        .await
        .iter()
        .map(|t| t.0)
        .collect();
    assert_eq!(percents, [50, 75, 90, 100]);
    world.clock.set(april);
    assert_eq!(view(&world, &request).await, View::Counted(6));
}

#[tokio::test]
async fn a_plan_that_charges_for_views_refuses_none_up_to_its_cap() {
    let world = World::new().await;
    world.brand("shop", Plan::Free, 10).await;
    let request = world.request("shop");
    world.accept(std::slice::from_ref(&request)).await;
    ar_views_cost(&world, 1, "charge", None).await;
    for nth in 1..=3 {
        assert_eq!(view(&world, &request).await, View::Counted(nth));
    }
    ar_views_cost(&world, 1, "charge_capped", Some(4)).await;
    assert_eq!(view(&world, &request).await, View::Counted(4));
    assert!(matches!(view(&world, &request).await, View::Refused(_)));
}

#[tokio::test]
async fn the_report_keeps_used_and_reserved_apart_and_knows_every_metric() {
    let world = World::new().await;
    world.brand("b", Plan::Free, 10).await;
    let claim = async || {
        let ids = world.accept(&[world.request("b")]).await;
        let session = world.session().await;
        world.claim(session, &ids).await.remove(0).lease
    };
    let (finished, failed) = (claim().await, claim().await);
    let _waiting = world.accept(&[world.request("b")]).await;
    let mut settled = done(finished);
    settled.brand_id = "b".into();
    let mut lost = ended(failed, Ending::Failed(FailureCode::ProviderUnavailable));
    lost.brand_id = "b".into();
    world.settle(&[settled, lost]).await;
    let report = report(&world, "b").await;
    assert_eq!(report.plan, "FREE");
    assert_eq!(report.period_end.to_rfc3339(), "2026-04-01T00:00:00+00:00");
    let generations = of(&report, Metric::Generation);
    assert_eq!(
        (generations.used, generations.reserved),
        (1, 1),
        "the failed one gave its unit back"
    );
    assert_eq!(generations.allowance.remaining(2), Some(8));
    let metrics: Vec<Metric> = report.metrics.iter().map(|one| one.metric).collect();
    assert_eq!(metrics, Metric::ALL);
    assert_eq!(of(&report, Metric::Storage).allowance.ceiling(), None);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_brand_that_never_ordered_has_a_quota_and_a_stranger_has_none() {
    let world = World::new().await;
    world.brand("new", Plan::Starter, 100).await;
    let report = report(&world, "new").await;
    let generations = of(&report, Metric::Generation);
    assert_eq!(generations.allowance.included, Some(20));
    assert_eq!(generations.allowance.ceiling(), None, "it charges");
    let nobody = BrandId::from("nobody");
    assert!(
        of_brand(&world.db, world.now(), &nobody)
            .await
            .unwrap()
            .is_none()
    );
}
