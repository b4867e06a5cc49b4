use std::time::Duration;

use domain::Lane;
use prometheus::Registry;
use queue::{ErrorClass, Queue, QueueArgs, QueueError};
use testkit::{PrivateRedis, RedisOptions};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::world::{PATIENCE, World, job};

#[tokio::test]
async fn a_fit_server_passes_and_reports_itself() {
    let world = World::start().await;
    let report = world.queue.check().await.unwrap();
    assert_eq!(report.maxmemory_policy, "noeviction");
    assert!(!report.aof_enabled);
    assert!(report.used_memory_bytes > 0);
}

#[tokio::test]
async fn a_server_that_evicts_is_refused() {
    let settings = vec![("maxmemory-policy".to_owned(), "allkeys-lru".to_owned())];
    let options = RedisOptions {
        settings,
        ..RedisOptions::default()
    };
    let redis = PrivateRedis::start(&options).await.unwrap();
    let queue = Queue::new(&QueueArgs::for_url(&redis.url()), &Registry::new()).unwrap();
    let error = queue.check().await.unwrap_err();
    assert!(matches!(error, QueueError::Unsuitable(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::Misuse);
}

#[tokio::test]
async fn a_full_server_is_an_outage_and_not_our_fault() {
    let settings = vec![("maxmemory".to_owned(), "1".to_owned())];
    let options = RedisOptions {
        settings,
        ..RedisOptions::default()
    };
    let redis = PrivateRedis::start(&options).await.unwrap();
    let queue = Queue::new(&QueueArgs::for_url(&redis.url()), &Registry::new()).unwrap();
    let error = queue.add(&[job(Lane::Free, 1)]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unavailable, "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_at_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/0", silent.local_addr().unwrap());
    let args = QueueArgs {
        redis_command_timeout_ms: 100,
        ..QueueArgs::for_url(&url)
    };
    let queue = Queue::new(&args, &Registry::new()).unwrap();
    let add = tokio::time::timeout(PATIENCE, queue.add(&[job(Lane::Free, 1)])).await;
    let error = add.expect("the deadline holds").unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unavailable, "{error}");
}

#[tokio::test]
async fn a_tls_url_is_spoken_to_in_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://{}/0", listener.local_addr().unwrap());
    // Reading the system's root certificates takes its time on a busy machine.
    let args = QueueArgs {
        redis_connect_timeout_ms: 20_000,
        redis_command_timeout_ms: 20_000,
        ..QueueArgs::for_url(&url)
    };
    let queue = Queue::new(&args, &Registry::new()).unwrap();
    let hello = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    };
    let both = async { tokio::join!(hello, queue.lengths()) };
    let (first, lengths) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    // 22 begins a TLS handshake record.
    assert_eq!(first, 22);
    assert_eq!(lengths.unwrap_err().class(), ErrorClass::Unavailable);
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_repeating_it() {
    let error = Queue::new(
        &QueueArgs::for_url("http://u:hunter2@host"),
        &Registry::new(),
    );
    let error = error.unwrap_err();
    assert!(matches!(error, QueueError::Url));
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[tokio::test]
async fn two_installations_with_different_prefixes_do_not_meet() {
    let world = World::start().await;
    let args = QueueArgs {
        redis_key_prefix: "other".to_owned(),
        ..QueueArgs::for_url(&world.redis.url())
    };
    let other = Queue::new(&args, &Registry::new()).unwrap();
    other.add(&[job(Lane::Free, 1)]).await.unwrap();
    assert_eq!(world.length(Lane::Free).await, 0);
    assert!(
        world
            .consumer_blocking(1, Duration::from_millis(1))
            .next(1)
            .await
            .is_empty()
    );
}
