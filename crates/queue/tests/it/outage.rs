use std::time::Duration;

use domain::Lane;
use queue::{Consumer, ConsumerState, Delivery, ErrorClass, Queue};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::world::{PATIENCE, World, first, generation, ids, job, jobs};

/// Drives a consumer as a worker does, and tells what came and how the consumer felt.
fn drive(mut consumer: Consumer) -> UnboundedReceiver<(Vec<Delivery>, ConsumerState)> {
    let (told, tell) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let batch = consumer.next(4).await;
            if told.send((batch, consumer.state())).is_err() {
                return;
            }
        }
    });
    tell
}

async fn until<T>(
    tell: &mut UnboundedReceiver<(Vec<Delivery>, ConsumerState)>,
    mut found: impl FnMut(Vec<Delivery>, ConsumerState) -> Option<T>,
) -> T {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let (batch, state) = tell.recv().await.expect("the consumer ended");
            if let Some(found) = found(batch, state) {
                return found;
            }
        }
    })
    .await
    .expect("it did not come in time")
}

fn delivered(batch: Vec<Delivery>, _: ConsumerState) -> Option<Vec<Delivery>> {
    Some(batch).filter(|batch| !batch.is_empty())
}

/// Adds until it succeeds: after a restart the pool holds connections to the dead server.
async fn add(queue: &Queue, lane: Lane, number: u128) {
    testkit::wait::until("Redis takes a job", PATIENCE, async || {
        queue.add(&[job(lane, number)]).await.is_ok()
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn after_flushall_under_a_blocked_read_later_entries_are_delivered() {
    let world = World::start().await;
    let mut tell = drive(world.consumer_blocking(1, Duration::from_secs(20)));
    world.until_blocked().await;
    world.redis.flushall().await.unwrap();
    world
        .queue
        .add(&[job(Lane::Professional, 9)])
        .await
        .unwrap();
    let batch = until(&mut tell, delivered).await;
    assert_eq!(ids(&batch), [generation(9)]);
}

#[tokio::test]
async fn what_was_added_before_the_group_existed_is_delivered_too() {
    let world = World::bare().await;
    world
        .queue
        .add(&jobs(Lane::Enterprise, 0..3))
        .await
        .unwrap();
    let batch = first(&mut world.consumer(1), 3).await;
    assert_eq!(ids(&batch), (0..3).map(generation).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_lost_group_costs_the_other_lanes_no_entry() {
    let world = World::start().await;
    world
        .queue
        .add(&[job(Lane::Free, 1), job(Lane::Starter, 2)])
        .await
        .unwrap();
    let _: i64 = world
        .raw(&["XGROUP", "DESTROY", world.key(Lane::Starter), "workers"])
        .await;
    let mut consumer = world.consumer(1);
    let mut seen = ids(&first(&mut consumer, 2).await);
    seen.extend(ids(&first(&mut consumer, 2).await));
    seen.sort();
    assert_eq!(seen, [generation(1), generation(2)]);
}

#[tokio::test]
async fn a_consumer_goes_on_after_redis_was_killed_and_started_again() {
    let mut world = World::start().await;
    let mut tell = drive(world.consumer_blocking(1, Duration::from_secs(20)));
    world.until_blocked().await;
    world.redis.kill9().await.unwrap();
    let class = until(&mut tell, |_, state| match state {
        ConsumerState::Failing { class, failures } if failures >= 2 => Some(class),
        _ => None,
    })
    .await;
    assert_eq!(class, ErrorClass::Unavailable);
    world.redis.restart().await.unwrap();
    add(&world.queue, Lane::Retry, 5).await;
    let batch = until(&mut tell, delivered).await;
    assert!(ids(&batch).contains(&generation(5)));
    add(&world.queue, Lane::Retry, 6).await;
    let state = until(&mut tell, |batch, state| {
        ids(&batch).contains(&generation(6)).then_some(state)
    })
    .await;
    assert_eq!(state, ConsumerState::Reading);
}

#[tokio::test]
async fn an_empty_consumer_of_a_dead_server_waits_between_its_attempts() {
    let mut world = World::start().await;
    world.redis.kill9().await.unwrap();
    let mut consumer = world.consumer(1);
    let started = tokio::time::Instant::now();
    for _ in 0..4 {
        assert!(consumer.next(1).await.is_empty());
    }
    // At the least half of 100 + 200 + 400 + 800 ms.
    assert!(
        started.elapsed() >= Duration::from_millis(750),
        "{:?}",
        started.elapsed()
    );
    assert!(matches!(
        consumer.state(),
        ConsumerState::Failing { failures: 4, .. }
    ));
}

#[tokio::test]
async fn a_producer_without_redis_is_told_so_and_a_later_add_succeeds() {
    let mut world = World::start().await;
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    world.redis.kill9().await.unwrap();
    let error = world.queue.add(&[job(Lane::Free, 2)]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unavailable, "{error}");
    world.redis.restart().await.unwrap();
    add(&world.queue, Lane::Free, 3).await;
}
