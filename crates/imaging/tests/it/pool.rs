use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use imaging::{Pool, PoolConfig, PoolError};

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
            let work = move || {
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                std::hint::black_box((0..2_000_000_u64).fold(0, |a, b| a ^ b.wrapping_mul(31)));
                inside.fetch_sub(1, Ordering::SeqCst);
            };
            pool.run(pixels, work).await.unwrap();
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
        .run(0, || std::thread::current().name().map(str::to_owned))
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
    let error = pool(1, 1, 50).run(40_000_000, || ()).await.unwrap_err();
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
            .run(0, || -> () { panic!("bad picture") })
            .await
            .unwrap_err();
        match error {
            PoolError::Panicked { message } => assert_eq!(message, "bad picture"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(pool.run(0, || 7).await.unwrap(), 7);
    assert_eq!(pool.free_mib(), 100);
}

#[tokio::test]
async fn a_caller_who_leaves_before_admission_leaves_nothing_behind() {
    let pool = pool(1, 1, 100);
    let (release, held) = channel::<()>();
    let ran = Arc::new(AtomicUsize::new(0));
    let first = {
        let pool = Arc::clone(&pool);
        tokio::task::spawn(async move { pool.run(0, move || held.recv().unwrap()).await })
    };
    while pool.free_mib() == 100 {
        tokio::task::yield_now().await;
    }
    {
        let ran = Arc::clone(&ran);
        let second = pool.run(0, move || ran.fetch_add(1, Ordering::SeqCst));
        tokio::select! {
            biased;
            _ = second => panic!("the only place is taken"),
            () = tokio::task::yield_now() => {}
        }
    }
    release.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(pool.run(0, || 1).await.unwrap(), 1);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert_eq!(pool.free_mib(), 100);
}
