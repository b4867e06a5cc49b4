//! Worker sessions live by the database's clock.

use store::sessions::{SessionLease, end, fleet_slots};

use crate::world::World;

#[tokio::test]
async fn a_living_session_is_renewed_and_a_dead_or_ended_one_is_not() {
    let world = World::new().await;
    let [living, dead, ended] = [
        world.session().await,
        world.session().await,
        world.session().await,
    ];
    world.kill(dead).await;
    end(&world.db, world.now(), ended).await.unwrap();
    world
        .run("UPDATE atelier.worker_session SET expires_at = expires_at - interval '10 s'")
        .await;
    for (session, expected) in [(living, true), (dead, false), (ended, false)] {
        let mut lease = SessionLease::new(world.args.clone(), session);
        assert_eq!(lease.renew().await.unwrap(), expected);
    }
    let left =
        "SELECT extract(epoch FROM max(expires_at) - now())::bigint FROM atelier.worker_session";
    assert!(
        world.number(left).await >= 13,
        "renewed for the whole time to live"
    );
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_pool_is_used_up() {
    let world = World::new().await;
    let session = world.session().await;
    let mut held = Vec::new();
    for _ in 0..world.args.database_pool {
        held.push(world.db.connection().await.unwrap());
    }
    let mut lease = SessionLease::new(world.args.clone(), session);
    assert!(lease.renew().await.unwrap());
    assert!(
        lease.renew().await.unwrap(),
        "over the same connection again"
    );
}

#[tokio::test]
async fn the_fleet_is_the_slots_of_the_living() {
    let world = World::new().await;
    assert_eq!(fleet_slots(&world.db).await.unwrap(), 0);
    let dead = world.session().await;
    world.session().await;
    world.session().await;
    world.kill(dead).await;
    assert_eq!(fleet_slots(&world.db).await.unwrap(), 8);
}
