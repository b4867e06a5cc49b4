use testkit::{Durability, PrivateRedis, RedisOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::observe::{is_alive, is_open};

async fn ask(port: u16, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream
        .write_all(format!("{line}\r\nQUIT\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.strip_suffix("+OK\r\n").unwrap().trim().to_owned()
}

#[tokio::test]
async fn flushall_empties_a_private_server() {
    let server = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
    assert_eq!(ask(server.port(), "SET key value").await, "+OK");
    assert_eq!(ask(server.port(), "DBSIZE").await, ":1");
    server.flushall().await.unwrap();
    assert_eq!(ask(server.port(), "DBSIZE").await, ":0");
    assert!(
        ask(server.port(), "CONFIG GET maxmemory-policy")
            .await
            .contains("noeviction")
    );
}

#[tokio::test]
async fn a_demo_server_keeps_its_data_over_a_restart_and_a_test_server_does_not() {
    for (durability, expected) in [(Durability::Demo, "$5\r\nvalue"), (Durability::Test, "$-1")] {
        let options = RedisOptions {
            durability,
            ..RedisOptions::default()
        };
        let mut server = PrivateRedis::start(&options).await.unwrap();
        assert_eq!(ask(server.port(), "SET key value").await, "+OK");
        let url = server.url();
        server.restart().await.unwrap();
        assert_eq!(server.url(), url);
        assert_eq!(
            ask(server.port(), "GET key").await,
            expected,
            "{durability:?}"
        );
    }
}

#[tokio::test]
async fn kill_9_closes_the_port_and_restart_opens_it_again() {
    let mut server = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
    server.kill9().await.unwrap();
    assert!(!is_alive(server.pid()));
    assert!(!is_open(server.port()).await);
    assert!(server.flushall().await.is_err());
    server.restart().await.unwrap();
    server.flushall().await.unwrap();
}

#[tokio::test]
async fn a_restart_waits_until_its_port_is_free_again() {
    let mut server = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
    let port = server.port();
    server.stop().await.unwrap();
    let squatter = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let first_try = server.pid();
    let leave = async {
        // Somebody asking on the port is a restart that has begun.
        drop(squatter.accept().await.unwrap());
        drop(squatter);
    };
    let (restarted, ()) = tokio::join!(server.restart(), leave);
    restarted.unwrap();
    assert_ne!(server.pid(), first_try);
    server.flushall().await.unwrap();
}
