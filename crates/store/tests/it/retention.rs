//! Forgetting.

use chrono::TimeDelta;
use store::retention::{IDEMPOTENCY_HOURS, SESSION_DAYS, sweep};

use crate::world::World;

#[tokio::test]
async fn keys_are_forgotten_after_their_hours_and_not_before() {
    let world = World::new().await;
    let old = world.keyed("a", "old", 1);
    world.accept(std::slice::from_ref(&old)).await;
    world.clock.set(world.now() + TimeDelta::hours(1));
    world.accept(&[world.keyed("a", "young", 1)]).await;
    let later = world.now() + TimeDelta::hours(IDEMPOTENCY_HOURS) - TimeDelta::seconds(1);
    assert_eq!(sweep(&world.db, later, 10).await.unwrap(), 1);
    let kept: Vec<String> = sqlx::query_scalar("SELECT key FROM atelier.idempotency_key")
        .fetch_all(&world.sql)
        .await
        .unwrap();
    assert_eq!(kept, ["young"]);
    assert_eq!(
        world.number("SELECT count(*) FROM atelier.job").await,
        2,
        "the jobs stay"
    );
}

#[tokio::test]
async fn ended_sessions_are_forgotten_after_their_days_unless_a_job_is_left_under_them() {
    let world = World::new().await;
    let gone = world.session().await;
    let with_job = world.running().await.lease.session;
    let living = world.session().await;
    for session in [gone, with_job] {
        store::sessions::end(&world.db, world.now(), session)
            .await
            .unwrap();
    }
    let early = world.now() + TimeDelta::days(SESSION_DAYS);
    assert_eq!(sweep(&world.db, early, 10).await.unwrap(), 0);
    assert_eq!(
        sweep(&world.db, early + TimeDelta::seconds(1), 10)
            .await
            .unwrap(),
        1
    );
    let mut kept: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM atelier.worker_session")
        .fetch_all(&world.sql)
        .await
        .unwrap();
    kept.sort();
    assert_eq!(kept, [with_job.0, living.0]);
}

#[tokio::test]
async fn a_sweep_deletes_at_most_its_limit_of_each() {
    let world = World::new().await;
    let requests: Vec<_> = (0..5)
        .map(|n| world.keyed("a", &n.to_string(), 1))
        .collect();
    world.accept(&requests).await;
    let later = world.now() + TimeDelta::days(30);
    assert_eq!(sweep(&world.db, later, 2).await.unwrap(), 2);
    assert_eq!(sweep(&world.db, later, 9).await.unwrap(), 3);
}
