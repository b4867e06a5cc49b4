//! What is too late, and what is too old.

use chrono::TimeDelta;
use domain::Lane;
use scheduler::{Expiry, Retention};
use store::intake::{IdempotencyKey, NewGeneration};

use crate::world::World;

#[tokio::test]
async fn a_job_not_begun_in_time_expires_its_quota_goes_back_and_the_brand_is_told() {
    let world = World::new().await;
    let request = NewGeneration {
        start_by: Some(world.now() + TimeDelta::seconds(10)),
        ..world.request("a", Lane::Free)
    };
    let job = world.accept(&[request]).await[0];
    let used = r#"SELECT "monthlyGenerations"::bigint FROM "Brand" WHERE id = 'a'"#;
    assert_eq!(world.number(used).await, 1);
    let mut expiry = Expiry::new(
        world.db.clone(),
        world.shared_clock(),
        world.counted.clone(),
    );
    world.advance(9);
    assert_eq!(world.run(&mut expiry).await.changed, 0);
    world.advance(1);
    assert_eq!(world.run(&mut expiry).await.changed, 1);
    assert_eq!(world.job(job, "state").await, "expired");
    assert_eq!(world.number(used).await, 0);
    let status = r#"SELECT count(*) FROM "Generation" WHERE status = 'EXPIRED'"#;
    assert_eq!(world.number(status).await, 1);
    let told = "SELECT count(*) FROM atelier.outbox WHERE kind = 'generation.failed'";
    assert_eq!(world.number(told).await, 1);
    assert_eq!(world.run(&mut expiry).await.changed, 0, "it expires once");
    assert_eq!(world.number(used).await, 0);
}

#[tokio::test]
async fn more_late_jobs_than_one_sweep_takes_are_all_ended_by_one_round() {
    let world = World::new().await;
    let requests: Vec<_> = (0..1_100)
        .map(|_| NewGeneration {
            start_by: Some(world.now() + TimeDelta::seconds(1)),
            ..world.request("a", Lane::Free)
        })
        .collect();
    world.accept(&requests).await;
    world.advance(2);
    let mut expiry = Expiry::new(
        world.db.clone(),
        world.shared_clock(),
        world.counted.clone(),
    );
    world.run(&mut expiry).await;
    assert_eq!(world.counted.expired_total.get(), 1_100);
}

#[tokio::test]
async fn an_idempotency_key_is_forgotten_after_two_days_and_not_before() {
    let world = World::new().await;
    let request = NewGeneration {
        idempotency: Some(IdempotencyKey {
            scope: "key_1".to_owned(),
            key: "k".to_owned(),
            fingerprint: [7; 32],
        }),
        ..world.request("a", Lane::Free)
    };
    world.accept(&[request]).await;
    let mut retention = Retention::new(world.db.clone(), world.shared_clock());
    world.advance(48 * 3_600);
    assert_eq!(world.run(&mut retention).await.changed, 0);
    world.advance(1);
    assert_eq!(world.run(&mut retention).await.changed, 1);
}
