//! Duties: one holder at a time, by the database's clock.

use std::time::Duration;

use store::duties::{DutyTerm, lease, list, release, report};
use uuid::Uuid;

use crate::world::World;

const TTL: Duration = Duration::from_secs(30);

async fn expire(world: &World) {
    world
        .run("UPDATE atelier.duty_lease SET expires_at = now() - interval '1 s'")
        .await;
}

#[tokio::test]
async fn a_duty_is_kept_by_its_holder_and_refused_to_others_until_it_runs_out() {
    let world = World::new().await;
    let [first, second] = [Uuid::new_v4(), Uuid::new_v4()];
    let take = async |holder| lease(&world.db, "recover", holder, TTL).await.unwrap();
    assert_eq!(take(first).await, Some(DutyTerm { term: 1 }));
    assert_eq!(take(second).await, None);
    assert_eq!(
        take(first).await,
        Some(DutyTerm { term: 1 }),
        "kept, not taken anew"
    );
    expire(&world).await;
    assert_eq!(take(second).await, Some(DutyTerm { term: 2 }));
    assert_eq!(take(first).await, None);
    let other = lease(&world.db, "expire", first, TTL).await.unwrap();
    assert_eq!(
        other,
        Some(DutyTerm { term: 1 }),
        "each duty has its own holder"
    );
}

#[tokio::test]
async fn a_released_duty_is_free_at_once() {
    let world = World::new().await;
    let [first, second] = [Uuid::new_v4(), Uuid::new_v4()];
    lease(&world.db, "recover", first, TTL).await.unwrap();
    lease(&world.db, "expire", first, TTL).await.unwrap();
    lease(&world.db, "dispatch", second, TTL).await.unwrap();
    release(&world.db, first).await.unwrap();
    let held: Vec<bool> = list(&world.db)
        .await
        .unwrap()
        .iter()
        .map(|duty| duty.held)
        .collect();
    assert_eq!(held, [true, false, false], "dispatch, expire, recover");
    let taken = lease(&world.db, "recover", second, TTL).await.unwrap();
    assert_eq!(taken, Some(DutyTerm { term: 2 }));
}

#[tokio::test]
async fn a_report_of_an_earlier_term_is_not_written() {
    let world = World::new().await;
    let [first, second] = [Uuid::new_v4(), Uuid::new_v4()];
    let old = lease(&world.db, "recover", first, TTL)
        .await
        .unwrap()
        .unwrap();
    report(&world.db, world.now(), "recover", old, Ok("3 jobs"))
        .await
        .unwrap();
    expire(&world).await;
    let new = lease(&world.db, "recover", second, TTL)
        .await
        .unwrap()
        .unwrap();
    report(&world.db, world.now(), "recover", old, Ok("9 jobs"))
        .await
        .unwrap();
    let duty = list(&world.db).await.unwrap().remove(0);
    assert_eq!((duty.holder, duty.term), (second, 2));
    assert_eq!(duty.last_detail.as_deref(), Some("3 jobs"));
    world.advance(1);
    report(&world.db, world.now(), "recover", new, Err("no server"))
        .await
        .unwrap();
    let duty = list(&world.db).await.unwrap().remove(0);
    assert_eq!(duty.last_outcome.as_deref(), Some("failed"));
    assert_eq!(duty.last_detail.as_deref(), Some("no server"));
    assert_eq!(duty.last_run_at, Some(world.now()));
}
