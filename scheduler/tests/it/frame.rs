//! Leases, failures and taking over.

use std::time::Duration;

use domain::Lane;
use scheduler::{Dispatch, Driver, DutyState, Frame, Tick};
use testkit::{PostgresOptions, PrivatePostgres, wait};

use crate::world::{PATIENCE, World, ids, set};

fn driver(world: &World, frame: &Frame) -> Driver<Dispatch> {
    Driver::new(frame, world.dispatch(), Duration::from_millis(200))
}

fn state(frame: &Frame) -> DutyState {
    frame.status.all()["dispatch"].state
}

#[tokio::test]
async fn one_of_two_replicas_works_and_the_other_follows_when_it_dies_without_a_word() {
    let world = World::new().await;
    let (first_frame, second_frame) = (world.frame(), world.frame());
    let mut first = driver(&world, &first_frame);
    let mut second = driver(&world, &second_frame);
    assert!(matches!(first.tick().await, Tick::Ran(_)));
    assert!(matches!(second.tick().await, Tick::Standby));
    assert_eq!(state(&second_frame), DutyState::Standby);
    drop(first);
    let jobs = world.waiting("a", Lane::Free, 3).await;
    assert!(
        matches!(second.tick().await, Tick::Standby),
        "the lease is still alive"
    );
    let lapse = "UPDATE atelier.duty_lease SET expires_at = now() - interval '1 s'";
    world.sql.batch_execute(lapse).await.unwrap();
    assert!(matches!(second.tick().await, Tick::Ran(_)));
    assert_eq!(state(&second_frame), DutyState::Working);
    assert_eq!(ids(&world.read().await), set(&jobs));
    assert_eq!(world.number("SELECT term FROM atelier.duty_lease").await, 2);
}

#[tokio::test]
async fn a_replica_that_stops_in_order_leaves_its_duty_to_another_at_once() {
    let world = World::new().await;
    let (first_frame, second_frame) = (world.frame(), world.frame());
    let mut first = driver(&world, &first_frame);
    assert!(matches!(first.tick().await, Tick::Ran(_)));
    first_frame.release().await.unwrap();
    assert!(matches!(
        driver(&world, &second_frame).tick().await,
        Tick::Ran(_)
    ));
}

#[tokio::test]
async fn the_outcome_of_a_run_stands_in_the_database_for_all_replicas_to_read() {
    let mut world = World::new().await;
    let frame = world.frame();
    let mut driver = driver(&world, &frame);
    world.waiting("a", Lane::Free, 2).await;
    driver.tick().await;
    let status = store::duties::list(&world.db).await.unwrap().remove(0);
    assert_eq!(
        (status.duty.as_str(), status.holder),
        ("dispatch", frame.holder)
    );
    assert_eq!(status.last_outcome.as_deref(), Some("ok"));
    assert!(
        status
            .last_detail
            .unwrap()
            .starts_with("sent 2, put back 0")
    );
    assert!(matches!(driver.tick().await, Tick::Ran(_)));
    let here = frame.status.all()["dispatch"].clone();
    assert_eq!((here.runs, here.last_success_at), (2, Some(world.now())));
    let change = here
        .last_change
        .expect("an idle run leaves the last change");
    assert!(change.starts_with("sent 2"), "{change}");
    world.redis.kill9().await.unwrap();
    assert!(matches!(driver.tick().await, Tick::Failed(_)));
    let status = store::duties::list(&world.db).await.unwrap().remove(0);
    assert_eq!(status.last_outcome.as_deref(), Some("failed"));
    assert!(
        status
            .last_detail
            .unwrap()
            .starts_with("Redis failed the duty")
    );
}

#[tokio::test]
async fn a_duty_goes_on_after_postgresql_was_down() {
    let mut postgres = PrivatePostgres::start(&PostgresOptions::default())
        .await
        .unwrap();
    let world = World::on_private(postgres.url()).await;
    let frame = world.frame();
    let mut driver = driver(&world, &frame);
    assert!(matches!(driver.tick().await, Tick::Ran(_)));
    let jobs = world.waiting("a", Lane::Free, 3).await;
    postgres.kill9().await.unwrap();
    assert!(matches!(driver.tick().await, Tick::Failed(_)));
    assert_eq!(state(&frame), DutyState::Failing);
    assert!(frame.status.all()["dispatch"].last_error.is_some());
    postgres.restart().await.unwrap();
    wait::until("the duty runs again", PATIENCE, async || {
        matches!(driver.tick().await, Tick::Ran(_))
    })
    .await
    .unwrap();
    assert_eq!(state(&frame), DutyState::Working);
    assert_eq!(frame.status.all()["dispatch"].last_error, None);
    assert_eq!(ids(&world.read().await), set(&jobs));
}
