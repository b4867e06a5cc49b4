use std::time::Duration;

use domain::Lane;
use queue::ConsumerState;

use crate::world::{PATIENCE, World, first, generation, ids, job};

/// Longer than the test's patience: a read that ends has been woken.
const FOREVER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_wake_ends_a_blocked_read_and_the_next_entry_is_not_lost() {
    let world = World::start().await;
    let mut consumer = world.consumer_blocking(1, FOREVER);
    let waker = consumer.waker();
    let read = tokio::spawn(async move {
        let batch = consumer.next(1).await;
        (batch, consumer)
    });
    world.until_blocked().await;
    waker.wake().await;
    let (batch, mut consumer) = tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert!(batch.is_empty());
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    assert_eq!(ids(&first(&mut consumer, 1).await), [generation(1)]);
}

#[tokio::test]
async fn a_wake_that_comes_before_the_read_ends_it_as_well() {
    let world = World::start().await;
    let mut consumer = world.consumer_blocking(1, FOREVER);
    // It has its connection: what ends the read is not a wake while connecting.
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    first(&mut consumer, 1).await;
    consumer.waker().wake().await;
    let batch = tokio::time::timeout(PATIENCE, consumer.next(1))
        .await
        .unwrap();
    assert!(batch.is_empty());
}

#[tokio::test]
async fn a_wake_at_any_moment_of_a_read_ends_it() {
    let world = World::start().await;
    let mut consumer = world.consumer_blocking(1, FOREVER);
    for turn in 0..50_u32 {
        let waker = consumer.waker();
        let wake = async {
            // Different moments: before the connection, between the short reads, in the block.
            for _ in 0..turn % 10 {
                tokio::task::yield_now().await;
            }
            tokio::time::sleep(Duration::from_micros(u64::from(turn) * 20)).await;
            waker.wake().await;
        };
        let both = async { tokio::join!(consumer.next(1), wake) };
        let (batch, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
        assert!(batch.is_empty());
    }
}

#[tokio::test]
async fn a_wake_takes_no_entry_away_from_a_read_that_finds_one() {
    let world = World::start().await;
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    let mut consumer = world.consumer_blocking(1, FOREVER);
    consumer.waker().wake().await;
    assert_eq!(ids(&first(&mut consumer, 1).await), [generation(1)]);
}

#[tokio::test]
async fn a_woken_consumer_of_a_dead_server_returns_without_another_attempt() {
    let mut world = World::start().await;
    world.redis.kill9().await.unwrap();
    let mut consumer = world.consumer(1);
    consumer.next(1).await;
    consumer.waker().wake().await;
    assert!(consumer.next(1).await.is_empty());
    assert!(matches!(
        consumer.state(),
        ConsumerState::Failing { failures: 1, .. }
    ));
    consumer.next(1).await;
    assert!(matches!(
        consumer.state(),
        ConsumerState::Failing { failures: 2, .. }
    ));
}
