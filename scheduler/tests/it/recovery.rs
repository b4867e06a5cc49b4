//! What dead workers leave.

use domain::Lane;
use scheduler::Recovery;

use crate::world::{World, ids, set};

fn recovery(world: &World) -> Recovery {
    let (db, queue) = (world.db.clone(), world.queue.clone());
    Recovery::new(db, queue, world.shared_clock(), world.counted.clone())
}

#[tokio::test]
async fn jobs_of_a_session_that_died_by_the_databases_clock_go_out_by_the_retry_lane() {
    let world = World::new().await;
    let session = world.worker(8).await;
    let jobs = world.waiting("a", Lane::Free, 3).await;
    assert_eq!(world.claim(session, &jobs).await, 3);
    let mut recovery = recovery(&world);
    // The process's own clock says nothing about the lease.
    world.advance(3_600);
    assert_eq!(world.run(&mut recovery).await.changed, 0);
    world.kill(session).await;
    assert_eq!(world.run(&mut recovery).await.changed, 4);
    assert_eq!(world.counted.sessions_recovered_total.get(), 1);
    world.run(&mut world.dispatch()).await;
    let found = world.read().await;
    assert_eq!(ids(&found), set(&jobs));
    assert!(found.iter().all(|delivery| delivery.lane == Lane::Retry));
}

#[tokio::test]
async fn the_third_crash_holds_the_job_with_its_reason_and_sends_it_no_more() {
    let world = World::new().await;
    let job = world.waiting("a", Lane::Free, 1).await;
    let mut recovery = recovery(&world);
    for crash in 1..=3 {
        let session = world.worker(8).await;
        assert_eq!(world.claim(session, &job).await, 1, "crash {crash}");
        world.kill(session).await;
        world.run(&mut recovery).await;
    }
    assert_eq!(world.job(job[0], "state").await, "held");
    assert_eq!(world.job(job[0], "reason").await, "crashed");
    let recovered = &world.counted.jobs_recovered_total;
    assert_eq!(recovered.with_label_values(&["held"]).get(), 1);
    assert_eq!(recovered.with_label_values(&["waiting"]).get(), 2);
    world.run(&mut world.dispatch()).await;
    assert_eq!(world.lengths().await, 0);
}
