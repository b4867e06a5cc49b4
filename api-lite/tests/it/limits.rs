//! Limits on what a connection may cost, seen from the wire.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{Options, PATIENCE, SECRET, World};

async fn raw(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    // The server may answer and hang up before everything is written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(PATIENCE, read)
        .await
        .expect("the server hangs up");
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_given_up() {
    let world = World::start_with(Options {
        flags: vec!["--request-seconds=1"],
        ..Options::default()
    })
    .await;
    let head = format!(
        "POST /v1/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\n\
         connection: close\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{{"
    );
    let answer = raw(&world, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["code"], "request_timeout");
    assert_eq!(world.footprint().await, (0, 0, 0, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_headers_and_headers_that_do_not_come_end_the_connection() {
    let world = World::start_with(Options {
        flags: vec!["--header-seconds=1"],
        ..Options::default()
    })
    .await;
    let many: String = (0..100).map(|i| format!("x-{i}: 1\r\n")).collect();
    let answer = raw(&world, format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let answer = raw(&world, long.as_bytes()).await;
    // Hanging up on bytes that are still on their way may cost the answer.
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let began = std::time::Instant::now();
    let answer = raw(&world, b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert!(began.elapsed() < Duration::from_secs(15));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_request() {
    let world = World::start().await;
    let first = world.get("/v1/products").send().await.unwrap();
    let second = world.get("/v1/products").send().await.unwrap();
    let id = |response: &reqwest::Response| response.headers()["x-request-id"].clone();
    assert_ne!(id(&first), id(&second));
    world.stop().await;
}
