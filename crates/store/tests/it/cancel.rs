//! Cancelling.

use domain::{BrandId, JobState};
use store::cancel::{CancelOutcome, cancel, requested};

use crate::invariants;
use crate::world::{self, World};

#[tokio::test]
async fn a_waiting_job_ends_at_once_and_its_unit_goes_back_once() {
    let world = World::new().await;
    let request = world.waiting().await;
    let brand = BrandId::from("a");
    let outcome = cancel(&world.db, world.now(), &brand, &request.public_id)
        .await
        .unwrap();
    assert_eq!(outcome, CancelOutcome::Canceled);
    assert_eq!(world.used("a").await, 0);
    assert_eq!(world.events(request.id).await, ["generation.failed"]);
    world.waiting().await;
    let again = cancel(&world.db, world.now(), &brand, &request.public_id)
        .await
        .unwrap();
    assert_eq!(again, CancelOutcome::AlreadyEnded(JobState::Canceled));
    assert_eq!(world.used("a").await, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_held_job_ends_at_once() {
    let world = World::new().await;
    let claimed = world.running().await;
    world.settle(&[world::held(claimed.lease)]).await;
    let outcome = cancel(
        &world.db,
        world.now(),
        &claimed.brand_id,
        &claimed.public_id,
    )
    .await
    .unwrap();
    assert_eq!(outcome, CancelOutcome::Canceled);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop_and_may_still_succeed() {
    let world = World::new().await;
    let claimed = world.fetched().await;
    let other = world.running().await.lease.job;
    let job = claimed.lease.job;
    let first = world.now();
    let outcome = cancel(&world.db, first, &claimed.brand_id, &claimed.public_id)
        .await
        .unwrap();
    assert_eq!(outcome, CancelOutcome::Requested(job));
    world.advance(1);
    cancel(
        &world.db,
        world.now(),
        &claimed.brand_id,
        &claimed.public_id,
    )
    .await
    .unwrap();
    assert_eq!(
        world.job(job).await.cancel_requested_at,
        Some(first),
        "the first wish counts"
    );
    assert_eq!(requested(&world.db, &[job, other]).await.unwrap(), [job]);
    assert_eq!(
        store::expiry::sweep(&world.db, world.now()).await.unwrap(),
        0,
        "it is its worker's"
    );
    assert_eq!(
        world.settle(&[world::done(claimed.lease)]).await,
        [store::settle::Settled::Applied]
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_generation_of_another_brand_is_not_found() {
    let world = World::new().await;
    let request = world.waiting().await;
    let other = BrandId::from("b");
    let outcome = cancel(&world.db, world.now(), &other, &request.public_id)
        .await
        .unwrap();
    assert_eq!(outcome, CancelOutcome::NotFound);
    assert_eq!(world.state(request.id).await, JobState::Waiting);
}
