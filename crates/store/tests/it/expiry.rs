//! Ending what is late.

use chrono::TimeDelta;
use store::expiry::{SWEEP, sweep};
use store::intake::NewGeneration;

use crate::invariants;
use crate::world::World;

#[tokio::test]
async fn what_was_not_begun_or_not_finished_in_time_expires_and_nothing_else() {
    let world = World::new().await;
    let now = world.now();
    let soon = Some(now + TimeDelta::milliseconds(1));
    let late_start = NewGeneration {
        start_by: Some(now),
        ..world.request("a")
    };
    let late = NewGeneration {
        deadline: Some(now),
        ..world.request("a")
    };
    let in_time = NewGeneration {
        start_by: soon,
        deadline: soon,
        ..world.request("a")
    };
    let free = NewGeneration {
        dispatch_now: true,
        ..world.request("a")
    };
    let ids = world.accept(&[late_start, late, in_time, free]).await;
    assert_eq!(sweep(&world.db, now).await.unwrap(), 2);
    let mut states = Vec::new();
    for id in &ids {
        states.push(world.job(*id).await.state);
    }
    assert_eq!(states, ["expired", "expired", "waiting", "waiting"]);
    assert_eq!(world.status(ids[0]).await, "EXPIRED");
    assert_eq!(world.job(ids[0]).await.reason.as_deref(), Some("expired"));
    assert_eq!(world.events(ids[1]).await, ["generation.failed"]);
    assert_eq!(world.used("a").await, 2);
    assert_eq!(sweep(&world.db, now).await.unwrap(), 0);
    invariants::check(&world).await;
}

#[tokio::test]
async fn one_sweep_ends_at_most_its_limit_and_the_next_the_rest() {
    let world = World::new().await;
    let late: Vec<_> = (0..SWEEP + 3)
        .map(|_| NewGeneration {
            start_by: Some(world.now()),
            ..world.request("a")
        })
        .collect();
    world.accept(&late).await;
    assert_eq!(
        sweep(&world.db, world.now()).await.unwrap(),
        SWEEP.unsigned_abs()
    );
    assert_eq!(sweep(&world.db, world.now()).await.unwrap(), 3);
    invariants::check(&world).await;
}
