//! Many jobs, several workers, and claims whose answer gets lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::{Clock, GenerationId};
use providers::Reconciled;
use store::claims;
use testkit::{ChaosProxy, Mode, wait};
use worker::WorkerArgs;

use crate::one_job::synthetic;
use crate::studio::{Manner, Studio};
use crate::world::{PATIENCE, World};

async fn accept_many(world: &World, provider: &str, count: usize) -> Vec<GenerationId> {
    let requests: Vec<_> = (0..count).map(|_| world.request(provider)).collect();
    let decisions = store::intake::accept(&world.db, world.clock.now(), &requests).await;
    assert!(
        decisions
            .iter()
            .all(|decision| matches!(decision, Ok(Ok(_))))
    );
    requests.iter().map(|request| request.id).collect()
}

/// A proxy before the database, and the settings of a worker that goes through it.
async fn behind_a_proxy(world: &World) -> (ChaosProxy, WorkerArgs) {
    let url = url::Url::parse(world.database_url()).unwrap();
    let upstream = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let proxy = ChaosProxy::start(upstream).await.unwrap();
    let mut args = world.args.clone();
    args.database.database_url = proxy.url(world.database_url()).unwrap().into();
    (proxy, args)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_two_hundred_jobs_and_each_is_done_once() {
    let world = World::new().await;
    let (one, two) = (synthetic(), synthetic());
    let first = world.worker([one.clone() as _]).await;
    let second = world.worker([two.clone() as _]).await;
    let ids = accept_many(&world, "synthetic", 200).await;
    world.dispatch(&ids).await;
    // Everything twice: a delivery is a hint, the claim decides.
    world.dispatch(&ids).await;
    world.until_ended().await;
    let done = "SELECT count(*) FROM atelier.job WHERE state = 'done' AND fence = 1";
    assert_eq!(world.number(done, &[]).await, 200);
    assert_eq!(
        world
            .number(r#"SELECT count(*) FROM "UsageRecord""#, &[])
            .await,
        200
    );
    assert_eq!(one.calls_total() + two.calls_total(), 200);
    let sessions = r#"SELECT count(DISTINCT "aiResponse"->>'session') FROM "Generation""#;
    assert_eq!(
        world.number(sessions, &[]).await,
        2,
        "both workers were used"
    );
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_share_few_transactions() {
    const JOBS: usize = 48;
    let world = World::new().await;
    let studio = Studio::closed(Manner::AtOnce, Reconciled::Unknown);
    let mut args = world.args.clone();
    args.slots = JOBS as u16;
    let worker = world.worker_with(args, [studio.clone() as _]).await;
    let ids = accept_many(&world, "studio", JOBS).await;
    world.dispatch(&ids).await;
    studio.until_submitted(JOBS as u64).await;
    studio.open();
    world.until_ended().await;
    for part in ["ledger_open", "ledger_record", "settle"] {
        let items = worker.metric(&format!("atelier_worker_{part}_batch_items_sum"));
        let batches = worker.metric(&format!("atelier_worker_{part}_batch_items_count"));
        assert_eq!(items, JOBS as f64, "{part}");
        assert!(batches < items, "{part}: {batches} batches");
        println!("{part}: {items} in {batches} batches");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_claimed_by_an_answer_that_got_lost_come_back() {
    let world = World::new().await;
    let provider = synthetic();
    let worker = world.worker([provider.clone() as _]).await;
    let id = world.accept(&world.request("synthetic")).await;
    // What a lost answer leaves: our session holds a job that we do not know of.
    let now = world.clock.now();
    let claimed = claims::claim(&world.db, now, worker.session, &[id])
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
    world.clock.advance(Duration::from_secs(11));
    world.until_state(id, "waiting").await;
    assert_eq!(worker.metric("atelier_worker_strays_total"), 1.0);
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!(provider.calls_total(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_breaks_off_every_answer_loses_no_job_and_pays_none_twice() {
    let world = World::new().await;
    let (proxy, args) = behind_a_proxy(&world).await;
    let provider = synthetic();
    let worker = world.worker_with(args, [provider.clone() as _]).await;
    let ids = accept_many(&world, "synthetic", 5).await;
    proxy.set(Mode::DropReply);
    world.dispatch(&ids).await;
    wait::until("a claim has no answer", PATIENCE, async || {
        worker.metric("atelier_worker_claim_errors_total") >= 1.0
    })
    .await
    .unwrap();
    proxy.set(Mode::Pass);
    assert!(proxy.cuts() > 0);
    world.clock.advance(Duration::from_secs(11));
    wait::until("every job has ended", PATIENCE, async || {
        // What the dispatcher's sweep does for rows that nobody claimed.
        world.dispatch(&ids).await;
        world.open_jobs().await == 0
    })
    .await
    .unwrap();
    assert_eq!(
        world
            .number(r#"SELECT count(*) FROM "UsageRecord""#, &[])
            .await,
        5
    );
    assert_eq!(provider.calls_total(), 5);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_when_the_answer_comes_delays_the_job_and_pays_once() {
    let world = World::new().await;
    let (proxy, args) = behind_a_proxy(&world).await;
    let studio = Studio::closed(Manner::AtOnce, Reconciled::Unknown);
    let worker = world.worker_with(args, [studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    studio.until_submitted(1).await;
    proxy.set(Mode::Refuse);
    studio.open();
    let raw = world.folder().join("raw").join(id.as_text());
    wait::until("the raw answer is kept", PATIENCE, async || raw.exists())
        .await
        .unwrap();
    assert_eq!(world.state(id).await, "running");
    proxy.set(Mode::Pass);
    world.until_state(id, "done").await;
    assert_eq!(studio.submitted(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_that_is_away_after_the_answer_delays_the_job_and_pays_once() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::AtOnce, Reconciled::Unknown);
    let worker = world.worker([Arc::clone(&studio) as _]).await;
    let id = world.submit(&world.request("studio")).await;
    studio.until_submitted(1).await;
    let raw = world.folder().join("raw");
    std::fs::write(&raw, "in the way").unwrap();
    studio.open();
    wait::until("the answer is here", PATIENCE, async || {
        studio.answers.load(Ordering::SeqCst) == 1
    })
    .await
    .unwrap();
    assert_eq!(world.attempts(id).await, [("submitting".to_owned(), 0)]);
    std::fs::remove_file(&raw).unwrap();
    world.until_state(id, "done").await;
    assert_eq!(studio.submitted(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_cannot_renew_its_lease_stops_before_it_may_be_declared_dead() {
    let world = World::new().await;
    let (proxy, args) = behind_a_proxy(&world).await;
    let started = Instant::now();
    let worker = world.worker_with(args, [synthetic() as _]).await;
    proxy.set(Mode::Freeze);
    worker.context.shutdown().hard().cancelled().await;
    assert!(
        started.elapsed() < store::sessions::SESSION_TTL,
        "{:?}",
        started.elapsed()
    );
    assert!(worker.context.shutdown().failure().is_some());
}
