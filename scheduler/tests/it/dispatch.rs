//! From the backlog to the streams.

use chrono::TimeDelta;
use domain::Lane;
use scheduler::{Duty, MIN_LANE_BOUND};

use crate::world::{World, ids, set};

#[tokio::test]
async fn each_job_reaches_the_stream_of_its_lane_once_with_its_trace() {
    let world = World::new().await;
    let mut jobs = Vec::new();
    for lane in Lane::ALL {
        jobs.push((lane, world.waiting("a", lane, 1).await[0]));
    }
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    world.run(&mut dispatch).await;
    let mut found = world.read().await;
    found.sort_by_key(|delivery| delivery.lane);
    let places: Vec<_> = found
        .iter()
        .map(|delivery| (delivery.lane, delivery.id))
        .collect();
    assert_eq!(places, jobs);
    assert!(
        found
            .iter()
            .all(|delivery| delivery.trace.as_ref().unwrap().starts_with("00-0af7"))
    );
}

#[tokio::test]
async fn a_stream_never_holds_more_than_its_bound_while_ten_thousand_jobs_wait() {
    let world = World::new().await;
    world.worker(16).await;
    world.waiting("a", Lane::Free, 10_000).await;
    let mut dispatch = world.dispatch();
    for _ in 0..5 {
        dispatch.run().await.unwrap();
        assert!(world.length(Lane::Free).await <= 32);
    }
    assert_eq!(world.length(Lane::Free).await, 32);
    world.lose().await;
    world.run(&mut dispatch).await;
    assert_eq!(world.length(Lane::Free).await, 32);
}

#[tokio::test]
async fn without_any_worker_a_lane_is_filled_up_to_the_least_bound() {
    let world = World::new().await;
    world.waiting("a", Lane::Starter, 20).await;
    world.run(&mut world.dispatch()).await;
    assert_eq!(world.length(Lane::Starter).await, MIN_LANE_BOUND);
}

#[tokio::test]
async fn a_retry_is_not_sent_before_it_is_due_and_the_run_asks_to_be_woken_for_it() {
    let world = World::new().await;
    let job = world.waiting("a", Lane::Retry, 1).await[0];
    let due = world.now() + TimeDelta::seconds(60);
    world.set(job, &format!("run_at = '{due}'")).await;
    let mut dispatch = world.dispatch();
    assert_eq!(world.run(&mut dispatch).await.next_at, Some(due));
    world.advance(59);
    assert_eq!(world.run(&mut dispatch).await.next_at, Some(due));
    assert_eq!(world.lengths().await, 0);
    world.advance(1);
    assert_eq!(world.run(&mut dispatch).await.next_at, None);
    assert_eq!(ids(&world.read().await), set(&[job]));
}

#[tokio::test]
async fn a_lane_that_workers_emptied_while_jobs_wait_is_refilled_sooner_than_the_period() {
    let world = World::new().await;
    world.waiting("a", Lane::Free, 20).await;
    let mut dispatch = world.dispatch();
    let soon = Some(world.now() + TimeDelta::milliseconds(20));
    assert!(dispatch.run().await.unwrap().more);
    assert_eq!(
        dispatch.run().await.unwrap().next_at,
        None,
        "the lane is full"
    );
    world.lose().await;
    let refill = world.run(&mut dispatch).await;
    assert_eq!((refill.changed, refill.next_at), (8, soon));
}

#[tokio::test]
async fn a_job_that_was_cancelled_while_it_waited_is_not_sent() {
    let world = World::new().await;
    let jobs = world.waiting("a", Lane::Free, 2).await;
    world.set(jobs[0], "cancel_requested_at = now()").await;
    world.run(&mut world.dispatch()).await;
    assert_eq!(ids(&world.read().await), set(&jobs[1..]));
}

#[tokio::test]
async fn two_dispatchers_at_once_send_every_job_and_none_twice() {
    let world = World::new().await;
    world.worker(500).await;
    let jobs = world.waiting("a", Lane::Free, 500).await;
    // Both agree on the epoch before they race for the jobs.
    world.run(&mut world.dispatch()).await;
    world.lose().await;
    world.advance(3);
    let (mut first, mut second) = (world.dispatch(), world.dispatch());
    tokio::join!(world.run(&mut first), world.run(&mut second));
    world.run(&mut first).await;
    let found = world.read().await;
    assert_eq!(ids(&found), set(&jobs));
    assert_eq!(found.len(), jobs.len(), "an entry stands twice");
}
