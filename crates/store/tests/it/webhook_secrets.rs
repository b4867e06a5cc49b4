//! Secrets of endpoints: sealed, replaced with an overlap, taken over from the older platform.

use chrono::Duration;
use domain::BrandId;
use secrecy::ExposeSecret;
use store::webhooks::adopt::adopt;
use store::webhooks::secrets::{
    NewSecret, NoSecret, Owner, SecretKind, list, of_endpoints, remove_signing_key, replace, upkeep,
};
use store::{SealError, SealingKeys};
use uuid::Uuid;

use crate::webhook_endpoints::{make, sealing};
use crate::world::World;

fn secret(text: &str) -> NewSecret {
    NewSecret {
        id: Uuid::new_v4(),
        kind: SecretKind::Hmac,
        secret: text.into(),
    }
}

/// What an endpoint signs with, in order.
async fn signing(
    world: &World,
    keys: Option<&SealingKeys>,
    id: &str,
) -> Result<Vec<String>, NoSecret> {
    let mut found = of_endpoints(&world.db, world.now(), keys, &[id.to_owned()])
        .await
        .unwrap();
    let secrets = found.remove(id).expect("the endpoint is there")?;
    let texts = secrets.hmac.iter().chain(&secrets.ed25519);
    Ok(texts.map(|one| one.expose_secret().to_owned()).collect())
}

async fn turn(world: &World, owner: Owner<'_>, text: &str, overlap: Duration) {
    let keys = sealing();
    replace(&world.db, world.now(), &keys, owner, &secret(text), overlap)
        .await
        .unwrap();
}

#[tokio::test]
async fn both_secrets_sign_during_the_overlap_and_then_only_the_new_one() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    let id = make(&world, "whsec_one").await;
    let owner = Owner {
        brand: &brand,
        webhook: Some(&id),
    };
    world.advance(1);
    turn(&world, owner, "whsec_two", Duration::hours(24)).await;
    let keys = sealing();
    assert_eq!(
        signing(&world, Some(&keys), &id).await.unwrap(),
        ["whsec_two", "whsec_one"]
    );
    world.advance(24 * 3600 - 1);
    assert_eq!(signing(&world, Some(&keys), &id).await.unwrap().len(), 2);
    world.advance(1);
    assert_eq!(
        signing(&world, Some(&keys), &id).await.unwrap(),
        ["whsec_two"]
    );

    turn(&world, owner, "whsec_three", Duration::zero()).await;
    assert_eq!(
        signing(&world, Some(&keys), &id).await.unwrap(),
        ["whsec_three"]
    );
    assert_eq!(list(&world.db, world.now(), owner).await.unwrap().len(), 1);
}

#[tokio::test]
async fn ten_secrets_sign_at_most_and_the_oldest_ends_first() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    let id = make(&world, "whsec_0").await;
    let owner = Owner {
        brand: &brand,
        webhook: Some(&id),
    };
    for n in 1..15 {
        world.advance(1);
        turn(&world, owner, &format!("whsec_{n}"), Duration::days(7)).await;
    }
    let expected: Vec<String> = (5..15).rev().map(|n| format!("whsec_{n}")).collect();
    assert_eq!(
        signing(&world, Some(&sealing()), &id).await.unwrap(),
        expected
    );
}

#[tokio::test]
async fn the_tables_hold_no_secret_and_a_row_moved_elsewhere_does_not_open() {
    let world = World::new().await;
    let id = make(&world, "whsec_one").await;
    let other = make(&world, "whsec_other").await;
    let plain: Vec<String> = sqlx::query_scalar(r#"SELECT DISTINCT secret FROM "Webhook""#)
        .fetch_all(&world.sql)
        .await
        .unwrap();
    assert_eq!(plain, ["sealed"]);
    let sealed: Vec<Vec<u8>> = sqlx::query_scalar("SELECT sealed FROM atelier.webhook_secret")
        .fetch_all(&world.sql)
        .await
        .unwrap();
    assert!(
        sealed
            .iter()
            .all(|bytes| !String::from_utf8_lossy(bytes).contains("whsec"))
    );

    assert_eq!(signing(&world, None, &id).await, Err(NoSecret::NoKeys));
    let statement =
        "UPDATE atelier.webhook_secret a SET sealed = b.sealed FROM atelier.webhook_secret b
         WHERE a.webhook_id = $1 AND b.webhook_id = $2";
    sqlx::query(statement)
        .bind(&id)
        .bind(&other)
        .execute(&world.sql)
        .await
        .unwrap();
    let moved = signing(&world, Some(&sealing()), &id).await;
    assert_eq!(moved, Err(NoSecret::Seal(SealError::Broken)));
    assert!(signing(&world, Some(&sealing()), &other).await.is_ok());
}

async fn older(world: &World, id: &str, secret: &str) {
    sqlx::query(
        r#"INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "updatedAt")
           VALUES ($1, 'a', 'w', 'https://x', $2, '{GENERATION_COMPLETED}', now())
           ON CONFLICT (id) DO UPDATE SET secret = $2"#,
    )
    .bind(id)
    .bind(secret)
    .execute(&world.sql)
    .await
    .unwrap();
    adopt(&world.db, world.now(), 10).await.unwrap();
}

#[tokio::test]
async fn the_older_platforms_secret_is_used_as_it_is_then_sealed_and_a_new_one_of_its_taken_over() {
    let world = World::new().await;
    let keys = sealing();
    older(&world, "old", "my secret").await;
    assert_eq!(signing(&world, None, "old").await.unwrap(), ["my secret"]);
    assert_eq!(upkeep(&world.db, world.now(), &keys, 10).await.unwrap(), 1);
    assert_eq!(upkeep(&world.db, world.now(), &keys, 10).await.unwrap(), 0);
    assert_eq!(signing(&world, None, "old").await, Err(NoSecret::NoKeys));
    assert_eq!(
        signing(&world, Some(&keys), "old").await.unwrap(),
        ["my secret"]
    );

    world.advance(60);
    older(&world, "old", "another").await;
    assert_eq!(
        signing(&world, Some(&keys), "old").await.unwrap(),
        ["another", "my secret"]
    );
    assert_eq!(upkeep(&world.db, world.now(), &keys, 10).await.unwrap(), 1);
    assert_eq!(
        signing(&world, Some(&keys), "old").await.unwrap(),
        ["another", "my secret"]
    );
    world.advance(24 * 3600);
    assert_eq!(
        signing(&world, Some(&keys), "old").await.unwrap(),
        ["another"]
    );
}

#[tokio::test]
async fn an_older_secret_that_nobody_sealed_yet_overlaps_too_when_it_is_replaced() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    older(&world, "old", "my secret").await;
    let owner = Owner {
        brand: &brand,
        webhook: Some("old"),
    };
    turn(&world, owner, "whsec_new", Duration::hours(1)).await;
    let keys = sealing();
    assert_eq!(
        signing(&world, Some(&keys), "old").await.unwrap(),
        ["whsec_new", "my secret"]
    );
    world.advance(3600);
    assert_eq!(
        signing(&world, Some(&keys), "old").await.unwrap(),
        ["whsec_new"]
    );
}

#[tokio::test]
async fn an_endpoint_that_signed_nothing_gets_a_secret_of_its_own() {
    let world = World::new().await;
    let keys = sealing();
    older(&world, "old", "").await;
    assert_eq!(
        signing(&world, Some(&keys), "old").await,
        Err(NoSecret::Missing)
    );
    assert_eq!(upkeep(&world.db, world.now(), &keys, 10).await.unwrap(), 1);
    let made = signing(&world, Some(&keys), "old").await.unwrap();
    assert!(
        made[0].starts_with("whsec_") && made[0].len() == 50,
        "{made:?}"
    );
}

#[tokio::test]
async fn a_signing_key_stands_beside_the_secret_and_goes_alone() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    let keys = sealing();
    let id = make(&world, "whsec_one").await;
    let owner = Owner {
        brand: &brand,
        webhook: Some(&id),
    };
    let key = NewSecret {
        kind: SecretKind::Ed25519,
        ..secret("whsk_key")
    };
    replace(&world.db, world.now(), &keys, owner, &key, Duration::zero())
        .await
        .unwrap();
    assert_eq!(
        signing(&world, Some(&keys), &id).await.unwrap(),
        ["whsec_one", "whsk_key"]
    );
    assert!(remove_signing_key(&world.db, owner).await.unwrap());
    assert!(!remove_signing_key(&world.db, owner).await.unwrap());
    assert_eq!(
        signing(&world, Some(&keys), &id).await.unwrap(),
        ["whsec_one"]
    );
}
