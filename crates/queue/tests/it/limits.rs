//! The gate before a key: what one process learns holds for the fleet, and Redis may be away.

use std::time::Duration;

use prometheus::Registry;
use queue::{Dimension, Limits, Permit, Queue, QueueArgs, Turn};
use tokio::time::Instant;

use crate::world::World;

fn another(world: &World) -> Limits {
    let args = QueueArgs::for_url(&world.redis.url());
    Limits::new(&Queue::new(&args, &Registry::new()).unwrap())
}

async fn go(limits: &Limits) -> Permit {
    match limits.take("p", "k").await {
        Turn::Go(permit) => permit,
        Turn::Wait(wait) => panic!("to wait {wait:?}"),
    }
}

async fn wait(limits: &Limits) -> Duration {
    match limits.take("p", "k").await {
        Turn::Go(_) => panic!("it may go"),
        Turn::Wait(wait) => wait,
    }
}

#[tokio::test]
async fn what_one_process_is_told_to_wait_another_that_knows_of_the_limit_waits_too() {
    let world = World::start().await;
    let (one, two) = (Limits::new(&world.queue), another(&world));
    go(&two)
        .await
        .refused(Some(Duration::from_millis(1)), &[])
        .await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    go(&one)
        .await
        .refused(Some(Duration::from_secs(7)), &[])
        .await;
    assert!(wait(&one).await > Duration::from_secs(6));
    assert!(wait(&two).await > Duration::from_secs(6));
}

#[tokio::test]
async fn rate_headers_make_a_bucket_that_fills_by_the_clock_of_redis() {
    let world = World::start().await;
    let limits = Limits::new(&world.queue);
    let told = Dimension {
        name: "requests",
        limit: Some(100),
        remaining: Some(2),
        reset_after: Some(Duration::from_millis(9_800)),
    };
    go(&limits).await.went(&[told]).await;
    let held = [go(&limits).await, go(&limits).await];
    let wait = wait(&limits).await;
    assert!((1..=100).contains(&wait.as_millis()), "{wait:?}");
    tokio::time::sleep(wait + Duration::from_millis(10)).await;
    drop((held, go(&limits).await));
}

#[tokio::test]
async fn a_key_without_limits_costs_no_round_trip() {
    let world = World::start().await;
    let limits = Limits::new(&world.queue);
    for _ in 0..50 {
        go(&limits).await.went(&[]).await;
    }
    let commands: String = world.raw(&["INFO", "commandstats"]).await;
    assert!(!commands.contains("evalsha"), "{commands}");
}

#[tokio::test]
async fn without_redis_a_process_keeps_to_what_it_was_told_and_backs_off_otherwise() {
    let mut world = World::start().await;
    let limits = Limits::new(&world.queue);
    world.redis.kill9().await.unwrap();
    go(&limits)
        .await
        .refused(Some(Duration::from_millis(600)), &[])
        .await;
    let left = wait(&limits).await;
    assert!(left > Duration::from_millis(100), "{left:?}");
    tokio::time::sleep(left).await;
    let started = Instant::now();
    for expected_ms in [250, 500] {
        go(&limits).await.refused(None, &[]).await;
        let wait = wait(&limits).await;
        let about = Duration::from_millis(expected_ms);
        assert!(
            wait <= about && wait > about / 2,
            "{wait:?} is not {about:?}"
        );
        tokio::time::sleep(wait).await;
    }
    drop(go(&limits).await);
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "it blocks nothing"
    );
}

/// A provider that lets `allowed` through in each window of the wall clock.
struct Window {
    length: Duration,
    allowed: u32,
    began: Instant,
    seen: (u128, u32),
    served: u32,
    refused: u32,
}

impl Window {
    fn call(&mut self) -> Result<(), Duration> {
        let at = self.began.elapsed();
        let number = at.as_millis() / self.length.as_millis();
        if self.seen.0 != number {
            self.seen = (number, 0);
        }
        if self.seen.1 < self.allowed {
            self.seen.1 += 1;
            self.served += 1;
            return Ok(());
        }
        self.refused += 1;
        let next = self.length.as_millis() * (number + 1);
        Err(Duration::from_millis((next - at.as_millis()) as u64))
    }
}

/// How many calls were served and refused within so many windows by twenty callers in two processes.
async fn storm(honest: bool) -> (u32, u32) {
    const WINDOWS: u32 = 6;
    let world = World::start().await;
    let window = std::sync::Arc::new(std::sync::Mutex::new(Window {
        length: Duration::from_millis(1_000),
        allowed: 40,
        began: Instant::now(),
        seen: (0, 0),
        served: 0,
        refused: 0,
    }));
    let processes = [Limits::new(&world.queue), another(&world)];
    let until = Instant::now() + Duration::from_millis(1_000) * WINDOWS;
    let callers = (0..20).map(|n| {
        let (limits, window) = (processes[n % 2].clone(), window.clone());
        tokio::spawn(async move {
            while Instant::now() < until {
                match limits.take("p", "k").await {
                    Turn::Wait(wait) => tokio::time::sleep(wait).await,
                    Turn::Go(permit) => {
                        let answer = window.lock().unwrap().call();
                        match answer {
                            Ok(()) => {
                                tokio::time::sleep(Duration::from_millis(20)).await;
                                permit.went(&[]).await;
                            }
                            Err(wait) => permit.refused(honest.then_some(wait), &[]).await,
                        }
                    }
                }
            }
        })
    });
    futures::future::join_all(callers).await;
    let window = window.lock().unwrap();
    println!(
        "honest {honest}: served {}, refused {}",
        window.served, window.refused
    );
    (window.served, window.refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_with_honest_words_gets_95_percent_of_what_is_allowed() {
    let (served, refused) = storm(true).await;
    assert!(served >= 6 * 40 * 95 / 100, "{served}");
    assert!(refused <= 60, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_without_a_word_gets_95_percent_too_and_does_not_hammer() {
    let (served, refused) = storm(false).await;
    assert!(served >= 6 * 40 * 95 / 100, "{served}");
    assert!(refused <= 200, "{refused}");
}
