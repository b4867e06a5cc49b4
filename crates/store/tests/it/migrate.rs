//! The schema's history: applied once, refused when it was rewritten, and never over old rows.

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use store::StoreError;
use store::migrate::{MIGRATOR, status, up};
use testkit::TestDatabase;

use crate::world::{World, open};

/// Every table and every column with its type, as one text to compare.
async fn shape(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT table_schema || '.' || table_name || '.' || column_name || ' ' || data_type
         FROM information_schema.columns WHERE table_schema IN ('public', 'atelier')
         ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn up_applies_everything_once() {
    let database = TestDatabase::empty().await.unwrap();
    let db = open(database.url());
    let pending = status(&db).await.unwrap();
    assert!(pending.len() >= 3);
    assert!(
        pending
            .iter()
            .all(|migration| !migration.applied && migration.checksum_matches)
    );
    assert_eq!(pending[1].name, "add saas personalization models");
    assert_eq!(up(&db).await.unwrap(), pending.len());
    assert!(
        status(&db)
            .await
            .unwrap()
            .iter()
            .all(|migration| migration.applied)
    );
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let before = shape(&mut connection).await;
    assert_eq!(up(&db).await.unwrap(), 0);
    assert_eq!(shape(&mut connection).await, before);
    db.close().await;
}

#[tokio::test]
async fn looking_at_an_empty_database_changes_nothing() {
    let database = TestDatabase::empty().await.unwrap();
    let db = open(database.url());
    status(&db).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    assert!(shape(&mut connection).await.is_empty());
    db.close().await;
}

#[tokio::test]
async fn a_migration_that_was_rewritten_after_it_was_applied_is_refused() {
    let world = World::new().await;
    world
        .run(r"UPDATE atelier.migration SET checksum = '\x00' WHERE version = 2")
        .await;
    let found = status(&world.db).await.unwrap();
    let matches: Vec<bool> = found
        .iter()
        .map(|migration| migration.checksum_matches)
        .collect();
    assert_eq!(matches[..3], [true, false, true]);
    let refused = up(&world.db).await.unwrap_err();
    assert!(matches!(refused, StoreError::Migration(_)) && !refused.is_transient());
}

/// A database of the older platform, with the rows that its change cannot yet carry.
async fn baseline(url: &str) -> PgConnection {
    let mut first = Migrator::with_migrations(MIGRATOR.iter().take(1).cloned().collect());
    first.create_schema("atelier");
    first.dangerous_set_table_name("atelier.migration");
    let mut connection = PgConnection::connect(url).await.unwrap();
    first.run(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn a_baseline_that_holds_rows_is_refused_and_stays_as_it_was() {
    let rows = [
        r#"INSERT INTO "Product" (id, "brandId", name, price, "updatedAt") VALUES ('p', 'b', 'P', 1, now())"#,
        r#"INSERT INTO "Webhook" (id, "brandId", event, url, payload) VALUES ('w', 'b', 'e', 'u', '{}')"#,
        r#"INSERT INTO "WebhookLog" (id, "webhookId", topic, "shopDomain", payload)
           VALUES ('l', 'nowhere', 't', 's', '{}')"#,
    ];
    for row in rows {
        let database = TestDatabase::empty().await.unwrap();
        let mut connection = baseline(database.url()).await;
        let brand =
            r#"INSERT INTO "Brand" (id, name, slug, "updatedAt") VALUES ('b', 'B', 'b', now())"#;
        sqlx::raw_sql(brand).execute(&mut connection).await.unwrap();
        sqlx::raw_sql(row).execute(&mut connection).await.unwrap();
        let before = shape(&mut connection).await;

        let db = open(database.url());
        let refused = up(&db).await.unwrap_err();
        let StoreError::Migration(source) = refused else {
            panic!("{refused:?}")
        };
        assert!(source.to_string().contains("already hold rows"), "{source}");
        assert_eq!(shape(&mut connection).await, before);
        let applied: Vec<bool> = status(&db)
            .await
            .unwrap()
            .iter()
            .map(|migration| migration.applied)
            .collect();
        assert_eq!(applied[..3], [true, false, false]);

        sqlx::raw_sql(r#"TRUNCATE "Product", "Webhook", "WebhookLog" CASCADE"#)
            .execute(&mut connection)
            .await
            .unwrap();
        assert!(
            up(&db).await.unwrap() >= 2,
            "an empty baseline is moved into"
        );
        let kept: i64 = sqlx::query_scalar(r#"SELECT count(*) FROM "Brand""#)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(kept, 1, "with its brands");
        db.close().await;
    }
}
