use std::time::Duration;

use domain::Lane;

use crate::world::{World, generation, job, jobs};

#[tokio::test]
async fn settled_entries_leave_nothing_behind_and_the_lag_stays_a_number() {
    let world = World::start().await;
    for (place, lane) in (0..).zip(Lane::ALL) {
        world
            .queue
            .add(&jobs(lane, place * 10..place * 10 + 4))
            .await
            .unwrap();
    }
    let batch = world.consumer(1).next(20).await;
    let entries: Vec<_> = batch
        .into_iter()
        .map(|entry| (entry.lane, entry.entry_id))
        .collect();
    assert_eq!(entries.len(), 20);
    world.queue.settle_entries(&entries).await.unwrap();
    for lane in Lane::ALL {
        assert_eq!(world.length(lane).await, 0, "{lane}");
        assert_eq!(world.group(lane).await, (0, Some(0)), "{lane}");
    }
    world
        .queue
        .settle_entries(&entries)
        .await
        .expect("settling again is harmless");
}

#[tokio::test]
async fn the_lag_counts_what_nobody_has_read_while_other_entries_are_settled() {
    let world = World::start().await;
    world.queue.add(&jobs(Lane::Free, 0..5)).await.unwrap();
    let batch = world.consumer(1).next(2).await;
    let entries: Vec<_> = batch
        .into_iter()
        .map(|entry| (entry.lane, entry.entry_id))
        .collect();
    world.queue.settle_entries(&entries).await.unwrap();
    assert_eq!(world.group(Lane::Free).await, (0, Some(3)));
    assert_eq!(world.length(Lane::Free).await, 3);
}

#[tokio::test]
async fn settling_nothing_asks_redis_nothing() {
    let mut world = World::start().await;
    world.redis.kill9().await.unwrap();
    world.queue.settle_entries(&[]).await.unwrap();
}

#[tokio::test]
async fn an_add_answers_with_the_lengths_of_the_lanes_it_touched() {
    let world = World::start().await;
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    let mut batch = jobs(Lane::Free, 10..12);
    batch.push(job(Lane::Retry, 20));
    let lengths = world.queue.add(&batch).await.unwrap();
    assert_eq!(lengths, [(Lane::Retry, 1), (Lane::Free, 3)].into());
    let all = world.queue.lengths().await.unwrap();
    assert_eq!(all.values().sum::<u64>(), 4);
    assert_eq!(all.len(), Lane::ALL.len());
}

#[tokio::test]
async fn a_batch_longer_than_one_pipeline_arrives_whole_and_in_order() {
    let world = World::start().await;
    let lengths = world
        .queue
        .add(&jobs(Lane::Starter, 0..2_500))
        .await
        .unwrap();
    assert_eq!(lengths, [(Lane::Starter, 2_500)].into());
    let mut consumer = world.consumer_blocking(1, Duration::from_millis(1));
    let batch = consumer.next(2_500).await;
    assert!(
        batch
            .iter()
            .map(|entry| entry.id)
            .eq((0..2_500).map(generation))
    );
}
