//! Idempotency keys: the same key never makes two generations, whoever is first.

use std::sync::Arc;

use domain::Plan;
use store::intake::{Accepted, Refusal};
use tokio::task::JoinSet;

use crate::invariants;
use crate::world::World;

#[tokio::test]
async fn a_repeat_gets_the_generation_of_the_first() {
    let world = World::new().await;
    let first = world.keyed("a", "k", 1);
    world.accept(std::slice::from_ref(&first)).await;
    let decisions = world
        .decide(&[world.keyed("a", "k", 1), world.keyed("a", "k", 2)])
        .await;
    let replayed = Ok(Accepted::Replayed(first.id, first.public_id));
    assert_eq!(decisions, [replayed, Err(Refusal::KeyReused)]);
    assert_eq!(world.used("a").await, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_same_key_twice_in_one_batch_is_one_generation() {
    let world = World::new().await;
    let batch = [
        world.keyed("a", "k", 1),
        world.request("a"),
        world.keyed("a", "k", 1),
        world.keyed("a", "k", 2),
        world.keyed("a", "other", 2),
    ];
    let decisions = world.decide(&batch).await;
    let first = &batch[0];
    assert_eq!(
        decisions,
        [
            Ok(Accepted::Created),
            Ok(Accepted::Created),
            Ok(Accepted::Replayed(first.id, first.public_id.clone())),
            Err(Refusal::KeyReused),
            Ok(Accepted::Created),
        ]
    );
    assert_eq!(world.used("a").await, 3);
    invariants::check(&world).await;
}

#[tokio::test]
async fn the_same_key_under_another_api_key_is_another_key() {
    let world = World::new().await;
    let first = world.keyed("a", "k", 1);
    let mut second = world.keyed("a", "k", 2);
    second.idempotency.as_mut().unwrap().scope = "key_2".to_owned();
    world.accept(&[first, second]).await;
}

#[tokio::test]
async fn a_repeat_within_a_refused_batch_is_refused_alike() {
    let world = World::new().await;
    world.brand("none", Plan::Free, 0).await;
    let decisions = world
        .decide(&[world.keyed("none", "k", 1), world.keyed("none", "k", 1)])
        .await;
    assert!(matches!(decisions[0], Err(Refusal::Quota(_))));
    assert_eq!(decisions[0], decisions[1]);
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.idempotency_key")
            .await,
        0
    );
}

#[tokio::test]
async fn a_repeat_of_a_known_key_is_judged_by_the_stored_meaning() {
    let world = World::new().await;
    let first = world.keyed("a", "k", 1);
    world.accept(std::slice::from_ref(&first)).await;
    let batch = [
        world.keyed("a", "k", 2),
        world.keyed("a", "k", 1),
        world.keyed("a", "k", 2),
    ];
    let decisions = world.decide(&batch).await;
    let replayed = Ok(Accepted::Replayed(first.id, first.public_id));
    assert_eq!(
        decisions,
        [Err(Refusal::KeyReused), replayed, Err(Refusal::KeyReused)]
    );
}

#[tokio::test]
async fn a_repeat_after_the_end_of_the_quota_still_gets_its_generation() {
    let world = World::new().await;
    world.brand("tiny", Plan::Free, 1).await;
    let first = world.keyed("tiny", "k", 1);
    world.accept(std::slice::from_ref(&first)).await;
    let decisions = world.decide(&[world.keyed("tiny", "k", 1)]).await;
    assert_eq!(
        decisions,
        [Ok(Accepted::Replayed(first.id, first.public_id))]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_batches_with_the_same_keys_make_each_once() {
    let world = Arc::new(World::new().await);
    let mut running = JoinSet::new();
    for turn in 0..24 {
        let mut batch: Vec<_> = (0..10)
            .map(|n| world.keyed("a", &format!("k{n}"), 1))
            .collect();
        batch.rotate_left(turn % 10);
        let world = Arc::clone(&world);
        running.spawn(async move {
            let decisions = world.decide(&batch).await;
            batch.into_iter().zip(decisions).collect::<Vec<_>>()
        });
    }
    let mut answers = std::collections::HashMap::new();
    let mut created = 0;
    for (request, decision) in running.join_all().await.into_iter().flatten() {
        let id = match decision.unwrap() {
            Accepted::Created => {
                created += 1;
                request.id
            }
            Accepted::Replayed(id, _) => id,
        };
        let key = request.idempotency.unwrap().key;
        assert_eq!(
            *answers.entry(key).or_insert(id),
            id,
            "all get the same generation"
        );
    }
    assert_eq!(created, 10);
    assert_eq!(world.used("a").await, 10);
    assert_eq!(world.deadlocks().await, 0);
    invariants::check(&world).await;
}

/// The holder of a key is still undecided when the repeat arrives; it is refused, so the repeat is
/// judged on its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_batches_over_the_limit_leave_no_key_behind() {
    let world = Arc::new(World::new().await);
    world.brand("tiny", Plan::Free, 3).await;
    let mut running = JoinSet::new();
    for _ in 0..12 {
        let batch: Vec<_> = (0..6)
            .map(|n| world.keyed("tiny", &format!("k{n}"), 1))
            .collect();
        let world = Arc::clone(&world);
        running.spawn(async move { world.decide(&batch).await });
    }
    running.join_all().await;
    assert_eq!(world.used("tiny").await, 3);
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.idempotency_key")
            .await,
        3
    );
    invariants::check(&world).await;
}
