//! The short streams: choosing lanes and reading from them, and intake's own decision.
//!
//! The choice among lanes alone takes nanoseconds and is private to the queue crate; what a worker
//! waits for is the choice with its round trips, so that is measured, on a private Redis.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::{BrandId, Clock, GenerationId, Lane, SessionId};
use prometheus::Registry;
use queue::{Consumer, ConsumerOptions, Dispatch, Inline, InlineGate, Queue, QueueArgs};
use service::SystemClock;
use testkit::{PrivateRedis, RedisOptions};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Free slots of one busy worker.
const SLOTS: usize = 16;

/// A worker's view of the queue.
struct World {
    queue: Queue,
    consumer: Consumer,
    _redis: PrivateRedis,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let redis = PrivateRedis::start(&RedisOptions::default()).await?;
        let queue = Queue::new(&QueueArgs::for_url(&redis.url()), &Registry::new())?;
        queue.ensure_groups().await?;
        let consumer = queue.consumer(&ConsumerOptions::new(SessionId(Uuid::now_v7())));
        Ok(Self {
            queue,
            consumer,
            _redis: redis,
        })
    }

    /// Adds as many entries as there are slots, over these lanes in turn.
    async fn fill(&self, lanes: &[Lane]) -> anyhow::Result<()> {
        let entries: Vec<Dispatch> = lanes
            .iter()
            .cycle()
            .take(SLOTS)
            .map(|lane| Dispatch {
                lane: *lane,
                id: GenerationId(Uuid::now_v7()),
                trace: None,
            })
            .collect();
        self.queue.add(&entries).await?;
        Ok(())
    }

    /// Reads and settles everything that is there.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let mut left = SLOTS;
        while left > 0 {
            let read = self.consumer.next(left).await;
            left -= read.len();
            let entries: Vec<_> = read
                .into_iter()
                .map(|delivery| (delivery.lane, delivery.entry_id))
                .collect();
            self.queue.settle_entries(&entries).await?;
        }
        Ok(())
    }

    /// Time of so many drains, filling not counted.
    async fn drains(&mut self, rounds: u64, lanes: &[Lane]) -> anyhow::Result<Duration> {
        let mut took = Duration::ZERO;
        for _ in 0..rounds {
            self.fill(lanes).await?;
            let started = Instant::now();
            self.drain().await?;
            took += started.elapsed();
        }
        Ok(took)
    }
}

#[expect(
    clippy::expect_used,
    reason = "a measurement without Redis has no result"
)]
fn reading(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut world = runtime.block_on(World::start()).expect("a private Redis");
    let mut group = c.benchmark_group("queue/pick_read_and_settle_16");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(SLOTS as u64));
    for (name, lanes) in [
        ("over_5_lanes", Lane::ALL.as_slice()),
        ("from_1_lane", &[Lane::Free]),
    ] {
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                runtime
                    .block_on(world.drains(rounds, lanes))
                    .expect("Redis answers")
            });
        });
    }
    group.finish();
}

fn admission(c: &mut Criterion) {
    let brand = BrandId::from("brand_1");
    let now = SystemClock.now();
    let mut gate = InlineGate::default();
    c.bench_function("queue/inline_gate_admit_and_report", |b| {
        b.iter(|| {
            let answer = gate.admit(Lane::Starter, black_box(&brand), now);
            if answer == Inline::Now {
                gate.added(Lane::Starter, 1, 0);
            }
            answer
        });
    });
}

criterion_group!(benches, reading, admission);
criterion_main!(benches);
