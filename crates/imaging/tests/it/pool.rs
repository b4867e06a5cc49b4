use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use imaging::{Cost, ImagingError, Pool, PoolConfig, PoolError, PoolLoad};

fn pool(threads: usize, max_jobs: usize, budget_mib: u32) -> Arc<Pool> {
    let count = |n| NonZeroUsize::new(n).unwrap();
    let config = PoolConfig {
        threads: count(threads),
        max_jobs: count(max_jobs),
        budget_mib,
    };
    Arc::new(Pool::start(config).unwrap())
}

/// Runs 12 jobs and returns how many were ever inside at once.
async fn most_at_once(pool: &Arc<Pool>, pixels: u64) -> usize {
    let inside = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (pool, inside, most) = (Arc::clone(pool), Arc::clone(&inside), Arc::clone(&most));
        jobs.spawn(async move {
            let work = move |_: &_| {
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                std::hint::black_box((0..2_000_000_u64).fold(0, |a, b| a ^ b.wrapping_mul(31)));
                inside.fetch_sub(1, Ordering::SeqCst);
            };
            pool.run(Cost::of_pixels(pixels), work).await.unwrap();
        });
    }
    while let Some(done) = jobs.join_next().await {
        done.unwrap();
    }
    most.load(Ordering::SeqCst)
}

#[tokio::test]
async fn work_runs_off_the_callers_thread_and_gives_its_value() {
    let pool = pool(1, 4, 100);
    let name = pool
        .run(Cost::default(), |_| {
            std::thread::current().name().map(str::to_owned)
        })
        .await
        .unwrap();
    assert_eq!(name.as_deref(), Some("imaging-0"));
}

#[tokio::test]
async fn no_more_jobs_run_than_there_are_threads() {
    assert!(most_at_once(&pool(2, 12, 1_000), 0).await <= 2);
}

#[tokio::test]
async fn no_more_jobs_run_than_the_memory_budget_admits() {
    // One megapixel is 44 MiB; 50 MiB admit one such job at a time, whatever the threads.
    let pool = pool(4, 12, 50);
    assert_eq!(most_at_once(&pool, 1_000_000).await, 1);
    assert_eq!(pool.free_mib(), 50, "all memory is given back");
}

#[tokio::test]
async fn work_beyond_the_whole_budget_is_refused_instead_of_waiting_for_ever() {
    let error = pool(1, 1, 50)
        .run(Cost::of_pixels(40_000_000), |_| ())
        .await
        .unwrap_err();
    assert!(
        matches!(error, PoolError::OverBudget { budget_mib: 50, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_panic_is_an_error_and_its_thread_lives_on() {
    let pool = pool(1, 2, 100);
    for _ in 0..3 {
        let error = pool
            .run(Cost::default(), |_| -> () { panic!("bad picture") })
            .await
            .unwrap_err();
        match error {
            PoolError::Panicked { message } => assert_eq!(message, "bad picture"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(pool.run(Cost::default(), |_| 7).await.unwrap(), 7);
    assert_eq!(pool.free_mib(), 100);
}

#[tokio::test]
async fn the_load_says_where_every_job_is() {
    // One thread, and room for two jobs.
    let pool = pool(1, 2, 1_000);
    assert_eq!(pool.load(), PoolLoad::default());
    let (begun, has_begun) = channel::<()>();
    let (release, held) = channel::<()>();
    let mut jobs = tokio::task::JoinSet::new();
    let first = Arc::clone(&pool);
    jobs.spawn(async move {
        let work = move |_: &imaging::Stop| {
            begun.send(()).unwrap();
            held.recv().unwrap();
        };
        first.run(Cost::default(), work).await
    });
    for _ in 0..2 {
        let pool = Arc::clone(&pool);
        jobs.spawn(async move { pool.run(Cost::default(), |_| ()).await });
    }
    let at = |load: PoolLoad| (load.waiting, load.queued, load.running);
    while at(pool.load()) != (1, 1, 1) {
        tokio::task::yield_now().await;
    }
    has_begun.recv().unwrap();
    assert_eq!(pool.load().promised_mib, 1_000 - pool.free_mib());
    assert!(pool.load().promised_mib > 0);
    release.send(()).unwrap();
    while let Some(done) = jobs.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(pool.load(), PoolLoad::default());
}

#[tokio::test]
async fn a_caller_who_leaves_before_admission_leaves_nothing_behind() {
    let pool = pool(1, 1, 100);
    let (release, held) = channel::<()>();
    let ran = Arc::new(AtomicUsize::new(0));
    let first = {
        let pool = Arc::clone(&pool);
        tokio::task::spawn(async move {
            pool.run(Cost::default(), move |_| held.recv().unwrap())
                .await
        })
    };
    while pool.free_mib() == 100 {
        tokio::task::yield_now().await;
    }
    {
        let ran = Arc::clone(&ran);
        let second = pool.run(Cost::default(), move |_| ran.fetch_add(1, Ordering::SeqCst));
        tokio::select! {
            biased;
            _ = second => panic!("the only place is taken"),
            () = tokio::task::yield_now() => {}
        }
    }
    release.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(pool.run(Cost::default(), |_| 1).await.unwrap(), 1);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert_eq!(pool.free_mib(), 100);
}

/// Keeps every thread of the pool busy with real decoding until told to end.
async fn saturate(pool: &Arc<Pool>, rounds: usize) {
    let file = Arc::new(super::draw::photograph_file());
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..rounds {
        let (pool, file) = (Arc::clone(pool), Arc::clone(&file));
        jobs.spawn(async move {
            let work = move |_: &_| imaging::decode(&file, &imaging::DecodeLimits::default());
            pool.run(Cost::of_pixels(1_000_000), work)
                .await
                .unwrap()
                .unwrap();
        });
    }
    while let Some(done) = jobs.join_next().await {
        done.unwrap();
    }
}

/// What renews leases is such a timer: every 100 ms here, as every 3 s there.
#[tokio::test]
async fn a_full_pool_leaves_the_runtime_its_beat() {
    const BEAT: std::time::Duration = std::time::Duration::from_millis(100);
    let threads = std::thread::available_parallelism().unwrap().get();
    let pool = pool(threads, threads * 4, 4_096);
    let busy = {
        let pool = Arc::clone(&pool);
        tokio::task::spawn(async move { saturate(&pool, threads * 60).await })
    };
    let (mut beats, mut latest) = (0, std::time::Duration::ZERO);
    let mut timer = tokio::time::interval(BEAT);
    let mut before = timer.tick().await;
    while !busy.is_finished() {
        timer.tick().await;
        let now = tokio::time::Instant::now();
        latest = latest.max((now - before).saturating_sub(BEAT));
        (before, beats) = (now, beats + 1);
    }
    busy.await.unwrap();
    println!("{beats} beats, the latest {latest:?} late");
    assert!(
        beats >= 3,
        "the pool was not busy for long enough to say anything: {beats}"
    );
    // The lease has 15 s and is renewed every 3: a second would be far within it, on any machine.
    assert!(latest < std::time::Duration::from_secs(1), "{latest:?}");
}

#[tokio::test]
async fn work_that_nobody_waits_for_ends_between_two_stages() {
    let pool = pool(1, 4, 100);
    let (begin, begun) = tokio::sync::oneshot::channel();
    let (release, held) = channel::<()>();
    let (tell, told) = channel();
    let mut running = Box::pin(pool.run(Cost::default(), move |stop| {
        begin.send(()).unwrap();
        held.recv().unwrap();
        tell.send(stop.check()).unwrap();
    }));
    tokio::select! {
        biased;
        _ = &mut running => panic!("it is held"),
        begun = begun => begun.unwrap(),
    }
    drop(running);
    release.send(()).unwrap();
    assert!(matches!(told.recv().unwrap(), Err(ImagingError::Stopped)));
    let wanted = pool.run(Cost::default(), |stop| stop.is_set()).await;
    assert!(!wanted.unwrap(), "the next work is still wanted");
}

#[tokio::test]
async fn work_whose_caller_left_while_it_stood_in_the_queue_is_never_begun() {
    let pool = pool(1, 4, 1_000);
    let ran = Arc::new(AtomicUsize::new(0));
    let (release, held) = channel::<()>();
    let first = {
        let pool = Arc::clone(&pool);
        tokio::task::spawn(async move {
            pool.run(Cost::default(), move |_| held.recv().unwrap())
                .await
        })
    };
    while pool.free_mib() == 1_000 {
        tokio::task::yield_now().await;
    }
    {
        let ran = Arc::clone(&ran);
        let second = pool.run(Cost::default(), move |_| ran.fetch_add(1, Ordering::SeqCst));
        tokio::select! {
            biased;
            _ = second => panic!("the only thread is taken"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(
        pool.free_mib(),
        1_000 - 48,
        "the second was admitted and stands in the queue"
    );
    release.send(()).unwrap();
    first.await.unwrap().unwrap();
    pool.run(Cost::default(), |_| ()).await.unwrap();
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert_eq!(pool.free_mib(), 1_000);
}
