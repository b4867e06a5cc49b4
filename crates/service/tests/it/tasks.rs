//! Supervision: what stops the process, what does not, and what a drain waits for.

use std::sync::mpsc;

use service::{CutOff, LogFormat, ShutdownHandle, ShutdownReason, TaskFailure, Tasks, telemetry};
use tokio::sync::oneshot;

use crate::support::{soon, until};

fn set() -> (Tasks, ShutdownHandle) {
    let shutdown = ShutdownHandle::new();
    (Tasks::new(shutdown.clone()), shutdown)
}

fn failed(task: &'static str, detail: &str) -> ShutdownReason {
    ShutdownReason::TaskFailed {
        task,
        detail: detail.to_owned(),
    }
}

const REQUESTED: ShutdownReason = ShutdownReason::Requested("test");

#[derive(Debug, thiserror::Error)]
#[error("no lease")]
struct NoLease(#[source] std::io::Error);

#[tokio::test]
async fn a_task_that_ends_with_an_error_stops_the_process_with_the_whole_chain() {
    let (tasks, shutdown) = set();
    tasks.spawn("renew", async {
        Err(NoLease(std::io::Error::other("gone")))
    });
    soon("the drain", shutdown.soft().cancelled()).await;
    assert_eq!(shutdown.failure(), Some(&failed("renew", "no lease: gone")));
    assert!(!shutdown.hard().is_cancelled());
}

#[tokio::test]
async fn a_task_that_panics_stops_the_process_with_its_message() {
    let (tasks, shutdown) = set();
    tasks.spawn("dispatch", async {
        tokio::task::yield_now().await;
        assert_eq!(1 + 1, 3, "arithmetic");
    });
    soon("the drain", shutdown.soft().cancelled()).await;
    let Some(ShutdownReason::TaskFailed {
        task: "dispatch",
        detail,
    }) = shutdown.failure()
    else {
        panic!("{:?}", shutdown.failure());
    };
    assert!(
        detail.starts_with("panicked: ") && detail.contains("arithmetic"),
        "{detail}"
    );
}

#[tokio::test]
async fn an_ordinary_task_may_end_but_an_essential_one_may_not() {
    let (tasks, shutdown) = set();
    tasks.spawn("once", async {});
    until("the task ends", || tasks.running().is_empty()).await;
    assert!(!shutdown.is_draining());
    tasks.spawn_essential("listen", async {});
    soon("the drain", shutdown.soft().cancelled()).await;
    assert_eq!(
        shutdown.failure(),
        Some(&ShutdownReason::TaskEnded { task: "listen" })
    );
}

#[tokio::test]
async fn an_essential_task_may_end_once_the_process_drains() {
    let (tasks, shutdown) = set();
    let soft = shutdown.soft();
    tasks.spawn_essential("listen", async move { soft.cancelled().await });
    shutdown.drain(REQUESTED);
    assert_eq!(soon("the join", tasks.join_all()).await, Ok(()));
    assert_eq!(shutdown.failure(), None);
}

#[tokio::test]
async fn the_drain_waits_for_tasks_that_other_tasks_spawn_meanwhile() {
    let (tasks, shutdown) = set();
    let (release, released) = oneshot::channel::<()>();
    let (told, mut tell) = oneshot::channel();
    let inner = tasks.clone();
    tasks.spawn("outer", async move {
        released.await.unwrap();
        inner.spawn("inner", async move {
            tokio::task::yield_now().await;
            told.send(()).unwrap();
        });
    });
    shutdown.drain(REQUESTED);
    let joined = tasks.join_all();
    release.send(()).unwrap();
    assert_eq!(soon("the join", joined).await, Ok(()));
    assert!(tell.try_recv().is_ok(), "the inner task was not waited for");
}

#[tokio::test]
async fn a_hard_stop_drops_what_still_runs_and_names_it() {
    let (tasks, shutdown) = set();
    tasks.spawn("settle", std::future::pending::<()>());
    tasks.spawn("claim", std::future::pending::<()>());
    let hard = shutdown.hard();
    tasks.spawn("polite", async move { hard.cancelled().await });
    shutdown.stop_now(REQUESTED);
    let cut_off = soon("the join", tasks.join_all()).await;
    assert_eq!(
        cut_off,
        Err(CutOff {
            tasks: vec!["claim", "settle"]
        })
    );
}

#[tokio::test]
async fn work_run_to_its_end_survives_a_caller_that_gives_up() {
    let (tasks, _shutdown) = set();
    let (release, released) = oneshot::channel::<()>();
    let (told, tell) = oneshot::channel();
    let work = tasks.run_to_end("write", async move {
        released.await.unwrap();
        told.send("written").unwrap();
    });
    drop(work);
    release.send(()).unwrap();
    assert_eq!(soon("the work", tell).await, Ok("written"));
}

#[tokio::test]
async fn work_run_to_its_end_gives_its_result_or_why_there_is_none() {
    let (tasks, shutdown) = set();
    assert_eq!(
        soon("work", tasks.run_to_end("add", async { 40 + 2 })).await,
        Ok(42)
    );
    let panics = tasks.run_to_end("panic", async { assert_eq!(1, 2, "on purpose") });
    assert_eq!(soon("work", panics).await, Err(TaskFailure::Panicked));
    assert!(
        !shutdown.is_draining(),
        "the panic was the caller's to handle"
    );
    let hangs = tasks.run_to_end("hang", std::future::pending::<()>());
    shutdown.stop_now(REQUESTED);
    assert_eq!(soon("work", hangs).await, Err(TaskFailure::CutOff));
}

#[tokio::test]
async fn work_keeps_the_span_it_was_started_in() {
    let sink = telemetry::subscriber(LogFormat::Json, "info", std::io::sink).unwrap();
    let _subscribed = tracing::subscriber::set_default(sink);
    let (tasks, _shutdown) = set();
    let name = async { tracing::Span::current().metadata().map(|span| span.name()) };
    let span = tracing::info_span!("request");
    let work = span.in_scope(|| tasks.run_to_end("write", name));
    assert_eq!(soon("the work", work).await, Ok(Some("request")));
}

#[tokio::test]
async fn a_thread_that_ends_or_panics_stops_the_process() {
    let (tasks, shutdown) = set();
    tasks.spawn_thread("lease", || {}).unwrap();
    soon("the drain", shutdown.soft().cancelled()).await;
    assert_eq!(
        shutdown.failure(),
        Some(&ShutdownReason::TaskEnded { task: "lease" })
    );

    let (tasks, shutdown) = set();
    tasks
        .spawn_thread("lease", || assert!(std::thread::current().name().is_none()))
        .unwrap();
    soon("the drain", shutdown.soft().cancelled()).await;
    assert!(matches!(
        shutdown.failure(),
        Some(ShutdownReason::TaskFailed { task: "lease", detail }) if detail.starts_with("panicked")
    ));
}

#[tokio::test]
async fn the_drain_waits_for_threads() {
    let (tasks, shutdown) = set();
    let (release, released) = mpsc::channel::<()>();
    tasks
        .spawn_thread("lease", move || released.recv().unwrap_or(()))
        .unwrap();
    shutdown.drain(REQUESTED);
    assert_eq!(tasks.running(), ["lease"]);
    release.send(()).unwrap();
    assert_eq!(soon("the join", tasks.join_all()).await, Ok(()));
    assert_eq!(shutdown.failure(), None);
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_ignores_a_hard_stop_is_named_after_the_last_wait() {
    let (tasks, shutdown) = set();
    let (release, released) = mpsc::channel::<()>();
    tasks
        .spawn_thread("stuck", move || released.recv().unwrap_or(()))
        .unwrap();
    shutdown.stop_now(REQUESTED);
    assert_eq!(
        tasks.join_all().await,
        Err(CutOff {
            tasks: vec!["stuck"]
        })
    );
    drop(release);
}
