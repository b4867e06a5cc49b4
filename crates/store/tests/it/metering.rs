//! API calls and storage: counted once, whatever is repeated.

use std::collections::BTreeMap;

use domain::{BrandId, Plan};
use store::metering::{CountedCalls, measure_storage, record_calls};
use store::usage_report::{GroupBy, sums};
use uuid::Uuid;

use crate::world::{World, done};

fn interval(process: Uuid, interval: u64, world: &World, calls: &[(&str, u32)]) -> CountedCalls {
    let calls = calls
        .iter()
        .map(|(brand, calls)| (BrandId::from(*brand), *calls));
    CountedCalls {
        process,
        interval,
        at: world.now(),
        calls: calls.collect::<BTreeMap<_, _>>(),
    }
}

async fn calls_of(world: &World, brand: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT COALESCE(sum(units), 0)::bigint FROM atelier.usage_bucket
         WHERE brand_id = $1 AND metric = 'api_call'",
    )
    .bind(brand)
    .fetch_one(&world.sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_interval_that_is_written_again_bills_nothing_twice() {
    let world = World::new().await;
    world.brand("b", Plan::Free, 1).await;
    let process = Uuid::new_v4();
    let first = interval(process, 0, &world, &[("a", 7), ("b", 2)]);
    assert_eq!(
        record_calls(&world.db, world.now(), &first).await.unwrap(),
        2
    );
    for _ in 0..3 {
        assert_eq!(
            record_calls(&world.db, world.now(), &first).await.unwrap(),
            0
        );
    }
    // The next interval, and the first one of another process, are others.
    for other in [
        interval(process, 1, &world, &[("a", 1)]),
        interval(Uuid::new_v4(), 0, &world, &[("a", 1)]),
    ] {
        assert_eq!(
            record_calls(&world.db, world.now(), &other).await.unwrap(),
            1
        );
    }
    assert_eq!(
        (calls_of(&world, "a").await, calls_of(&world, "b").await),
        (9, 2)
    );
}

#[tokio::test]
async fn the_same_interval_from_two_writers_at_once_counts_once() {
    let world = World::new().await;
    let counted = interval(Uuid::new_v4(), 0, &world, &[("a", 5)]);
    let writes = (0..8).map(|_| record_calls(&world.db, world.now(), &counted));
    let new: usize = futures::future::join_all(writes)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    assert_eq!((new, calls_of(&world, "a").await), (1, 5));
}

#[tokio::test]
async fn storage_is_measured_once_a_day_in_whole_megabytes() {
    let world = World::new().await;
    world.brand("empty", Plan::Free, 1).await;
    let claimed = world.fetched().await;
    world.settle(&[done(claimed.lease)]).await;
    world
        .run("UPDATE atelier.asset SET size_bytes = 1500001 WHERE variant = 'full'")
        .await;
    world
        .run("DELETE FROM atelier.asset WHERE variant <> 'full'")
        .await;
    let measured = measure_storage(&world.db, world.now(), None, 1)
        .await
        .unwrap();
    assert_eq!(measured.recorded, 1);
    assert_eq!(
        measured.up_to,
        Some("a".into()),
        "a full page: there may be more"
    );
    let rest = measure_storage(&world.db, world.now(), measured.up_to.as_ref(), 10)
        .await
        .unwrap();
    assert_eq!(
        (rest.recorded, rest.up_to),
        (0, None),
        "who has nothing gets no record"
    );
    world
        .run("UPDATE atelier.asset SET size_bytes = 9000000")
        .await;
    let again = measure_storage(&world.db, world.now(), None, 10)
        .await
        .unwrap();
    assert_eq!(again.recorded, 0, "the day's first measurement holds");
    world.advance(24 * 3600);
    measure_storage(&world.db, world.now(), None, 10)
        .await
        .unwrap();
    let units: Vec<i32> = sqlx::query_scalar(
        r#"SELECT count FROM "UsageRecord" WHERE type = 'storage' ORDER BY "recordedAt""#,
    )
    .fetch_all(&world.sql)
    .await
    .unwrap();
    assert_eq!(units, [2, 9]);
}

#[tokio::test]
async fn usage_adds_up_the_same_by_day_product_provider_and_metric() {
    let world = World::new().await;
    for _ in 0..3 {
        let claimed = world.fetched().await;
        world.settle(&[done(claimed.lease)]).await;
        world.advance(24 * 3600);
    }
    let counted = interval(Uuid::new_v4(), 0, &world, &[("a", 5)]);
    record_calls(&world.db, world.now(), &counted)
        .await
        .unwrap();
    let (from, to) = (
        world.now() - chrono::TimeDelta::days(30),
        world.now() + chrono::TimeDelta::days(1),
    );
    let mut costs = Vec::new();
    for group in [
        GroupBy::Day,
        GroupBy::Product,
        GroupBy::Provider,
        GroupBy::Metric,
    ] {
        let found = sums(&world.db, &"a".into(), from, to, group, 100)
            .await
            .unwrap();
        let units: i64 = found.iter().map(|sum| sum.units).sum();
        assert_eq!(units, 8, "{group:?}");
        costs.push(
            found
                .iter()
                .map(|sum| sum.provider_cost_micros)
                .sum::<i64>(),
        );
        let keys: Vec<_> = found.iter().map(|sum| sum.key.as_deref()).collect();
        match group {
            GroupBy::Day => assert_eq!(keys.len(), 4),
            GroupBy::Product => assert_eq!(keys, [Some("a_product"), None]),
            GroupBy::Provider => assert_eq!(keys.len(), 2),
            GroupBy::Metric => assert_eq!(keys, [None, None]),
        }
    }
    assert!(
        costs[0] > 0 && costs.iter().all(|cost| *cost == costs[0]),
        "{costs:?}"
    );
    let other = sums(&world.db, &"b".into(), from, to, GroupBy::Day, 100)
        .await
        .unwrap();
    assert!(other.is_empty(), "another brand's usage is not shown");
    let (brand, day) = (BrandId::from("a"), chrono::TimeDelta::days(1));
    let early = sums(&world.db, &brand, from, from + day, GroupBy::Day, 100);
    assert!(early.await.unwrap().is_empty());
}
