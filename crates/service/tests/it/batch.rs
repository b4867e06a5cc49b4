//! The batcher: what leaves when, in which order, and what happens when something fails.

use std::sync::{Arc, Mutex};

use service::{
    BatchConfig, BatchConfigError, BatchError, BatchMetrics, Batcher, Metrics, ShutdownHandle,
    ShutdownReason, Tasks,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::support::{soon, until};

/// A batcher whose handler takes one permit of a gate per batch, notes the batch and doubles items.
struct Bench {
    batcher: Batcher<u64, u64>,
    gate: Arc<Semaphore>,
    begun: Arc<Mutex<Vec<Vec<u64>>>>,
    tasks: Tasks,
    shutdown: ShutdownHandle,
}

impl Bench {
    fn new(slots: usize, max_items: usize, queue: usize) -> Self {
        let shutdown = ShutdownHandle::new();
        let tasks = Tasks::new(shutdown.clone());
        let gate = Arc::new(Semaphore::new(0));
        let begun = Arc::new(Mutex::new(Vec::new()));
        let (handler_gate, handler_begun) = (gate.clone(), begun.clone());
        let handler = move |items: Vec<u64>| {
            handler_begun.lock().unwrap().push(items.clone());
            let gate = handler_gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                items.into_iter().map(|item| item * 2).collect()
            }
        };
        let config = BatchConfig {
            slots,
            max_items,
            queue,
        };
        let batcher = Batcher::spawn("test", config, None, &tasks, handler).unwrap();
        Self {
            batcher,
            gate,
            begun,
            tasks,
            shutdown,
        }
    }

    fn submit(&self, item: u64) -> JoinHandle<Result<u64, BatchError>> {
        let batcher = self.batcher.clone();
        tokio::spawn(async move { batcher.submit(item).await })
    }

    /// Occupies one slot with a batch of one item.
    async fn occupy(&self, item: u64) -> JoinHandle<Result<u64, BatchError>> {
        let before = self.begun.lock().unwrap().len();
        let submitted = self.submit(item);
        until("the batch begins", || {
            self.begun.lock().unwrap().len() > before
        })
        .await;
        submitted
    }

    async fn queue(&self, items: std::ops::Range<u64>) -> Vec<JoinHandle<Result<u64, BatchError>>> {
        let count = self.batcher.queued() + items.clone().count();
        let submitted = items.map(|item| self.submit(item)).collect();
        until("the items queue", || self.batcher.queued() == count).await;
        submitted
    }

    fn open(&self) {
        self.gate.add_permits(1_000_000);
    }

    fn sizes(&self) -> Vec<usize> {
        self.begun.lock().unwrap().iter().map(Vec::len).collect()
    }
}

#[tokio::test]
async fn a_single_item_leaves_alone_and_needs_no_second_one() {
    let bench = Bench::new(1, 100, 100);
    bench.open();
    assert_eq!(soon("the item", bench.submit(21)).await.unwrap(), Ok(42));
    assert_eq!(bench.sizes(), [1]);
}

#[tokio::test]
async fn what_queues_while_the_slot_is_busy_leaves_in_one_batch() {
    let bench = Bench::new(1, 500, 500);
    let first = bench.occupy(0).await;
    let others = bench.queue(1..101).await;
    bench.open();
    assert_eq!(soon("the first", first).await.unwrap(), Ok(0));
    for (other, item) in others.into_iter().zip(1..) {
        assert_eq!(soon("another", other).await.unwrap(), Ok(item * 2));
    }
    assert_eq!(bench.sizes(), [1, 100]);
}

#[tokio::test]
async fn a_batch_never_holds_more_than_max_items() {
    let bench = Bench::new(1, 40, 500);
    let first = bench.occupy(0).await;
    let others = bench.queue(1..101).await;
    bench.open();
    for submitted in others.into_iter().chain([first]) {
        soon("an item", submitted).await.unwrap().unwrap();
    }
    assert_eq!(bench.sizes(), [1, 40, 40, 20]);
}

#[tokio::test]
async fn no_more_batches_are_in_flight_than_slots() {
    let bench = Bench::new(3, 100, 100);
    let mut submitted = Vec::new();
    for item in 0..3 {
        submitted.push(bench.occupy(item).await);
    }
    submitted.extend(bench.queue(3..13).await);
    assert_eq!(
        bench.sizes(),
        [1, 1, 1],
        "a fourth batch left without a free slot"
    );
    bench.gate.add_permits(1);
    until("one slot is free again", || bench.sizes() == [1, 1, 1, 10]).await;
    bench.open();
    for submitted in submitted {
        soon("an item", submitted).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn items_keep_their_order_inside_a_batch() {
    let bench = Bench::new(1, 500, 500);
    let first = bench.occupy(0).await;
    let others = bench.queue(1..201).await;
    bench.open();
    for submitted in others.into_iter().chain([first]) {
        soon("an item", submitted).await.unwrap().unwrap();
    }
    let batch = bench.begun.lock().unwrap()[1].clone();
    assert_eq!(batch, (1..201).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_queue_refuses_try_submit_and_makes_submit_wait() {
    let bench = Bench::new(1, 100, 2);
    let first = bench.occupy(0).await;
    let queued = bench.queue(1..3).await;
    assert_eq!(bench.batcher.try_submit(9).await, Err(BatchError::Full));
    let waiting = bench.submit(3);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    bench.open();
    assert_eq!(soon("the one that waited", waiting).await.unwrap(), Ok(6));
    for submitted in queued.into_iter().chain([first]) {
        soon("an item", submitted).await.unwrap().unwrap();
    }
    assert_eq!(
        bench.begun.lock().unwrap().concat(),
        [0, 1, 2, 3],
        "the refused item was taken"
    );
    assert_eq!(soon("with room", bench.batcher.try_submit(4)).await, Ok(8));
}

#[tokio::test]
async fn cancelling_a_submitter_cancels_neither_its_batch_nor_a_queued_item() {
    let bench = Bench::new(1, 100, 100);
    let first = bench.occupy(0).await;
    let mut queued = bench.queue(1..4).await;
    first.abort();
    queued[1].abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(queued.remove(1).await.unwrap_err().is_cancelled());
    bench.open();
    for submitted in queued {
        soon("an item", submitted).await.unwrap().unwrap();
    }
    assert_eq!(*bench.begun.lock().unwrap(), [vec![0], vec![1, 2, 3]]);
}

#[tokio::test]
async fn cancelling_a_submitter_that_waits_for_room_withdraws_its_item() {
    let bench = Bench::new(1, 100, 1);
    let first = bench.occupy(0).await;
    let queued = bench.queue(1..2).await;
    let waiting = bench.submit(2);
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    bench.open();
    for submitted in queued.into_iter().chain([first]) {
        soon("an item", submitted).await.unwrap().unwrap();
    }
    assert_eq!(soon("a later item", bench.batcher.submit(3)).await, Ok(6));
    assert_eq!(bench.begun.lock().unwrap().concat(), [0, 1, 3]);
}

#[tokio::test]
async fn a_panicking_batch_fails_all_its_items_and_the_batcher_lives_on() {
    let shutdown = ShutdownHandle::new();
    let tasks = Tasks::new(shutdown.clone());
    let gate = Arc::new(Semaphore::new(0));
    let handler_gate = gate.clone();
    let handler = move |items: Vec<u64>| {
        assert!(!items.contains(&13), "before the first await");
        let gate = handler_gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            assert!(!items.contains(&17), "after an await");
            items
        }
    };
    let config = BatchConfig {
        slots: 1,
        max_items: 10,
        queue: 10,
    };
    let batcher = Batcher::spawn("test", config, None, &tasks, handler).unwrap();
    gate.add_permits(100);
    let batch = [16, 17, 18].map(|item| {
        let batcher = batcher.clone();
        async move { batcher.submit(item).await }
    });
    let [a, b, c] = batch;
    assert_eq!(
        soon("13", batcher.submit(13)).await,
        Err(BatchError::Failed)
    );
    let all = soon("the batch", async { tokio::join!(a, b, c) }).await;
    // All three entered the queue in one poll, before the slot ran.
    let failed = Err(BatchError::Failed);
    assert_eq!(all, (failed, failed, failed));
    assert_eq!(soon("a good one", batcher.submit(1)).await, Ok(1));
    assert!(
        !shutdown.is_draining(),
        "a failed batch must not stop the process"
    );
}

#[tokio::test]
async fn a_handler_that_answers_the_wrong_number_fails_the_whole_batch() {
    let tasks = Tasks::new(ShutdownHandle::new());
    let config = BatchConfig {
        slots: 1,
        max_items: 10,
        queue: 10,
    };
    // Pairs lose their second result, so nobody can tell whose the first one is.
    let handler = |mut items: Vec<u64>| async move {
        items.truncate(1);
        items
    };
    let batcher = Batcher::spawn("test", config, None, &tasks, handler).unwrap();
    let pair = async { tokio::join!(batcher.submit(1), batcher.submit(2)) };
    let failed = Err(BatchError::Failed);
    assert_eq!(soon("too few", pair).await, (failed, failed));
    assert_eq!(soon("the next", batcher.submit(3)).await, Ok(3));
}

#[tokio::test]
async fn closing_finishes_what_has_queued_and_takes_nothing_more() {
    let bench = Bench::new(2, 2, 3);
    let mut taken = vec![bench.occupy(0).await, bench.occupy(1).await];
    taken.extend(bench.queue(2..5).await);
    let without_room = bench.submit(5);
    tokio::task::yield_now().await;
    bench.batcher.close();
    assert_eq!(
        soon("the one without room", without_room).await.unwrap(),
        Err(BatchError::Closed)
    );
    assert_eq!(bench.batcher.submit(6).await, Err(BatchError::Closed));
    assert_eq!(bench.batcher.try_submit(7).await, Err(BatchError::Closed));
    bench.open();
    for submitted in taken {
        soon("an item", submitted).await.unwrap().unwrap();
    }
    assert_eq!(soon("the slots", bench.tasks.join_all()).await, Ok(()));
    assert_eq!(bench.begun.lock().unwrap().concat(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn closing_an_idle_batcher_ends_its_slots() {
    let bench = Bench::new(4, 2, 3);
    assert_eq!(bench.tasks.running(), ["test"; 4]);
    bench.batcher.close();
    assert_eq!(soon("the slots", bench.tasks.join_all()).await, Ok(()));
}

#[tokio::test]
async fn dropping_the_last_handle_finishes_what_has_queued() {
    let bench = Bench::new(1, 100, 100);
    let first = bench.occupy(0).await;
    let queued = bench.queue(1..4).await;
    let Bench {
        batcher,
        gate,
        begun,
        tasks,
        ..
    } = bench;
    drop(batcher);
    for submitted in queued.iter().chain([&first]) {
        submitted.abort();
    }
    gate.add_permits(10);
    assert_eq!(soon("the slot", tasks.join_all()).await, Ok(()));
    assert_eq!(begun.lock().unwrap().concat(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_hard_stop_answers_every_submitter() {
    let bench = Bench::new(1, 100, 100);
    let mut submitted = vec![bench.occupy(0).await];
    submitted.extend(bench.queue(1..4).await);
    bench.shutdown.stop_now(ShutdownReason::Requested("test"));
    for submitted in submitted {
        assert_eq!(
            soon("an answer", submitted).await.unwrap(),
            Err(BatchError::Failed)
        );
    }
    assert_eq!(bench.tasks.join_all().await.unwrap_err().tasks, ["test"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_contention_every_submitter_gets_its_own_result_once() {
    let bench = Bench::new(4, 64, 128);
    bench.open();
    let submitted: Vec<_> = (0..4_000).map(|item| (item, bench.submit(item))).collect();
    for (item, submitted) in submitted {
        assert_eq!(soon("an item", submitted).await.unwrap(), Ok(item * 2));
    }
    let mut handled = bench.begun.lock().unwrap().concat();
    handled.sort_unstable();
    assert_eq!(handled, (0..4_000).collect::<Vec<_>>());
    assert!(
        bench
            .sizes()
            .into_iter()
            .all(|size| (1..=64).contains(&size))
    );
}

#[tokio::test]
async fn every_bound_of_the_configuration_is_checked() {
    let good = BatchConfig {
        slots: BatchConfig::SLOTS_LIMIT,
        max_items: BatchConfig::ITEMS_LIMIT,
        queue: BatchConfig::QUEUE_LIMIT,
    };
    let bad = [
        (BatchConfig { slots: 0, ..good }, "slots"),
        (
            BatchConfig {
                slots: BatchConfig::SLOTS_LIMIT + 1,
                ..good
            },
            "slots",
        ),
        (
            BatchConfig {
                max_items: 0,
                ..good
            },
            "max_items",
        ),
        (
            BatchConfig {
                max_items: BatchConfig::ITEMS_LIMIT + 1,
                ..good
            },
            "max_items",
        ),
        (BatchConfig { queue: 0, ..good }, "queue"),
        (
            BatchConfig {
                queue: BatchConfig::QUEUE_LIMIT + 1,
                ..good
            },
            "queue",
        ),
    ];
    let tasks = Tasks::new(ShutdownHandle::new());
    let echo = |items: Vec<u64>| async move { items };
    for (config, expected) in bad {
        let error = Batcher::spawn("test", config, None, &tasks, echo).unwrap_err();
        let BatchConfigError { field, .. } = error;
        assert_eq!(field, expected);
    }
    let batcher = Batcher::spawn("test", good, None, &tasks, echo).unwrap();
    assert_eq!(soon("an item", batcher.submit(1)).await, Ok(1));
}

#[tokio::test]
async fn batches_and_waits_are_measured() {
    let metrics = Metrics::new();
    let measured = BatchMetrics::register(&metrics, "api_intake").unwrap();
    let tasks = Tasks::new(ShutdownHandle::new());
    let config = BatchConfig {
        slots: 1,
        max_items: 10,
        queue: 10,
    };
    let echo = |items: Vec<u64>| async move { items };
    let batcher = Batcher::spawn("test", config, Some(measured.clone()), &tasks, echo).unwrap();
    let (a, b, c) = soon("three items", async {
        tokio::join!(batcher.submit(1), batcher.submit(2), batcher.submit(3))
    })
    .await;
    assert_eq!((a, b, c), (Ok(1), Ok(2), Ok(3)));
    assert_eq!(measured.wait_seconds.get_sample_count(), 3);
    assert_eq!(measured.items.get_sample_count(), 1);
    assert_eq!(measured.items.get_sample_sum() as u64, 3);
    assert_eq!(measured.duration_seconds.get_sample_count(), 1);
    let names: Vec<_> = metrics.describe().into_iter().map(|one| one.name).collect();
    assert_eq!(
        names,
        [
            "atelier_api_intake_batch_duration_seconds",
            "atelier_api_intake_batch_items",
            "atelier_api_intake_batch_wait_seconds",
        ]
    );
}
