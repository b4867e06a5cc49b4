use std::collections::HashSet;
use std::time::Duration;

use domain::Lane;
use queue::Dispatch;

use crate::world::{PATIENCE, World, first, generation, ids, job, jobs};

#[tokio::test]
async fn a_blocking_read_outlives_the_clients_default_timeout_and_strands_no_entry() {
    let world = World::start().await;
    let mut consumer = world.consumer_blocking(1, Duration::from_secs(20));
    let read = tokio::spawn(async move { consumer.next(1).await });
    world.until_blocked().await;
    // Not to wait for something: the time itself is what is tested. A client with its default
    // response timeout gives the read up after 500 ms, and the entry goes to nobody.
    tokio::time::sleep(Duration::from_millis(900)).await;
    world.queue.add(&[job(Lane::Free, 7)]).await.unwrap();
    let batch = tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert_eq!(ids(&batch), [generation(7)]);
}

#[tokio::test]
async fn full_lanes_are_read_in_proportion_to_their_weights() {
    let world = World::start().await;
    for (place, lane) in (0..).zip(Lane::ALL) {
        world
            .queue
            .add(&jobs(lane, place * 1_000..place * 1_000 + 100))
            .await
            .unwrap();
    }
    let mut consumer = world.consumer(1);
    let round: u32 = Lane::ALL.into_iter().map(Lane::weight).sum();
    for _ in 0..3 {
        let batch = consumer.next(round as usize).await;
        for lane in Lane::ALL {
            let of_lane = batch
                .iter()
                .filter(|delivery| delivery.lane == lane)
                .count();
            assert_eq!(of_lane, lane.weight() as usize, "{lane}");
        }
    }
}

#[tokio::test]
async fn the_share_of_empty_lanes_is_not_left_unused() {
    let world = World::start().await;
    world.queue.add(&jobs(Lane::Free, 0..50)).await.unwrap();
    let batch = world.consumer(1).next(50).await;
    assert_eq!(ids(&batch), (0..50).map(generation).collect::<Vec<_>>());
}

#[tokio::test]
async fn entries_that_another_consumer_holds_do_not_hide_those_that_wait() {
    let world = World::start().await;
    world.queue.add(&jobs(Lane::Retry, 0..20)).await.unwrap();
    assert_eq!(world.consumer(1).next(20).await.len(), 20);
    world.queue.add(&jobs(Lane::Free, 100..110)).await.unwrap();
    let batch = world.consumer(2).next(10).await;
    assert_eq!(ids(&batch), (100..110).map(generation).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_consumers_share_the_entries_and_never_get_the_same_one() {
    let world = World::start().await;
    for (place, lane) in (0..).zip(Lane::ALL) {
        world
            .queue
            .add(&jobs(lane, place * 100..place * 100 + 100))
            .await
            .unwrap();
    }
    let readers: Vec<_> = (1..=2)
        .map(|number| {
            let mut consumer = world.consumer_blocking(number, Duration::from_millis(1));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let batch = consumer.next(7).await;
                    if batch.is_empty() {
                        return mine;
                    }
                    mine.extend(ids(&batch));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for reader in readers {
        all.extend(
            tokio::time::timeout(PATIENCE, reader)
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert_eq!(all.len(), 500);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 500);
}

#[tokio::test]
async fn never_more_than_asked_for_and_what_one_read_brought_beyond_comes_next() {
    let world = World::start().await;
    let mut consumer = world.consumer_blocking(1, Duration::from_secs(20));
    let read = tokio::spawn(async move {
        let batch = consumer.next(1).await;
        (batch, consumer)
    });
    world.until_blocked().await;
    // One transaction: the blocked read is served once, with an entry of every lane.
    let mut connection = world.connection().await;
    let mut both = redis::pipe();
    both.atomic();
    for (number, lane) in (1..).zip(Lane::ALL) {
        both.cmd("XADD")
            .arg(world.key(lane))
            .arg("*")
            .arg("id")
            .arg(generation(number).as_text());
    }
    both.query_async::<redis::Value>(&mut connection)
        .await
        .unwrap();
    let (mut seen, mut consumer) = tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert_eq!(seen.len(), 1);
    while seen.len() < 5 {
        let batch = first(&mut consumer, 1).await;
        assert_eq!(batch.len(), 1);
        seen.extend(batch);
    }
    let mut seen = ids(&seen);
    seen.sort();
    assert_eq!(seen, (1..=5).map(generation).collect::<Vec<_>>());
    assert!(consumer.take_surplus().is_empty());
}

#[tokio::test]
async fn an_entry_carries_its_trace_context() {
    let world = World::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    let traced = Dispatch {
        trace: Some(trace.clone()),
        ..job(Lane::Starter, 1)
    };
    world
        .queue
        .add(&[traced, job(Lane::Starter, 2)])
        .await
        .unwrap();
    let batch = world.consumer(1).next(2).await;
    let traces: Vec<_> = batch.into_iter().map(|delivery| delivery.trace).collect();
    assert_eq!(traces, [Some(trace), None]);
}

#[tokio::test]
async fn a_foreign_entry_is_removed_and_counted_and_its_neighbour_is_delivered() {
    let world = World::start().await;
    let _: String = world
        .raw(&["XADD", world.key(Lane::Free), "*", "job", "x"])
        .await;
    let _: String = world
        .raw(&["XADD", world.key(Lane::Free), "*", "id", "no-uuid"])
        .await;
    world.queue.add(&[job(Lane::Free, 3)]).await.unwrap();
    let batch = world.consumer(1).next(10).await;
    assert_eq!(ids(&batch), [generation(3)]);
    assert_eq!(world.length(Lane::Free).await, 1);
    assert_eq!(world.group(Lane::Free).await, (1, Some(0)));
    assert!((world.counted("atelier_queue_entries_malformed_total") - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn asking_for_nothing_takes_nothing() {
    let world = World::start().await;
    world.queue.add(&[job(Lane::Free, 1)]).await.unwrap();
    assert!(world.consumer(1).next(0).await.is_empty());
    assert_eq!(world.group(Lane::Free).await, (0, Some(1)));
}
