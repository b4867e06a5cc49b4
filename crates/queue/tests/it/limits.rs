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
        .refused(Some(Duration::from_millis(60)), &[])
        .await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    go(&one)
        .await
        .refused(Some(Duration::from_secs(7)), &[])
        .await;
    assert!(wait(&one).await > Duration::from_secs(6));
    assert!(wait(&two).await > Duration::from_secs(6));
}

/// A gate that knows of a limit, and whose next call begins a window.
async fn refused_once(limits: &Limits) {
    let soon = Duration::from_millis(60);
    go(limits).await.refused(Some(soon), &[]).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
}

/// A gate whose window took two calls, and is shut until the next one.
async fn shut_after_two(limits: &Limits) {
    refused_once(limits).await;
    go(limits).await.went(&[]).await;
    let (second, third) = (go(limits).await, go(limits).await);
    second.went(&[]).await;
    third.refused(Some(Duration::from_secs(4)), &[]).await;
}

#[tokio::test]
async fn a_window_begins_with_one_call_and_the_others_follow_when_that_is_taken() {
    let world = World::start().await;
    let limits = Limits::new(&world.queue);
    refused_once(&limits).await;
    let first = go(&limits).await;
    assert!(wait(&limits).await <= Duration::from_millis(25));
    first.went(&[]).await;
    drop((go(&limits).await, go(&limits).await));
}

#[tokio::test]
async fn a_first_call_that_is_refused_after_a_silence_takes_the_beginning_back() {
    let world = World::start().await;
    let limits = Limits::new(&world.queue);
    refused_once(&limits).await;
    let first = go(&limits).await;
    tokio::time::sleep(Duration::from_millis(170)).await;
    // Silence is taken for consent.
    let follower = go(&limits).await;
    first.refused(Some(Duration::from_secs(3)), &[]).await;
    assert!(wait(&limits).await > Duration::from_secs(1));
    follower.refused(Some(Duration::from_secs(3)), &[]).await;
    let absence = limits.park("p", "k").await.unwrap();
    assert_eq!(
        absence.place, None,
        "how many a window takes is not known from it"
    );
}

#[tokio::test]
async fn jobs_come_back_in_the_numbers_that_a_window_takes_and_not_too_far_ahead() {
    let world = World::start().await;
    let limits = Limits::new(&world.queue);
    assert_eq!(limits.park("p", "k").await, None, "nothing is known");
    shut_after_two(&limits).await;
    let mut seen = Vec::new();
    for _ in 0..16 {
        seen.push(limits.park("p", "k").await.unwrap());
    }
    // Half more than two, and one.
    let places: Vec<f64> = seen.iter().map(|absence| absence.place.unwrap()).collect();
    assert_eq!(places[..4], [0.0, 0.25, 0.5, 0.75]);
    assert_eq!(places[4..8], places[..4]);
    let opens: Vec<u128> = seen
        .iter()
        .map(|absence| absence.opens.as_millis())
        .collect();
    assert!((2_500..=4_000).contains(&opens[0]), "{opens:?}");
    for (number, opens) in opens.iter().enumerate() {
        let windows = (number / 4).min(2) as u128;
        let begins = seen[0].opens.as_millis() * (windows + 1);
        assert!(opens.abs_diff(begins) < 200, "{number}: {opens} {begins}");
    }
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
    /// From the beginning of each window to its first call, together.
    unused: Duration,
}

impl Window {
    fn call(&mut self) -> Result<(), Duration> {
        let at = self.began.elapsed();
        let number = at.as_millis() / self.length.as_millis();
        if self.seen.0 != number {
            self.seen = (number, 0);
            self.unused += Duration::from_millis((at.as_millis() % self.length.as_millis()) as u64);
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

/// What a refusal says about coming back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Exact,
    WholeSeconds,
    Nothing,
}

impl Words {
    fn of(self, left: Duration) -> Option<Duration> {
        match self {
            Self::Exact => Some(left),
            Self::WholeSeconds => {
                Some(Duration::from_secs(left.as_millis().div_ceil(1_000) as u64))
            }
            Self::Nothing => None,
        }
    }
}

const WINDOWS: u32 = 6;
const ALLOWED: u32 = 40;

/// Which part of the time was used by twenty callers in two processes, and how many calls were refused.
async fn storm(words: Words, length: Duration) -> (f64, u32) {
    let world = World::start().await;
    let window = std::sync::Arc::new(std::sync::Mutex::new(Window {
        length,
        allowed: ALLOWED,
        began: Instant::now(),
        seen: (0, 0),
        served: 0,
        refused: 0,
        unused: Duration::ZERO,
    }));
    let processes = [Limits::new(&world.queue), another(&world)];
    let until = Instant::now() + length * WINDOWS;
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
                            Err(wait) => permit.refused(words.of(wait), &[]).await,
                        }
                    }
                }
            }
        })
    });
    futures::future::join_all(callers).await;
    let window = window.lock().unwrap();
    let all = f64::from(WINDOWS * ALLOWED);
    let in_time = 1.0 - window.unused.as_secs_f64() / (length * WINDOWS).as_secs_f64();
    let share = in_time.min(f64::from(window.served) / all);
    println!("{words:?}: {share:.3} used, {} refused", window.refused);
    (share, window.refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_with_exact_words_gets_95_percent_of_what_is_allowed() {
    let (share, refused) = storm(Words::Exact, Duration::from_secs(2)).await;
    assert!(share >= 0.95, "{share}");
    assert!(refused <= 40, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_with_whole_seconds_gets_nearly_as_much_within_windows_of_two_and_a_half() {
    let (share, refused) = storm(Words::WholeSeconds, Duration::from_millis(2_500)).await;
    // Who waits as it is told uses 0.83 of it.
    assert!(share >= 0.88, "{share}");
    assert!(refused <= 60, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_without_a_word_gets_nearly_as_much_and_does_not_hammer() {
    let (share, refused) = storm(Words::Nothing, Duration::from_secs(2)).await;
    assert!(share >= 0.92, "{share}");
    assert!(refused <= 80, "{refused}");
}
