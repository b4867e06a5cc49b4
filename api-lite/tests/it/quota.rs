//! The quota, reserved in the transaction of the request.

use domain::Plan;
use futures::future::join_all;
use serde_json::Value;

use crate::world::{Options, SECRET, World, order, problem};

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_at_once_against_a_quota_of_a_hundred_are_exactly_a_hundred() {
    let world = World::start_with(Options {
        quota: Some(100),
        plan: Some(Plan::Free),
        ..Options::default()
    })
    .await;
    let other = world.another_server().await;
    let sends = (0..500).map(|i| {
        let url = match i % 2 {
            0 => world.url("/v1/generations"),
            _ => format!("http://{}/v1/generations", other.running.address),
        };
        let request = world.client.post(url).bearer_auth(SECRET).json(&order());
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let statuses = join_all(sends).await;
    let with = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((with(202), with(402)), (100, 400));
    assert_eq!(world.footprint().await, (100, 100, 0, 100));

    let refused = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    let header = |name: &str| refused.headers()[name].to_str().unwrap().to_owned();
    // The world's clock stands at the start of January.
    let seconds = 31 * 24 * 3600;
    assert_eq!(header("retry-after"), seconds.to_string());
    assert_eq!(
        header("ratelimit"),
        format!("\"generation\";r=0;t={seconds}")
    );
    let refused: Value = problem(refused, 402, "quota_exceeded").await;
    assert_eq!(refused["remaining"], 0);
    assert_eq!(refused["reset_at"], "2026-02-01T00:00:00Z");
    assert_eq!(
        (&refused["metric"], &refused["policy"]),
        (&"generation".into(), &"block".into())
    );
    assert_eq!(
        (&refused["limit"], &refused["used"]),
        (&100.into(), &100.into())
    );
    other.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_brand_may_not_order_and_is_told_why() {
    let world = World::start().await;
    let close = r#"UPDATE "Brand" SET status = 'SUSPENDED' WHERE id = 'brand_a'"#;
    world.sql.batch_execute(close).await.unwrap();
    let response = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    let refused = problem(response, 403, "brand_closed").await;
    assert_eq!(refused["detail"], "the brand is suspended");
    assert_eq!(world.footprint().await, (0, 0, 0, 0));
    world.stop().await;
}
