//! Calls that jobs left open when they ended or were held.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use domain::{BrandId, Clock, GenerationId, Micros, PublicId, UnknownOutcome};
use providers::Reconciled;
use store::aftercare::{self, Finding};
use store::cancel::{CancelOutcome, cancel};
use store::ledger::AttemptEvent;
use testkit::wait;

use crate::crash::left_behind;
use crate::studio::{Manner, PRICE, Studio};
use crate::world::{PATIENCE, Running, World};

const DAY: Duration = Duration::from_secs(86_400);

fn accepted() -> Vec<AttemptEvent> {
    let provider_ref = "order-1".to_owned();
    vec![AttemptEvent::Accepted { provider_ref }]
}

/// A job that was canceled while its attempt was open and nobody worked on it.
async fn canceled(world: &World, events: Vec<AttemptEvent>) -> GenerationId {
    let (id, _) = left_behind(world, events).await;
    let canceled = cancel(&world.db, world.clock.now(), &brand(), &public(world).await).await;
    assert_eq!(canceled.unwrap(), CancelOutcome::Canceled);
    id
}

fn brand() -> BrandId {
    "brand_1".into()
}

async fn public(world: &World) -> PublicId {
    let id = world
        .text(r#"SELECT "publicId" FROM "Generation""#, &[])
        .await;
    PublicId::parse(&id.unwrap()).unwrap()
}

async fn worker(world: &World, studio: &Arc<Studio>) -> Running {
    let mut args = world.args.clone();
    args.aftercare_period_ms = 50;
    world.worker_with(args, [studio.clone() as _]).await
}

async fn until(world: &World, id: GenerationId, state: &str, cost: Micros) {
    let expected = [(state.to_owned(), cost.0)];
    let closed = wait::until("the attempt is closed", PATIENCE, async || {
        world.attempts(id).await == expected
    });
    if closed.await.is_err() {
        panic!("it is {:?}", world.attempts(id).await);
    }
}

async fn asks(world: &World) -> i64 {
    world
        .number("SELECT sum(asks)::bigint FROM atelier.attempt", &[])
        .await
}

async fn spent(world: &World) -> i64 {
    let sql = "SELECT COALESCE(sum(spent_micros), 0)::bigint FROM atelier.budget";
    world.number(sql, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_never_accepted_is_closed_free_whichever_of_two_workers_asks() {
    let world = World::new().await;
    let id = canceled(&world, vec![]).await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::NotAccepted);
    let (first, second) = (worker(&world, &studio).await, worker(&world, &studio).await);
    until(&world, id, "rejected", Micros::ZERO).await;
    assert_eq!(asks(&world).await, 1);
    assert_eq!(studio.reconciles.load(Ordering::SeqCst), 1);
    assert_eq!((studio.submitted(), spent(&world).await), (0, 0));
    assert_eq!(world.state(id).await, "canceled");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_call_of_an_ended_job_is_stopped() {
    let world = World::new().await;
    let id = canceled(&world, accepted()).await;
    let studio = Studio::closed(Manner::ByReference, Reconciled::Unknown);
    let worker = worker(&world, &studio).await;
    until(&world, id, "rejected", Micros::ZERO).await;
    assert_eq!(studio.cancels.load(Ordering::SeqCst), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_came_after_the_end_is_booked_and_kept_and_delivered_to_nobody() {
    let world = World::new().await;
    let id = canceled(&world, accepted()).await;
    let studio = Studio::opened(Manner::ByReference, Reconciled::Unknown);
    let worker = worker(&world, &studio).await;
    until(&world, id, "settled", PRICE).await;
    let key = "SELECT raw_key FROM atelier.attempt";
    let key = world.text(key, &[]).await.unwrap();
    let kept = world.objects.get(&key).await.unwrap().unwrap();
    assert!(kept.starts_with(b"\x89PNG"), "the picture as it came");
    let usage = r#"SELECT count(*) FROM "UsageRecord""#;
    assert_eq!(world.number(usage, &[]).await, 0);
    assert_eq!(world.state(id).await, "canceled");
    assert_eq!(
        (spent(&world).await, world.quota_used().await),
        (PRICE.0, 0)
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_tell_is_asked_less_and_less_often_and_lost_after_a_day() {
    let world = World::new().await;
    let id = canceled(&world, vec![]).await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    let worker = worker(&world, &studio).await;
    let asked = async |least: i64| {
        wait::until("it is asked about", PATIENCE, async || {
            asks(&world).await >= least
        })
        .await
        .unwrap();
    };
    asked(1).await;
    until(&world, id, "unknown", Micros::ZERO).await;
    // The clock stands still, so the wait of 50 ms does not pass.
    let wait = "SELECT (extract(epoch FROM ask_at - $1) * 1000)::bigint FROM atelier.attempt";
    assert_eq!(world.number(wait, &[&world.clock.now()]).await, 50);
    world.clock.advance(Duration::from_millis(51));
    asked(2).await;
    wait::until("the next wait is longer", PATIENCE, async || {
        world.number(wait, &[&world.clock.now()]).await == 100
    })
    .await
    .unwrap();
    world.clock.advance(DAY);
    until(&world, id, "rejected", PRICE).await;
    let by = world.text("SELECT lost_by FROM atelier.attempt", &[]).await;
    assert_eq!(
        (by.as_deref(), spent(&world).await),
        (Some("max_age"), PRICE.0)
    );
    assert_eq!(studio.submitted(), 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_jobs_picture_is_fetched_before_it_is_gone_and_used_when_the_job_is_released() {
    let world = World::new().await;
    world.when_unknown(UnknownOutcome::Hold).await;
    let (id, _) = left_behind(&world, accepted()).await;
    let hold = "UPDATE atelier.job SET state = 'held', reason = 'crashed' WHERE id = $1";
    world.execute(hold, &[&id.0]).await;
    let studio = Studio::opened(Manner::ByReference, Reconciled::Unknown);
    let worker = worker(&world, &studio).await;
    until(&world, id, "fetched", PRICE).await;
    assert_eq!(world.state(id).await, "held");
    assert_eq!(studio.cancels.load(Ordering::SeqCst), 0);
    let public = public(&world).await;
    let released = store::held::release(&world.db, world.clock.now(), &brand(), &public).await;
    assert!(released.unwrap());
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!((studio.submitted(), spent(&world).await), (0, PRICE.0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_ran_out_writes_nothing_and_neither_does_one_of_a_job_that_goes_on() {
    let world = World::new().await;
    let (id, _) = left_behind(&world, vec![]).await;
    let now = world.clock.now();
    let (soon, later) = (now + TimeDelta::seconds(1), now + TimeDelta::seconds(9));
    let claim = async |at| aftercare::claim(&world.db, at, later, 8).await.unwrap();
    assert!(
        claim(now).await.is_empty(),
        "a waiting job's owner will ask"
    );
    let hold = "UPDATE atelier.job SET state = $2 WHERE id = $1";
    world.execute(hold, &[&id.0, &"held"]).await;
    let first = aftercare::claim(&world.db, now, soon, 8).await.unwrap();
    assert!(claim(now).await.is_empty(), "it is claimed");
    let second = claim(soon).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    let finding = Finding::Closed {
        code: "not_accepted".to_owned(),
        cost: Micros::ZERO,
    };
    let record = async |left| {
        let written = aftercare::record(&world.db, now, left, &finding).await;
        written.unwrap().applied
    };
    assert!(!record(&first[0]).await, "somebody else asks by now");
    world.execute(hold, &[&id.0, &"waiting"]).await;
    assert!(!record(&second[0]).await, "its job goes on");
    world.execute(hold, &[&id.0, &"held"]).await;
    assert!(record(&second[0]).await);
    assert!(!record(&second[0]).await, "it is closed");
}
