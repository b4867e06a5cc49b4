//! Keys of providers: sealed in the table, opened by who has the master key, gone when removed.

use domain::BrandId;
use secrecy::{ExposeSecret, SecretString};
use store::SealingKeys;
use store::provider_keys::{self, NewProviderKey};
use store::routes;
use uuid::Uuid;

use crate::world::World;

const SECRET: &str = "sk-proj-an-own-key-of-the-brand-0001";

fn master(id: &str, byte: u8) -> SealingKeys {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.encode([byte; 32]);
    format!("{id}:{key}").parse().unwrap()
}

fn key(brand: Option<&str>) -> NewProviderKey {
    NewProviderKey {
        id: Uuid::now_v7(),
        brand: brand.map(BrandId::from),
        provider: "openai".to_owned(),
        name: "main".to_owned(),
        secret: SecretString::from(SECRET),
    }
}

#[tokio::test]
async fn a_key_is_sealed_in_its_row_and_opens_for_its_owner_alone() {
    let world = World::new().await;
    let master = master("k1", 1);
    let new = key(Some("a"));
    provider_keys::add(&world.db, world.now(), &master, &new)
        .await
        .unwrap();
    let row: String = sqlx::query_scalar("SELECT k::text FROM atelier.provider_key k")
        .fetch_one(&world.sql)
        .await
        .unwrap();
    let hex: String = SECRET.bytes().map(|b| format!("{b:02x}")).collect();
    assert!(!row.contains(SECRET) && !row.contains(&hex), "{row}");
    let route = routes::load(&world.db, &"a".into()).await.unwrap();
    let opened = provider_keys::open(&master, &route.keys[0]).unwrap();
    assert_eq!(opened.expose_secret(), SECRET);
    // A row that was copied to another brand opens nothing.
    let mut stolen = route.keys[0].clone();
    stolen.brand = Some("b".into());
    assert!(provider_keys::open(&master, &stolen).is_err());
}

#[tokio::test]
async fn a_removed_key_is_gone_and_a_replaced_one_leaves_no_gap() {
    let world = World::new().await;
    let master = master("k1", 1);
    let (old, new) = (key(Some("a")), key(Some("a")));
    provider_keys::add(&world.db, world.now(), &master, &old)
        .await
        .unwrap();
    assert!(
        provider_keys::add(&world.db, world.now(), &master, &new)
            .await
            .is_err(),
        "one of a name"
    );
    let replaced = provider_keys::replace(&world.db, world.now(), &master, old.id, &new);
    assert!(replaced.await.unwrap());
    let brand = BrandId::from("a");
    let kept = provider_keys::list(&world.db, Some(&brand)).await.unwrap();
    assert_eq!(kept.iter().map(|k| k.id).collect::<Vec<_>>(), [new.id]);
    assert!(
        !provider_keys::remove(&world.db, world.now(), None, new.id)
            .await
            .unwrap()
    );
    assert!(
        provider_keys::remove(&world.db, world.now(), Some(&brand), new.id)
            .await
            .unwrap()
    );
    assert!(
        provider_keys::list(&world.db, Some(&brand))
            .await
            .unwrap()
            .is_empty()
    );
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM atelier.provider_key WHERE length(sealed) > 0")
            .fetch_one(&world.sql)
            .await
            .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn an_older_platforms_key_is_imported_once_and_taken_out_of_its_column() {
    let world = World::new().await;
    sqlx::query(
        r#"INSERT INTO "ClientSettings" (id, "brandId", "customApiKey", "updatedAt")
        VALUES ('s', 'a', $1, now())"#,
    )
    .bind(SECRET)
    .execute(&world.sql)
    .await
    .unwrap();
    assert!(
        routes::load(&world.db, &"a".into())
            .await
            .unwrap()
            .has_plain_key
    );
    let plain = provider_keys::plain_keys(&world.db).await.unwrap();
    assert_eq!((plain.len(), plain[0].provider.as_str()), (1, "openai"));
    let master = master("k1", 1);
    provider_keys::import(&world.db, world.now(), &master, &key(Some("a")))
        .await
        .unwrap();
    let route = routes::load(&world.db, &"a".into()).await.unwrap();
    assert!(!route.has_plain_key && route.keys.len() == 1);
}

#[tokio::test]
async fn keys_are_sealed_anew_with_a_new_master_key() {
    let world = World::new().await;
    let old = master("k1", 1);
    provider_keys::add(&world.db, world.now(), &old, &key(None))
        .await
        .unwrap();
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let both = format!(
        "k2:{},k1:{}",
        engine.encode([2; 32]),
        engine.encode([1; 32])
    );
    let both: SealingKeys = both.parse().unwrap();
    assert_eq!(provider_keys::reseal(&world.db, &both).await.unwrap(), 1);
    let kept = provider_keys::list(&world.db, None).await.unwrap();
    assert_eq!(kept[0].sealed.with, "k2");
    assert!(provider_keys::open(&master("k2", 2), &kept[0]).is_ok());
    assert_eq!(provider_keys::reseal(&world.db, &both).await.unwrap(), 0);
}
