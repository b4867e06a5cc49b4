//! What brands decide is kept, changed piece by piece, and read with their products.

use domain::{BrandId, BrandPolicy, Clock, Moderation, ModerationFailure, UnknownOutcome};
use store::StoreError;
use store::policies::{self, PolicyChange};

use crate::world::World;

async fn policy(world: &World) -> BrandPolicy {
    let brand = BrandId::from("a");
    let all = policies::load(&world.db, std::slice::from_ref(&brand)).await;
    all.unwrap().remove(&brand).unwrap_or_default()
}

async fn change(world: &World, change: PolicyChange) {
    let now = world.clock.now();
    policies::change(&world.db, now, &BrandId::from("a"), &change)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_brand_that_decided_nothing_has_the_defaults() {
    let world = World::new().await;
    assert_eq!(policy(&world).await, BrandPolicy::default());
    change(&world, PolicyChange::default()).await;
    assert_eq!(policy(&world).await, BrandPolicy::default());
}

#[tokio::test]
async fn a_decision_changes_and_the_others_stay() {
    let world = World::new().await;
    let words = PolicyChange {
        deny_list: Some("fool".to_owned()),
        unknown_outcome: Some(UnknownOutcome::Hold),
        ..PolicyChange::default()
    };
    change(&world, words).await;
    let looked_at = PolicyChange {
        moderation: Some(Moderation::OpenAi),
        moderation_failure: Some(ModerationFailure::Open),
        ..PolicyChange::default()
    };
    change(&world, looked_at).await;
    let policy = policy(&world).await;
    assert!(policy.deny_list.denies("a FOOL"));
    assert_eq!(policy.unknown_outcome, UnknownOutcome::Hold);
    assert_eq!(policy.moderation, Moderation::OpenAi);
    assert_eq!(policy.moderation_failure, ModerationFailure::Open);
}

#[tokio::test]
async fn nobody_decides_for_a_brand_that_is_not_there() {
    let world = World::new().await;
    let now = world.clock.now();
    let nobody = BrandId::from("nobody");
    let refused = policies::change(&world.db, now, &nobody, &PolicyChange::default()).await;
    assert!(
        matches!(refused, Err(StoreError::Database { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_list_that_somebody_broke_is_named() {
    let world = World::new().await;
    change(&world, PolicyChange::default()).await;
    world
        .run("UPDATE atelier.brand_policy SET deny_list = '***'")
        .await;
    let broken = policies::load(&world.db, &[BrandId::from("a")]).await;
    let error = broken.unwrap_err().to_string();
    assert!(
        error.contains("brand_policy") && error.contains("deny_list"),
        "{error}"
    );
}
