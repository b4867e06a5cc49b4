//! The batching component itself: what a submitter pays for sharing a batch.
//!
//! `direct` calls the same handler once per item. With a handler that does nothing the difference is
//! the component's own cost; with one that takes a millisecond per call, as a commit does, it is
//! what sharing saves.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use service::{BatchConfig, Batcher, ShutdownHandle, ShutdownReason, Tasks};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Submitters at once: the connections of the load test.
const SUBMITTERS: u64 = 64;
/// The settings of intake.
const CONFIG: BatchConfig = BatchConfig {
    slots: 4,
    max_items: 256,
    queue: 4096,
};
/// About what a durable commit takes on an ordinary disk.
const COMMIT: Duration = Duration::from_millis(1);

/// The work of one batch; its time does not depend on the number of items.
async fn handle(items: Vec<u64>, takes: Duration) -> Vec<u64> {
    if !takes.is_zero() {
        tokio::time::sleep(takes).await;
    }
    items
}

/// Time for all submitters to have handed in `rounds` items each, one after the other.
async fn through_batcher(rounds: u64, takes: Duration) -> Duration {
    let shutdown = ShutdownHandle::new();
    let tasks = Tasks::new(shutdown.clone());
    let handler = move |items| handle(items, takes);
    let Ok(batcher) = Batcher::spawn("bench", CONFIG, None, &tasks, handler) else {
        return Duration::ZERO;
    };
    let started = Instant::now();
    let mut submitters = JoinSet::new();
    for submitter in 0..SUBMITTERS {
        let batcher = batcher.clone();
        submitters.spawn(async move {
            for _ in 0..rounds {
                let _ = black_box(batcher.submit(submitter).await);
            }
        });
    }
    while submitters.join_next().await.is_some() {}
    let took = started.elapsed();
    shutdown.drain(ShutdownReason::Requested("measured"));
    took
}

/// The same with a call per item. As many calls at once as there are batch slots, because each
/// would hold a database connection.
async fn directly(rounds: u64, takes: Duration) -> Duration {
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CONFIG.slots as u64 {
        callers.spawn(async move {
            for _ in 0..rounds * SUBMITTERS / CONFIG.slots as u64 {
                black_box(handle(vec![caller], takes).await);
            }
        });
    }
    while callers.join_next().await.is_some() {}
    started.elapsed()
}

fn batcher(c: &mut Criterion) {
    #[expect(clippy::expect_used, reason = "INVARIANT: a runtime can be made")]
    let runtime = Runtime::new().expect("a runtime");
    for (name, takes) in [("handler_0_ms", Duration::ZERO), ("handler_1_ms", COMMIT)] {
        let mut group = c.benchmark_group(format!("service/batcher_64_items/{name}"));
        group
            .sample_size(10)
            .throughput(Throughput::Elements(SUBMITTERS));
        group.bench_function(BenchmarkId::from_parameter("batched"), |b| {
            b.iter_custom(|rounds| runtime.block_on(through_batcher(rounds, takes)));
        });
        group.bench_function(BenchmarkId::from_parameter("direct"), |b| {
            b.iter_custom(|rounds| runtime.block_on(directly(rounds, takes)));
        });
        group.finish();
    }
}

criterion_group!(benches, batcher);
criterion_main!(benches);
