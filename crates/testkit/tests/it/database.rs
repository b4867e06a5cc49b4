use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::{ServerError, TestDatabase, servers};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

async fn execute(url: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::select! {
        done = client.batch_execute(sql) => done,
        _ = connection => panic!("the server hung up"),
    }
}

/// Another one in each run of a test: a server that outlives the run keeps its templates.
fn fingerprint() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[tokio::test]
async fn concurrent_tests_share_one_template_and_get_a_database_each() {
    let fingerprint = fingerprint();
    let migrated = std::sync::Arc::new(AtomicU32::new(0));
    let mut creating = JoinSet::new();
    for _ in 0..12 {
        let (fingerprint, migrated) = (fingerprint.clone(), migrated.clone());
        let local = async move || {
            TestDatabase::create(&fingerprint, async |url: String| {
                migrated.fetch_add(1, Ordering::Relaxed);
                execute(&url, "CREATE TABLE note (text text PRIMARY KEY)").await
            })
            .await
            .unwrap()
        };
        // Threads with runtimes of their own, as test processes have.
        creating.spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(local())
        });
    }
    let databases = creating.join_all().await;
    assert_eq!(migrated.load(Ordering::Relaxed), 1);
    for database in &databases {
        // The same key everywhere: only separate databases take it.
        execute(database.url(), "INSERT INTO note VALUES ('mine')")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_failed_migration_is_told_and_done_again_by_the_next() {
    let fingerprint = fingerprint();
    let failed = TestDatabase::create(&fingerprint, async |url: String| {
        execute(
            &url,
            "CREATE TABLE half (id int); SELECT no_such_function()",
        )
        .await
    })
    .await;
    assert!(matches!(failed, Err(ServerError::Migrate(_))), "{failed:?}");
    let database = TestDatabase::create(&fingerprint, async |url: String| {
        execute(&url, "CREATE TABLE half (id int)").await
    })
    .await
    .unwrap();
    execute(database.url(), "SELECT id FROM half")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_connection_left_open_by_the_migration_does_not_hinder_cloning() {
    let mut left_open = JoinSet::new();
    let database = TestDatabase::create(&fingerprint(), async |url: String| {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        left_open.spawn(async move {
            let _ = connection.await;
            drop(client);
        });
        Ok::<_, Infallible>(())
    })
    .await
    .unwrap();
    execute(database.url(), "SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_dropped_test_database_is_gone_although_somebody_is_connected() {
    let database = TestDatabase::empty().await.unwrap();
    let (url, name) = (database.url().to_owned(), database.name().to_owned());
    assert!(url.ends_with(&name));
    let (_client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let mut connected = JoinSet::new();
    connected.spawn(connection);
    drop(database);
    let refused = execute(&url, "SELECT 1").await.unwrap_err();
    assert_eq!(
        refused.code().unwrap().code(),
        "3D000",
        "the database no longer exists"
    );
    execute(servers::database_url().await.unwrap(), "SELECT 1")
        .await
        .unwrap();
}
