//! Cancelling in every state.

use queue::{Queue, QueueArgs};
use reqwest::Response;
use serde_json::Value;

use crate::world::{PATIENCE, World, problem};

async fn cancel(world: &World, id: &str) -> Response {
    let path = format!("/v1/generations/{id}/cancel");
    let request = world.request(reqwest::Method::POST, &path);
    request
        .bearer_auth(crate::world::SECRET)
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_one_ends_at_once_and_gives_its_quota_back() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    assert_eq!(world.used().await, 1);
    let response = cancel(&world, &id).await;
    assert_eq!(response.status(), 200);
    let view: Value = response.json().await.unwrap();
    assert_eq!(view["state"], "canceled");
    assert_eq!(view["error"]["code"], "canceled");
    assert_eq!(world.used().await, 0);
    let again = problem(cancel(&world, &id).await, 409, "already_ended").await;
    assert_eq!(again["state"], "canceled");
    assert_eq!(world.used().await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_one_is_asked_to_stop_and_its_worker_hears_of_it() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    world.run(&id).await;
    let args = QueueArgs {
        redis_key_prefix: world.key_prefix.clone(),
        ..QueueArgs::for_url(&world.redis_url)
    };
    let queue = Queue::new(&args, &prometheus::Registry::new()).unwrap();
    let mut feed = queue.subscribe_cancels();
    let heard = async {
        // A subscription begins at some moment; asking again until it hears is harmless.
        let next = feed.next();
        tokio::pin!(next);
        loop {
            let response = cancel(&world, &id).await;
            assert_eq!(response.status(), 202);
            let view: Value = response.json().await.unwrap();
            assert_eq!(
                (&view["state"], &view["cancel_requested"]),
                (&"processing".into(), &true.into())
            );
            tokio::select! {
                job = &mut next => return job,
                () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
            }
        }
    };
    let job = tokio::time::timeout(PATIENCE, heard).await.unwrap();
    let sql = r#"SELECT id FROM "Generation""#;
    let stored: String = world.sql.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(job.as_text(), stored);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_ended_and_one_that_never_was_cannot_be_canceled() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    world.finish(&id).await;
    let ended = problem(cancel(&world, &id).await, 409, "already_ended").await;
    assert_eq!(ended["state"], "succeeded");
    problem(cancel(&world, "gen_0").await, 404, "not_found").await;
    world.stop().await;
}
