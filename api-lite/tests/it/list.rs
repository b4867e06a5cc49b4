//! The list and its cursor.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::world::World;

async fn page(world: &World, query: &str) -> Value {
    let path = format!("/v1/generations?{query}");
    let response = world.get(&path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let link = response
        .headers()
        .get("link")
        .map(|link| link.to_str().unwrap().to_owned());
    let page: Value = response.json().await.unwrap();
    let next = page["next_cursor"].as_str();
    assert_eq!(link.is_some(), next.is_some());
    if let (Some(link), Some(next)) = (link, next) {
        assert!(
            link.ends_with("rel=\"next\"") && link.contains(next),
            "{link}"
        );
    }
    page
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_repeat_nor_miss_while_generations_arrive() {
    let world = World::start().await;
    let mut made = BTreeSet::new();
    for _ in 0..23 {
        world.clock.advance(Duration::from_millis(1));
        made.insert(world.create().await["id"].as_str().unwrap().to_owned());
    }
    let mut seen = Vec::new();
    let mut query = "limit=5".to_owned();
    loop {
        let page = page(&world, &query).await;
        seen.extend(ids(&page));
        // Somebody orders between every two pages.
        world.clock.advance(Duration::from_millis(1));
        world.create().await;
        match page["next_cursor"].as_str() {
            Some(next) => query = format!("limit=5&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 23);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_by_product_state_and_time() {
    let world = World::start().await;
    let old = world.create().await["id"].as_str().unwrap().to_owned();
    world.finish(&old).await;
    world.clock.advance(Duration::from_secs(60));
    let new = world.create().await["id"].as_str().unwrap().to_owned();
    assert_eq!(ids(&page(&world, "status=succeeded").await), [&*old]);
    assert_eq!(
        ids(&page(&world, "status=queued,processing").await),
        [&*new]
    );
    assert_eq!(
        ids(&page(&world, "since=2026-01-01T00:00:30Z").await),
        [&*new]
    );
    assert_eq!(ids(&page(&world, "product=mug").await), [&*new, &*old]);
    assert_eq!(
        ids(&page(&world, "product=prod_mug&status=failed").await),
        [""; 0]
    );
    let first = page(&world, "limit=1").await;
    assert_eq!(ids(&first), [&*new]);
    let next = format!("limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    let last = page(&world, &next).await;
    assert_eq!(ids(&last), [&*old]);
    assert_eq!(last["next_cursor"], Value::Null);
    world.stop().await;
}
