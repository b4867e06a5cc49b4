use testkit::{Durability, PostgresOptions, PrivatePostgres};
use tokio_postgres::NoTls;

use crate::observe::{is_alive, is_open, user_of};

async fn query_one(url: &str, sql: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::select! {
        rows = client.simple_query(sql) => rows
            .unwrap()
            .iter()
            .find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .unwrap_or_default(),
        _ = connection => panic!("the server hung up"),
    }
}

#[tokio::test]
async fn a_private_server_runs_never_as_root_and_keeps_data_over_stop_and_kill_9() {
    let mut server = PrivatePostgres::start(&PostgresOptions::default())
        .await
        .unwrap();
    let first = server.pid();
    assert_ne!(user_of(first), 0);
    query_one(&server.url(), "CREATE TABLE kept AS SELECT 42 AS answer").await;

    server.stop().await.unwrap();
    assert!(!is_alive(first));
    assert!(!is_open(server.port()).await);
    let url = server.url();
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    assert_ne!(server.pid(), first);
    assert_eq!(query_one(&url, "SELECT answer FROM kept").await, "42");

    server.kill9().await.unwrap();
    assert!(!is_alive(server.pid()));
    server.restart().await.unwrap();
    assert_eq!(query_one(&url, "SELECT answer FROM kept").await, "42");

    let dir = server.dir().to_owned();
    assert!(dir.is_dir());
    drop(server);
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_demo_server_flushes_its_commits_and_given_settings_win_over_ours() {
    let settings = vec![("max_connections".into(), "17".into())];
    let options = PostgresOptions {
        durability: Durability::Demo,
        settings,
    };
    let server = PrivatePostgres::start(&options).await.unwrap();
    assert_eq!(query_one(&server.url(), "SHOW max_connections").await, "17");
    assert_eq!(query_one(&server.url(), "SHOW fsync").await, "on");
    assert_eq!(
        query_one(&server.url(), "SHOW synchronous_commit").await,
        "on"
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_fails_with_the_end_of_its_log() {
    let settings = vec![("no_such_setting".into(), "1".into())];
    let options = PostgresOptions {
        settings,
        ..PostgresOptions::default()
    };
    let error = PrivatePostgres::start(&options)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("PostgreSQL ended while starting"), "{error}");
    assert!(error.contains("no_such_setting"), "{error}");
}
