use domain::GenerationId;

use crate::world::{PATIENCE, World, generation};

/// Publishes until the subscription, which takes a moment, has heard it.
async fn heard(world: &World, feed: &mut queue::GenerationFeed, id: GenerationId) -> GenerationId {
    let publish = async {
        loop {
            // Fails while the server is away; that is the point of a hint.
            let _ = world.queue.publish_cancel(id).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let hear = async {
        loop {
            let heard = feed.next().await;
            if heard == id {
                return heard;
            }
        }
    };
    tokio::select! {
        id = hear => id,
        () = publish => unreachable!("it publishes for ever"),
        () = tokio::time::sleep(PATIENCE) => panic!("the cancel was not heard"),
    }
}

#[tokio::test]
async fn a_cancel_is_heard_also_after_redis_was_killed_and_started_again() {
    let mut world = World::start().await;
    let mut feed = world.queue.subscribe_cancels();
    assert_eq!(heard(&world, &mut feed, generation(1)).await, generation(1));
    world.redis.kill9().await.unwrap();
    world.redis.restart().await.unwrap();
    assert_eq!(heard(&world, &mut feed, generation(2)).await, generation(2));
}

#[tokio::test]
async fn a_foreign_message_is_passed_over() {
    let world = World::start().await;
    let mut feed = world.queue.subscribe_cancels();
    heard(&world, &mut feed, generation(1)).await;
    let _: i64 = world
        .raw(&["PUBLISH", &world.queue.keys().cancel(), "nonsense"])
        .await;
    assert_eq!(heard(&world, &mut feed, generation(2)).await, generation(2));
}

#[tokio::test]
async fn a_nudge_names_its_duty() {
    let world = World::start().await;
    let mut feed = world.queue.subscribe_nudges();
    let (queue, channel) = (world.queue.clone(), world.queue.keys().nudge());
    let nudge = async {
        testkit::wait::until("someone listens", PATIENCE, async || {
            let listening: (String, i64) = world.raw(&["PUBSUB", "NUMSUB", &channel]).await;
            listening.1 == 1
        })
        .await
        .unwrap();
        queue.nudge("dispatch").await.unwrap();
    };
    let both = async { tokio::join!(feed.next(), nudge) };
    let (duty, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(duty, "dispatch");
}
