//! Letting held jobs go on.

use domain::{BrandId, JobState};
use store::{generations, held};

use crate::invariants;
use crate::world::{self, World};

#[tokio::test]
async fn a_held_job_waits_again_and_keeps_its_unit_and_its_open_attempt() {
    let world = World::new().await;
    let claimed = world.fetched().await;
    world.settle(&[world::held(claimed.lease)]).await;
    let (brand, id) = (&claimed.brand_id, &claimed.public_id);
    assert!(
        held::release(&world.db, world.now(), brand, id)
            .await
            .unwrap()
    );
    let job = generations::find(&world.db, brand, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.state, JobState::Waiting);
    assert_eq!(world.used("a").await, 1);
    let next = world.session().await;
    let again = world.claim(next, &[claimed.lease.job]).await;
    assert!(
        again[0].open_attempt.is_some(),
        "the next owner sees what is open"
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_job_that_is_not_held_or_not_the_brands_is_left_alone() {
    let world = World::new().await;
    let claimed = world.running().await;
    let id = &claimed.public_id;
    assert!(
        !held::release(&world.db, world.now(), &claimed.brand_id, id)
            .await
            .unwrap()
    );
    world.settle(&[world::held(claimed.lease)]).await;
    let stranger = BrandId::from("b");
    assert!(
        !held::release(&world.db, world.now(), &stranger, id)
            .await
            .unwrap()
    );
    assert!(
        held::release(&world.db, world.now(), &claimed.brand_id, id)
            .await
            .unwrap()
    );
    assert!(
        !held::release(&world.db, world.now(), &claimed.brand_id, id)
            .await
            .unwrap()
    );
    invariants::check(&world).await;
}
