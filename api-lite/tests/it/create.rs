//! Asking for a generation, and reading it back.

use serde_json::Value;

use crate::world::{World, order};

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_generation_is_durable_and_can_be_read() {
    let world = World::start().await;
    let response = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = response.json().await.unwrap();
    assert_eq!(created["state"], "queued");
    assert_eq!(created["links"]["self"], location);

    let read = world
        .client
        .get(&location)
        .bearer_auth(crate::world::SECRET)
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), 200);
    let etag = read.headers()["etag"].clone();
    let read: Value = read.json().await.unwrap();
    assert_eq!(read["id"], created["id"]);
    assert_eq!(read["queue_position"], 0);
    assert_eq!(read["created_at"], created["created_at"]);

    let again = world.get(location.split_at(location.find("/v1").unwrap()).1);
    let again = again.header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(world.footprint().await, (1, 1, 0, 1));
    world.stop().await;
}
