//! What dead workers leave is taken back, and what kills workers is held.

use domain::MAX_CRASHES;
use store::recovery::{Recovered, recover_dead_sessions};

use crate::invariants;
use crate::world::{self, World};

async fn recover(world: &World) -> Recovered {
    recover_dead_sessions(&world.db, world.now()).await.unwrap()
}

#[tokio::test]
async fn jobs_of_a_dead_session_wait_again_and_those_of_a_living_one_do_not() {
    let world = World::new().await;
    let dead = world.running().await.lease;
    let living = world.running().await.lease;
    world.kill(dead.session).await;
    world.advance(20);
    let recovered = recover(&world).await;
    assert_eq!(recovered.sessions, [dead.session]);
    assert_eq!(recovered.waiting, [dead.job]);
    assert!(recovered.held.is_empty());
    let job = world.job(dead.job).await;
    assert_eq!(
        (job.state.as_str(), job.lane.as_str()),
        ("waiting", "retry")
    );
    assert_eq!((job.tries, job.crashes, job.run_at), (0, 1, world.now()));
    assert_eq!(job.dispatched_at, None);
    assert_eq!(world.status(dead.job).await, "PENDING");
    assert_eq!(world.job(living.job).await.state, "running");
    assert_eq!(recover(&world).await, Recovered::default(), "once");
    invariants::check(&world).await;
}

#[tokio::test]
async fn jobs_left_under_an_ended_session_are_taken_back_too() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    store::sessions::end(&world.db, world.now(), lease.session)
        .await
        .unwrap();
    assert_eq!(recover(&world).await.waiting, [lease.job]);
}

#[tokio::test]
async fn the_third_crash_holds_the_job() {
    let world = World::new().await;
    let id = world.waiting().await.id;
    for crash in 1..=MAX_CRASHES {
        let session = world.session().await;
        let claimed = world.claim(session, &[id]).await.remove(0);
        assert_eq!(claimed.lease.fence.0, i64::from(crash));
        world.kill(session).await;
        let recovered = recover(&world).await;
        let job = world.job(id).await;
        assert_eq!(job.crashes, crash);
        if crash < MAX_CRASHES {
            assert_eq!((recovered.waiting, recovered.held), (vec![id], vec![]));
        } else {
            assert_eq!((recovered.waiting, recovered.held), (vec![], vec![id]));
            assert_eq!(
                (job.state.as_str(), job.reason.as_deref()),
                ("held", Some("crashed"))
            );
            assert_eq!(
                (job.quota.as_str(), world.status(id).await.as_str()),
                ("reserved", "PROCESSING")
            );
        }
    }
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_session_that_was_declared_dead_stays_dead() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    world.kill(lease.session).await;
    recover(&world).await;
    let mut renewal = store::sessions::SessionLease::new(world.args.clone(), lease.session);
    assert!(!renewal.renew().await.unwrap());
    assert!(world.claim(lease.session, &[lease.job]).await.is_empty());
}

/// A frozen worker may hold a job's row in the middle of a transaction. The others must not wait.
#[tokio::test]
async fn a_row_that_somebody_holds_does_not_hold_up_the_others() {
    let world = World::new().await;
    let requests = [world.request("a"), world.request("a")];
    let ids = world.accept(&requests).await;
    let session = world.session().await;
    world.claim(session, &ids).await;
    world.kill(session).await;
    let mut frozen = world.sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM atelier.job WHERE id = $1 FOR UPDATE")
        .bind(ids[0].0)
        .execute(&mut *frozen)
        .await
        .unwrap();
    let patience = std::time::Duration::from_secs(10);
    let recovered = tokio::time::timeout(patience, recover(&world))
        .await
        .unwrap();
    assert_eq!(recovered.waiting, [ids[1]]);
    frozen.rollback().await.unwrap();
    assert_eq!(recover(&world).await.waiting, [ids[0]]);
}

#[tokio::test]
async fn a_job_whose_cancellation_was_asked_for_before_the_crash_is_cancelled_after_it() {
    let world = World::new().await;
    let claimed = world.running().await;
    let brand = claimed.brand_id.clone();
    store::cancel::cancel(&world.db, world.now(), &brand, &claimed.public_id)
        .await
        .unwrap();
    world.kill(claimed.lease.session).await;
    recover(&world).await;
    let session = world.session().await;
    assert!(world.claim(session, &[claimed.lease.job]).await.is_empty());
    assert_eq!(
        store::expiry::sweep(&world.db, world.now()).await.unwrap(),
        1
    );
    assert_eq!(world.job(claimed.lease.job).await.state, "canceled");
    assert_eq!(world.used("a").await, 0);
    let late = world.settle(&[world::done(claimed.lease)]).await;
    assert_eq!(late, [store::settle::Settled::Lost]);
    invariants::check(&world).await;
}
