//! Keys: only a hash is stored, older platforms' keys go on working.

use domain::{BrandId, KeyId, Plan};
use store::api_keys::{KeyKind, NewKey, active_legacy, create, create_legacy, find, list, revoke};
use uuid::Uuid;

use crate::world::World;

const SECRET: &str = "sk_test_0123456789abcdefghijklmnop";

fn key(kind: KeyKind, text: &str) -> NewKey {
    NewKey {
        id: KeyId(Uuid::now_v7()),
        brand_id: "a".into(),
        kind,
        name: "server".to_owned(),
        key: text.to_owned(),
        origins: vec!["https://shop.example".to_owned()],
    }
}

#[tokio::test]
async fn a_key_finds_its_brand_and_plan() {
    let world = World::new().await;
    let secret = key(KeyKind::Secret, SECRET);
    let publishable = key(KeyKind::Publishable, "pk_test_0123456789");
    for key in [&secret, &publishable] {
        create(&world.db, world.now(), key).await.unwrap();
    }
    let holder = find(&world.db, world.now(), SECRET).await.unwrap().unwrap();
    assert_eq!(holder.key_id, secret.id.0.to_string());
    assert_eq!(
        (holder.kind, holder.plan),
        (KeyKind::Secret, Plan::Enterprise)
    );
    assert_eq!(holder.brand_id, BrandId::from("a"));
    let holder = find(&world.db, world.now(), "pk_test_0123456789")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(holder.kind, KeyKind::Publishable);
    assert_eq!(holder.origins, ["https://shop.example"]);
    for wrong in ["", "sk_test_", &SECRET[1..], &SECRET.to_uppercase()] {
        assert_eq!(find(&world.db, world.now(), wrong).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_dump_of_the_table_does_not_contain_the_key() {
    let world = World::new().await;
    create(&world.db, world.now(), &key(KeyKind::Secret, SECRET))
        .await
        .unwrap();
    let dump: String = sqlx::query_scalar("SELECT string_agg(k::text, '') FROM atelier.api_key k")
        .fetch_one(&world.sql)
        .await
        .unwrap();
    let row = list(&world.db, &"a".into()).await.unwrap().remove(0);
    assert_eq!(
        (row.prefix.as_str(), row.last_four.as_str()),
        ("sk_test_", "mnop")
    );
    // Whatever the column's encoding, no five characters of the secret part stand there.
    let dump = dump.to_lowercase();
    for part in SECRET.as_bytes()[8..].windows(5) {
        let text = String::from_utf8(part.to_vec()).unwrap();
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&text) && !dump.contains(&hex), "{text}");
    }
}

#[tokio::test]
async fn a_revoked_key_and_a_key_of_a_deleted_brand_open_nothing() {
    let world = World::new().await;
    let first = key(KeyKind::Secret, SECRET);
    create(&world.db, world.now(), &first).await.unwrap();
    assert!(revoke(&world.db, world.now(), first.id).await.unwrap());
    assert!(!revoke(&world.db, world.now(), first.id).await.unwrap());
    assert_eq!(find(&world.db, world.now(), SECRET).await.unwrap(), None);
    assert_eq!(
        list(&world.db, &"a".into()).await.unwrap()[0].revoked_at,
        Some(world.now())
    );

    create(
        &world.db,
        world.now(),
        &key(KeyKind::Secret, "sk_other_key_1"),
    )
    .await
    .unwrap();
    world.run(r#"UPDATE "Brand" SET "deletedAt" = now()"#).await;
    assert_eq!(
        find(&world.db, world.now(), "sk_other_key_1")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn the_same_key_cannot_be_stored_twice() {
    let world = World::new().await;
    create(&world.db, world.now(), &key(KeyKind::Secret, SECRET))
        .await
        .unwrap();
    let again = create(&world.db, world.now(), &key(KeyKind::Secret, SECRET)).await;
    assert!(!again.unwrap_err().is_transient());
}

#[tokio::test]
async fn an_older_platforms_key_works_while_it_is_active_and_in_time() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    create_legacy(&world.db, world.now(), "ck1", &brand, "legacy-key")
        .await
        .unwrap();
    let holder = find(&world.db, world.now(), "legacy-key")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (holder.kind, holder.key_id.as_str()),
        (KeyKind::Legacy, "ck1")
    );
    assert_eq!(active_legacy(&world.db).await.unwrap(), [(brand, 1)]);
    world
        .run(r#"UPDATE "ApiKey" SET "expiresAt" = '2026-03-01 12:00:01'"#)
        .await;
    assert!(
        find(&world.db, world.now(), "legacy-key")
            .await
            .unwrap()
            .is_some()
    );
    world.advance(1);
    assert_eq!(
        find(&world.db, world.now(), "legacy-key").await.unwrap(),
        None
    );
    world
        .run(r#"UPDATE "ApiKey" SET "expiresAt" = NULL, "isActive" = false"#)
        .await;
    assert_eq!(
        find(&world.db, world.now(), "legacy-key").await.unwrap(),
        None
    );
    assert!(active_legacy(&world.db).await.unwrap().is_empty());
}
