//! Usage and the periods it is counted in.

use chrono::{DateTime, Utc};
use domain::Plan;
use store::settle::Settled;

use crate::invariants;
use crate::world::{World, done};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Units in a brand's buckets: (period, of period, units).
async fn buckets(world: &World, brand: &str) -> Vec<(DateTime<Utc>, DateTime<Utc>, i64)> {
    sqlx::query_as(
        "SELECT period_start, of_period, sum(units)::bigint FROM atelier.usage_bucket
         WHERE brand_id = $1 AND metric = 'generation' GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .bind(brand)
    .fetch_all(&world.sql)
    .await
    .unwrap()
}

async fn periods(world: &World, brand: &str) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    sqlx::query_as(
        "SELECT period_start, period_end FROM atelier.billing_period WHERE brand_id = $1 ORDER BY 1",
    )
    .bind(brand)
    .fetch_all(&world.sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_finished_generation_is_in_its_bucket_once_however_often_it_is_settled() {
    let world = World::new().await;
    let claimed = world.fetched().await;
    assert_eq!(
        world.settle(&[done(claimed.lease)]).await,
        [Settled::Applied]
    );
    assert_eq!(world.settle(&[done(claimed.lease)]).await, [Settled::Lost]);
    let start = at("2026-03-01T00:00:00Z");
    assert_eq!(buckets(&world, "a").await, [(start, start, 1)]);
    let period: String = sqlx::query_scalar(
        r#"SELECT metadata->>'period' FROM "UsageRecord" WHERE type = 'generation'"#,
    )
    .fetch_one(&world.sql)
    .await
    .unwrap();
    assert_eq!(period, "2026-03-01T00:00:00Z");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_new_period_starts_with_the_units_that_jobs_under_way_hold() {
    let world = World::new().await;
    let first = world.fetched().await;
    world.settle(&[done(first.lease)]).await;
    let under_way = world.fetched().await;
    assert_eq!(world.used("a").await, 2);
    world.clock.set(at("2026-04-01T00:00:00Z"));
    let _third = world.waiting().await;
    assert_eq!(
        world.used("a").await,
        2,
        "one under way from before, one new"
    );
    world.settle(&[done(under_way.lease)]).await;
    assert_eq!(world.used("a").await, 2, "a unit that is used stays used");
    let (march, april) = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    assert_eq!(
        buckets(&world, "a").await,
        [(march, march, 1), (april, april, 1)],
        "billed in the period in which it ended"
    );
}

#[tokio::test]
async fn a_job_that_ended_before_the_period_did_but_commits_after_gives_its_unit_back() {
    let world = World::new().await;
    let slow = world.fetched().await;
    let march = world.now();
    world.clock.set(at("2026-04-01T00:00:00Z"));
    let _next = world.waiting().await;
    assert_eq!(world.used("a").await, 2);
    // The worker's clock is behind: for it, March is not over.
    store::settle::settle(&world.db, march, &[done(slow.lease)])
        .await
        .unwrap();
    assert_eq!(
        world.used("a").await,
        1,
        "April holds the waiting one alone"
    );
    let start = at("2026-03-01T00:00:00Z");
    assert_eq!(buckets(&world, "a").await, [(start, start, 1)]);
}

#[tokio::test]
async fn usage_of_a_closed_period_goes_to_the_next_one_and_is_marked_late() {
    let world = World::new().await;
    let slow = world.fetched().await;
    let before = world.now();
    world.clock.set(at("2026-04-01T00:00:00Z"));
    let _next = world.waiting().await;
    world
        .run(
            "UPDATE atelier.billing_period SET status = 'closed', closed_at = now()
              WHERE period_end = '2026-04-01T00:00:00Z'",
        )
        .await;
    store::settle::settle(&world.db, before, &[done(slow.lease)])
        .await
        .unwrap();
    let (march, april) = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    assert_eq!(buckets(&world, "a").await, [(april, march, 1)]);
    let late: bool = sqlx::query_scalar(
        r#"SELECT (metadata->>'late')::bool FROM "UsageRecord" WHERE type = 'generation'"#,
    )
    .fetch_one(&world.sql)
    .await
    .unwrap();
    assert!(late);
    assert_eq!(
        world.used("a").await,
        1,
        "it held a unit of April and used one of March"
    );
}

#[tokio::test]
async fn periods_follow_one_another_from_the_brands_own_day_however_long_nobody_came() {
    let world = World::new().await;
    world.clock.set(at("2026-01-31T09:00:00Z"));
    world.brand("b", Plan::Free, 100).await;
    world.accept(&[world.request("b")]).await;
    world.clock.set(at("2026-05-02T09:00:00Z"));
    world.accept(&[world.request("b")]).await;
    let ends: Vec<String> = periods(&world, "b")
        .await
        .iter()
        .map(|(_, end)| end.date_naive().to_string())
        .collect();
    assert_eq!(
        ends,
        ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    );
}

/// Releases, settlements and intakes race with the beginning of a period, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_counter_is_exact_while_periods_begin_under_load() {
    let world = std::sync::Arc::new(World::new().await);
    let mut claimed = Vec::new();
    for _ in 0..24 {
        claimed.push(world.fetched().await);
    }
    let waiting: Vec<_> = (0..12).map(|_| world.request("a")).collect();
    world.accept(&waiting).await;
    let before = world.now();
    let boundary = at("2026-04-01T00:00:00Z");
    let mut racing = tokio::task::JoinSet::new();
    for (n, claimed) in claimed.into_iter().enumerate() {
        let world = world.clone();
        racing.spawn(async move {
            let now = if n % 2 == 0 { before } else { boundary };
            store::settle::settle(&world.db, now, &[done(claimed.lease)])
                .await
                .unwrap();
        });
    }
    for (n, request) in waiting.into_iter().enumerate() {
        let world = world.clone();
        racing.spawn(async move {
            let now = if n % 2 == 0 { before } else { boundary };
            let brand = "a".into();
            store::cancel::cancel(&world.db, now, &brand, &request.public_id)
                .await
                .unwrap();
        });
    }
    for _ in 0..8 {
        let world = world.clone();
        racing.spawn(async move {
            let decided = store::intake::accept(&world.db, boundary, &[world.request("a")]).await;
            assert!(
                decided
                    .into_iter()
                    .all(|decision| decision.unwrap().is_ok())
            );
        });
    }
    racing.join_all().await;
    let in_april = world
        .number(
            "SELECT COALESCE(sum(units), 0)::bigint FROM atelier.usage_bucket
             WHERE period_start = '2026-04-01T00:00:00Z'",
        )
        .await;
    let reserved = world
        .number("SELECT count(*) FROM atelier.job WHERE quota = 'reserved'")
        .await;
    assert_eq!(reserved, 8);
    assert_eq!(i64::from(world.used("a").await), reserved + in_april);
    let all = world
        .number("SELECT sum(units)::bigint FROM atelier.usage_bucket")
        .await;
    assert_eq!(all, 24);
}

#[tokio::test]
async fn a_period_that_begins_waits_for_usage_that_is_not_committed() {
    let world = World::new().await;
    world.fetched().await;
    let mut holder = world.sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM atelier.billing_period FOR SHARE")
        .execute(&mut *holder)
        .await
        .unwrap();
    world.clock.set(at("2026-04-01T00:00:00Z"));
    let next = world.request("a");
    let intake = store::intake::accept(&world.db, world.now(), std::slice::from_ref(&next));
    let commit = async {
        world.blocked(1).await;
        holder.commit().await.unwrap();
    };
    let (decided, ()) = tokio::join!(intake, commit);
    assert!(
        decided
            .into_iter()
            .all(|decision| decision.unwrap().is_ok())
    );
    assert_eq!(world.used("a").await, 2);
}
