//! The frame with a duty that does as it is told.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scheduler::{Driver, Duty, DutyError, Progress, Tick};
use service::{CancellationToken, LogFormat, telemetry};
use testkit::wait;
use tokio::sync::Semaphore;

use crate::world::{PATIENCE, World};

const HOUR: Duration = Duration::from_secs(3_600);

/// Says "more" for its first runs, fails on command, and ends a run only with a permit.
#[derive(Clone)]
struct Puppet {
    begun: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
    more_runs: u32,
    failing: Arc<AtomicBool>,
    permits: Arc<Semaphore>,
}

impl Puppet {
    fn new(more_runs: u32) -> Self {
        Self {
            begun: Arc::default(),
            ended: Arc::default(),
            more_runs,
            failing: Arc::default(),
            permits: Arc::new(Semaphore::new(100)),
        }
    }
}

impl Duty for Puppet {
    fn name(&self) -> &'static str {
        "puppet"
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let run = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        self.permits.acquire().await.unwrap().forget();
        self.ended.fetch_add(1, Ordering::SeqCst);
        if self.failing.load(Ordering::SeqCst) {
            return Err(DutyError::TimedOut { limit_seconds: 1 });
        }
        Ok(Progress {
            more: run <= self.more_runs,
            ..Progress::default()
        })
    }
}

async fn until(what: &str, count: &AtomicU32, expected: u32) {
    wait::until(what, PATIENCE, async || {
        count.load(Ordering::SeqCst) == expected
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn runs_follow_each_other_at_once_while_there_is_more_and_rest_for_the_period_then() {
    let world = World::new().await;
    let puppet = Puppet::new(5);
    let driver = Driver::new(&world.frame(), puppet.clone(), HOUR);
    let stop = CancellationToken::new();
    let driving = tokio::spawn(driver.drive(stop.clone()));
    until("the sixth run has ended", &puppet.ended, 6).await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, driving)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(puppet.begun.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_drain_waits_for_the_run_in_hand_and_begins_no_other() {
    let world = World::new().await;
    let puppet = Puppet {
        permits: Arc::new(Semaphore::new(0)),
        ..Puppet::new(5)
    };
    let driver = Driver::new(&world.frame(), puppet.clone(), HOUR);
    let stop = CancellationToken::new();
    let driving = tokio::spawn(driver.drive(stop.clone()));
    until("the first run has begun", &puppet.begun, 1).await;
    stop.cancel();
    puppet.permits.add_permits(10);
    tokio::time::timeout(PATIENCE, driving)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        puppet.ended.load(Ordering::SeqCst),
        1,
        "the run was cut off"
    );
    assert_eq!(puppet.begun.load(Ordering::SeqCst), 1, "another run began");
}

#[tokio::test]
async fn a_failure_is_logged_when_it_begins_and_when_it_is_over_and_not_each_time() {
    let world = World::new().await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        telemetry::subscriber(LogFormat::Text, "scheduler=info", move || writer.clone()).unwrap();
    let _guard = tracing::subscriber::set_default(subscriber);
    let puppet = Puppet::new(0);
    let mut driver = Driver::new(&world.frame(), puppet.clone(), HOUR);
    puppet.failing.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(matches!(driver.tick().await, Tick::Failed(_)));
    }
    puppet.failing.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        assert!(matches!(driver.tick().await, Tick::Ran(_)));
    }
    let text = log.text();
    assert_eq!(text.matches("a duty fails").count(), 1, "{text}");
    assert_eq!(text.matches("the duty goes on").count(), 1, "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
