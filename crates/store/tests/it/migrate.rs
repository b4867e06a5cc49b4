//! The schema's history: applied once, refused when it was rewritten, and never over old rows.

use sqlx::{Connection, PgConnection};
use store::StoreError;
use store::migrate::{status, up};
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
