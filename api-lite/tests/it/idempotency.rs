//! The same request many times.

use futures::future::join_all;
use serde_json::Value;

use crate::world::{World, order, problem};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_with_one_key_are_one_generation() {
    let world = World::start().await;
    let other = world.another_server().await;
    let sends = (0..200).map(|i| {
        let url = match i % 2 {
            0 => world.url("/v1/generations"),
            _ => format!("http://{}/v1/generations", other.running.address),
        };
        let request = world
            .client
            .post(url)
            .bearer_auth(crate::world::SECRET)
            .json(&order());
        let request = request.header("idempotency-key", "order-7");
        async move {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 202);
            let replayed = response.headers().contains_key("idempotent-replayed");
            let body: Value = response.json().await.unwrap();
            (replayed, body["id"].as_str().unwrap().to_owned())
        }
    });
    let answers = join_all(sends).await;
    assert_eq!(
        answers.iter().filter(|(replayed, _)| *replayed).count(),
        199
    );
    assert!(answers.iter().all(|(_, id)| *id == answers[0].1));
    assert_eq!(world.footprint().await, (1, 1, 1, 1));
    other.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_for_another_body_is_refused_and_another_keys_scope_is_its_own() {
    let world = World::start().await;
    let send = |key: &'static str, body: Value| {
        let request = world
            .request(reqwest::Method::POST, "/v1/generations")
            .json(&body);
        let request = request
            .header("x-api-key", key)
            .header("idempotency-key", "k1");
        async move { request.send().await.unwrap() }
    };
    let mut other = order();
    other["priority"] = 1.into();
    assert_eq!(send(crate::world::SECRET, order()).await.status(), 202);
    let reused = send(crate::world::SECRET, other.clone()).await;
    problem(reused, 422, "idempotency_key_reused").await;
    assert_eq!(world.footprint().await, (1, 1, 1, 1));
    assert_eq!(send(crate::world::LEGACY, other).await.status(), 202);
    assert_eq!(world.footprint().await, (2, 2, 2, 2));
    world.stop().await;
}
