//! Stopping: what is finished, what is handed back, and what the next owner finds.

use std::time::{Duration, Instant};

use providers::Reconciled;
use serde_json::json;
use service::ShutdownReason;
use testkit::wait;
use tokio::net::TcpListener;

use domain::GenerationId;

use crate::studio::{Manner, Studio};
use crate::world::{PATIENCE, Running, World};

fn asked() -> ShutdownReason {
    ShutdownReason::Requested("test")
}

async fn session_ended(world: &World, worker: &Running) -> bool {
    let sql = "SELECT count(ended_at) FROM atelier.worker_session WHERE id = $1";
    world.number(sql, &[&worker.session.0]).await == 1
}

/// A job that waits for a shopper's picture from a host which accepts connections and says nothing:
/// claimed, and not yet sent to any provider.
async fn unsent_job(world: &World, silent: &TcpListener) -> GenerationId {
    let mut request = world.request("studio");
    let url = format!(
        "https://127.0.0.1:{}/photo.png",
        silent.local_addr().unwrap().port()
    );
    request.customizations = json!({"zone_photo": {"type": "IMAGE", "url": url}});
    let id = world.submit(&request).await;
    world.until_state(id, "running").await;
    id
}

async fn worker(world: &World, studio: &std::sync::Arc<Studio>) -> Running {
    let mut args = world.args.clone();
    args.fetch.fetch_allow_cidrs = vec!["127.0.0.0/8".parse().unwrap()];
    world.worker_with(args, [studio.clone() as _]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_finishes_what_was_sent_hands_back_what_was_not_and_claims_nothing_more() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::AtOnce, Reconciled::Unknown);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let worker = worker(&world, &studio).await;
    let sent = world.submit(&world.request("studio")).await;
    studio.until_submitted(1).await;
    let unsent = unsent_job(&world, &silent).await;
    worker.context.shutdown().drain(asked());
    world.until_state(unsent, "waiting").await;
    let late = world.submit(&world.request("studio")).await;
    assert_eq!(world.reason(unsent).await.as_deref(), Some("draining"));
    let tries = "SELECT tries::bigint FROM atelier.job WHERE id = $1";
    assert_eq!(world.number(tries, &[&unsent.0]).await, 0);
    assert_eq!(world.state(sent).await, "running");
    studio.open();
    worker.context.tasks().join_all().await.unwrap();
    assert_eq!(world.state(sent).await, "done");
    assert_eq!(
        (world.state(late).await.as_str(), studio.submitted()),
        ("waiting", 1)
    );
    assert!(session_ended(&world, &worker).await);
    assert!(worker.context.shutdown().failure().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_stops_long_before_its_blocking_read_would_end() {
    let world = World::new().await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    let worker = worker(&world, &studio).await;
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "done").await;
    let asked_at = Instant::now();
    worker.context.shutdown().drain(asked());
    wait::until("it claims no more", PATIENCE, async || {
        !worker.context.tasks().running().contains(&"claim")
    })
    .await
    .unwrap();
    // The read blocks for two seconds; on a quiet machine the stop takes a few milliseconds.
    assert!(
        asked_at.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked_at.elapsed()
    );
    worker.context.tasks().join_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hard_stop_hands_back_every_job_and_what_was_sent_is_reconciled_by_the_next_owner() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::AtOnce, Reconciled::NotAccepted);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let first = worker(&world, &studio).await;
    let sent = world.submit(&world.request("studio")).await;
    studio.until_submitted(1).await;
    let unsent = unsent_job(&world, &silent).await;
    first.context.shutdown().stop_now(asked());
    assert!(
        first.context.tasks().join_all().await.is_err(),
        "work was cut off"
    );
    assert_eq!(world.state(unsent).await, "waiting");
    assert_eq!(world.state(sent).await, "waiting");
    assert_eq!(world.attempts(sent).await, [("submitting".to_owned(), 0)]);
    let crashes = "SELECT sum(crashes)::bigint FROM atelier.job";
    assert_eq!(world.number(crashes, &[]).await, 0);
    assert!(session_ended(&world, &first).await);
    let heir_studio = Studio::opened(Manner::AtOnce, Reconciled::NotAccepted);
    let heir = worker(&world, &heir_studio).await;
    world.dispatch(&[sent]).await;
    world.until_state(sent, "done").await;
    assert_eq!(world.attempts(sent).await.len(), 2);
    heir.stop().await;
}
