//! The numbers of the whole service.

use chrono::TimeDelta;
use domain::Lane;
use scheduler::{Duty, Observe};

use crate::world::World;

#[tokio::test]
async fn what_waits_and_runs_is_exported_and_zeroed_when_another_replica_takes_over() {
    let world = World::new().await;
    let session = world.worker(8).await;
    let running = world.waiting("a", Lane::Free, 2).await;
    world.claim(session, &running).await;
    world.waiting("a", Lane::Free, 1).await;
    world.run(&mut world.dispatch()).await;
    world.waiting("a", Lane::Free, 3).await;
    let later = world.waiting("a", Lane::Retry, 1).await[0];
    let due = world.now() + TimeDelta::hours(1);
    world.set(later, &format!("run_at = '{due}'")).await;
    world.advance(7);
    let (db, queue) = (world.db.clone(), world.queue.clone());
    let mut observe = Observe::new(db, queue, world.shared_clock(), world.counted.clone());
    observe.run().await.unwrap();
    let text = world.metrics.render().unwrap();
    for line in [
        "atelier_jobs_waiting{lane=\"free\"} 3",
        "atelier_jobs_waiting{lane=\"retry\"} 0",
        "atelier_jobs_delayed{lane=\"retry\"} 1",
        "atelier_jobs_dispatched{lane=\"free\"} 1",
        "atelier_jobs_oldest_wait_seconds{lane=\"free\"} 7",
        "atelier_jobs_running 2",
        "atelier_fleet_slots 8",
        "atelier_stream_length_entries{lane=\"free\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    observe.stand_down();
    let text = world.metrics.render().unwrap();
    for zero in [
        "atelier_jobs_waiting{lane=\"free\"} 0",
        "atelier_jobs_running 0",
    ] {
        assert!(
            text.lines().any(|found| found == zero),
            "{zero} is not in\n{text}"
        );
    }
}
