//! Redis loses things; jobs are not lost with them.

use std::time::Duration;

use domain::Lane;
use scheduler::{Duty, Streams};

use crate::world::{World, ids, set};

#[tokio::test]
async fn after_flushall_all_hundred_waiting_jobs_are_in_the_streams_again_under_a_new_epoch() {
    let world = World::new().await;
    world.worker(64).await;
    let jobs = world.waiting("a", Lane::Free, 100).await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    let before = world.queue.epoch().await.unwrap().unwrap();
    world.redis.flushall().await.unwrap();
    world.run(&mut dispatch).await;
    let after = world.queue.epoch().await.unwrap().unwrap();
    assert_ne!(before, after);
    assert_eq!(
        store::epochs::current(&world.db, 0).await.unwrap(),
        Some(after)
    );
    let found = world.read().await;
    assert_eq!((ids(&found), found.len()), (set(&jobs), 100));
    assert_eq!(world.counted.epoch_resets_total.get(), 2);
}

#[tokio::test]
async fn while_redis_is_dead_a_run_fails_and_after_its_restart_all_jobs_are_sent_again() {
    let mut world = World::new().await;
    world.worker(64).await;
    let mut jobs = world.waiting("a", Lane::Free, 50).await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    world.redis.kill9().await.unwrap();
    jobs.extend(world.waiting("a", Lane::Free, 50).await);
    assert_eq!(dispatch.run().await.unwrap_err().kind(), "redis");
    world.redis.restart().await.unwrap();
    world.run(&mut dispatch).await;
    let found = world.read().await;
    assert_eq!((ids(&found), found.len()), (set(&jobs), 100));
}

#[tokio::test]
async fn an_epoch_that_redis_has_not_taken_is_begun_anew() {
    let world = World::new().await;
    let jobs = world.waiting("a", Lane::Free, 5).await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    world.lose().await;
    // As a dispatcher leaves it that dies between the two writes.
    let epoch = uuid::Uuid::new_v4();
    store::epochs::begin(&world.db, world.now(), 0, epoch)
        .await
        .unwrap();
    world.run(&mut dispatch).await;
    assert_eq!(ids(&world.read().await), set(&jobs));
    let current = store::epochs::current(&world.db, 0).await.unwrap();
    assert_eq!(world.queue.epoch().await.unwrap(), current);
}

#[tokio::test]
async fn what_redis_refuses_to_add_is_in_the_backlog_again_at_once() {
    let world = World::new().await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    let jobs = world.waiting("a", Lane::Free, 5).await;
    world.redis_command("CONFIG SET maxmemory 1").await;
    assert_eq!(dispatch.run().await.unwrap_err().kind(), "redis");
    let noted = "SELECT count(*) FROM atelier.job WHERE dispatched_at IS NOT NULL";
    assert_eq!(world.number(noted).await, 0);
    world.redis_command("CONFIG SET maxmemory 0").await;
    world.run(&mut dispatch).await;
    assert_eq!(ids(&world.read().await), set(&jobs));
}

#[tokio::test]
async fn a_job_missing_from_an_empty_stream_is_sent_again_after_two_seconds_and_not_before() {
    let world = World::new().await;
    let jobs = world.waiting("a", Lane::Free, 3).await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    world.lose().await;
    world.advance(2);
    world.run(&mut dispatch).await;
    assert_eq!(world.lengths().await, 0);
    world.advance(1);
    world.run(&mut dispatch).await;
    assert_eq!(ids(&world.read().await), set(&jobs));
}

#[tokio::test]
async fn jobs_in_the_stream_of_slow_workers_are_not_sent_again_until_one_is_missing() {
    let world = World::new().await;
    world.worker(64).await;
    let jobs = world.waiting("a", Lane::Free, 10).await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    world.advance(60);
    world.run(&mut dispatch).await;
    assert_eq!(world.length(Lane::Free).await, 10);
    let read = world.read().await;
    let lost = (read[0].lane, read[0].entry_id.clone());
    world.queue.settle_entries(&[lost]).await.unwrap();
    world.run(&mut dispatch).await;
    // All ten are sent once more, because nobody knows which one was lost; nine stood there.
    assert_eq!(world.length(Lane::Free).await, 19);
    assert_eq!(ids(&world.read_next(10).await), set(&jobs));
}

#[tokio::test]
async fn entries_of_a_reader_that_vanished_are_removed_and_their_jobs_sent_again() {
    let world = World::new().await;
    let jobs = world.waiting("a", Lane::Free, 4).await;
    let mut dispatch = world.dispatch();
    world.run(&mut dispatch).await;
    assert_eq!(world.read().await.len(), 4);
    let streams = Streams::new(world.db.clone(), world.queue.clone());
    let mut patient = Streams::new(world.db.clone(), world.queue.clone());
    assert_eq!(
        world.run(&mut patient).await.changed,
        0,
        "the reader may still be alive"
    );
    world
        .run(&mut streams.with_entry_idle(Duration::ZERO))
        .await;
    assert_eq!(world.lengths().await, 0);
    world.run(&mut dispatch).await;
    assert_eq!(ids(&world.read().await), set(&jobs));
}
