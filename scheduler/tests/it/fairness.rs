//! No brand starves another.

use std::collections::BTreeSet;

use domain::Lane;
use scheduler::Duty;

use crate::world::{World, ids};

#[tokio::test]
async fn twenty_brands_with_one_job_go_out_in_the_first_fill_beside_a_flood_of_two_thousand() {
    let world = World::new().await;
    world.worker(16).await;
    world.waiting("a", Lane::Free, 2_000).await;
    let mut small = BTreeSet::new();
    for n in 0..20 {
        let brand = format!("small{n:02}");
        world.brand(&brand).await;
        small.extend(world.waiting(&brand, Lane::Free, 1).await);
    }
    world.dispatch().run().await.unwrap();
    let found = world.read().await;
    assert!(found.len() <= 32);
    assert!(
        small.is_subset(&ids(&found)),
        "a small brand waits behind the flood"
    );
}

#[tokio::test]
async fn brands_beyond_one_page_get_their_turn_before_anyone_gets_a_second_one() {
    const BRANDS: i64 = 1_100;
    let world = World::new().await;
    // A lane holds 600 entries.
    world.worker(300).await;
    let brands = format!(
        r#"INSERT INTO "Brand" (id, name, slug, status, "subscriptionPlan", "subscriptionStatus",
               "maxMonthlyGenerations", "maxProducts", "arEnabled", "createdAt", "updatedAt")
           SELECT 'many' || n, 'Many', 'many-' || n, 'VERIFIED', 'FREE', 'ACTIVE', 100, 1, true,
               now(), now() FROM generate_series(1, {BRANDS}) n;
           INSERT INTO "Product" (id, "brandId", slug, name, price, status, "updatedAt")
           SELECT 'many' || n || '_product', 'many' || n, 'ring', 'Ring', 0, 'ACTIVE', now()
           FROM generate_series(1, {BRANDS}) n"#
    );
    world.sql.batch_execute(&brands).await.unwrap();
    let requests: Vec<_> = (1..=BRANDS)
        .flat_map(|n| [format!("many{n}"), format!("many{n}")])
        .map(|brand| world.request(&brand, Lane::Free))
        .collect();
    world.accept(&requests).await;
    let mut dispatch = world.dispatch();
    for _ in 0..2 {
        world.run(&mut dispatch).await;
        assert_eq!(world.lose().await.len(), 600);
    }
    let served = "SELECT count(DISTINCT brand_id) FROM atelier.job WHERE dispatched_at IS NOT NULL";
    assert_eq!(world.number(served).await, BRANDS);
}

#[tokio::test]
async fn brands_whose_retries_are_not_due_do_not_hide_a_brand_behind_them() {
    let world = World::new().await;
    for n in 0..30 {
        let brand = format!("early{n:02}");
        world.brand(&brand).await;
        world.waiting(&brand, Lane::Retry, 1).await;
    }
    let later = "UPDATE atelier.job SET run_at = run_at + interval '1 hour'";
    world.sql.batch_execute(later).await.unwrap();
    world.brand("zulu").await;
    let due = world.waiting("zulu", Lane::Retry, 1).await;
    let heads = store::dispatch::heads(&world.db, world.now(), Lane::Retry, None, 10, 10);
    let found: Vec<_> = heads
        .await
        .unwrap()
        .into_iter()
        .map(|head| head.id)
        .collect();
    assert_eq!(found, due);
}
