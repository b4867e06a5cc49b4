use std::time::Duration;

use domain::Lane;
use redis::streams::StreamRangeReply;

use crate::world::{World, generation, ids, job, jobs};

const LONG: Duration = Duration::from_secs(600);

/// Marks entries as if their reader had been silent for an hour, which no test can wait for.
async fn age(world: &World, lane: Lane, from: usize) {
    let all: StreamRangeReply = world.raw(&["XRANGE", world.key(lane), "-", "+"]).await;
    let mut claim = redis::cmd("XCLAIM");
    claim.arg(world.key(lane)).arg("workers").arg("dead").arg(0);
    for entry in &all.ids[from..] {
        claim.arg(&entry.id);
    }
    claim.arg("IDLE").arg(3_600_000).arg("JUSTID");
    let _: Vec<String> = claim
        .query_async(&mut world.connection().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn groups_are_made_once() {
    let world = World::bare().await;
    assert_eq!(world.queue.ensure_groups().await.unwrap(), 5);
    assert_eq!(world.queue.ensure_groups().await.unwrap(), 0);
    let _: i64 = world.raw(&["DEL", world.key(Lane::Free)]).await;
    assert_eq!(world.queue.ensure_groups().await.unwrap(), 1);
}

#[tokio::test]
async fn stale_entries_are_found_behind_more_fresh_ones_than_one_command_looks_at() {
    let world = World::start().await;
    world.queue.add(&jobs(Lane::Free, 0..1_500)).await.unwrap();
    assert_eq!(world.consumer(1).next(1_500).await.len(), 1_500);
    age(&world, Lane::Free, 1_250).await;
    let mut reclaimed = world.queue.reclaim(LONG).await.unwrap();
    reclaimed.sort();
    assert_eq!(
        reclaimed,
        (1_250..1_500).map(generation).collect::<Vec<_>>()
    );
    assert_eq!(world.length(Lane::Free).await, 1_250);
    assert_eq!(world.group(Lane::Free).await, (1_250, Some(0)));
}

#[tokio::test]
async fn reclaiming_leaves_alone_what_nobody_has_read() {
    let world = World::start().await;
    world.queue.add(&jobs(Lane::Retry, 0..3)).await.unwrap();
    assert!(
        world
            .queue
            .reclaim(Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.group(Lane::Retry).await, (0, Some(3)));
}

#[tokio::test]
async fn a_foreign_entry_left_pending_is_reclaimed_without_an_id() {
    let world = World::start().await;
    let _: String = world
        .raw(&["XADD", world.key(Lane::Free), "*", "job", "x"])
        .await;
    world.queue.add(&[job(Lane::Free, 4)]).await.unwrap();
    let read = [
        "XREADGROUP",
        "GROUP",
        "workers",
        "dead",
        "STREAMS",
        world.key(Lane::Free),
        ">",
    ];
    let _: redis::Value = world.raw(&read).await;
    assert_eq!(
        world.queue.reclaim(Duration::ZERO).await.unwrap(),
        [generation(4)]
    );
    assert_eq!(world.length(Lane::Free).await, 0);
}

#[tokio::test]
async fn reclaiming_on_an_emptied_server_makes_the_groups_again() {
    let world = World::bare().await;
    assert!(world.queue.reclaim(LONG).await.unwrap().is_empty());
    assert_eq!(world.queue.ensure_groups().await.unwrap(), 0);
}

#[tokio::test]
async fn only_consumers_without_pending_entries_are_forgotten() {
    let world = World::start().await;
    world.queue.add(&jobs(Lane::Free, 0..2)).await.unwrap();
    let (mut holder, mut idle) = (world.consumer(1), world.consumer(2));
    assert_eq!(ids(&holder.next(1).await), [generation(0)]);
    let settled = idle.next(1).await.remove(0);
    world
        .queue
        .settle_entries(&[(settled.lane, settled.entry_id)])
        .await
        .unwrap();
    assert_eq!(world.queue.drop_idle_consumers(LONG).await.unwrap(), 0);
    assert_eq!(
        world
            .queue
            .drop_idle_consumers(Duration::ZERO)
            .await
            .unwrap(),
        1
    );
    assert_eq!(world.group(Lane::Free).await, (1, Some(0)));
}

#[tokio::test]
async fn no_consumers_to_forget_is_no_error_without_streams_and_without_groups() {
    let world = World::bare().await;
    assert_eq!(
        world
            .queue
            .drop_idle_consumers(Duration::ZERO)
            .await
            .unwrap(),
        0
    );
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    assert_eq!(
        world
            .queue
            .drop_idle_consumers(Duration::ZERO)
            .await
            .unwrap(),
        0
    );
}
