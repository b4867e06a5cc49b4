//! Calls that nobody can tell about: what the brand's policy makes of them, and what that costs whom.

use std::time::Duration;

use domain::{GenerationId, UnknownOutcome};
use providers::{ErrorKind, ProviderError, Reconciled};
use testkit::wait;

use crate::studio::{Manner, PRICE, Studio};
use crate::world::{PATIENCE, Running, World};

const DUPLICATE: &str = r#"atelier_provider_duplicate_spend_micros_total{provider="studio"}"#;

fn answer_lost() -> ProviderError {
    ProviderError::unknown("studio", ErrorKind::Network, "planned")
}

async fn lost_by(world: &World) -> Option<String> {
    let sql = "SELECT string_agg(lost_by, ',' ORDER BY opened_at) FROM atelier.attempt";
    world.text(sql, &[]).await
}

async fn error_code(world: &World) -> Option<String> {
    world
        .text(r#"SELECT "errorCode" FROM "Generation""#, &[])
        .await
}

async fn spent(world: &World) -> i64 {
    let sql = "SELECT COALESCE(sum(spent_micros), 0)::bigint FROM atelier.budget";
    world.number(sql, &[]).await
}

async fn usage(world: &World) -> i64 {
    world
        .number(r#"SELECT count(*) FROM "UsageRecord""#, &[])
        .await
}

/// Brings a job to its end, as the dispatcher's sweeps do.
async fn finish(world: &World, id: GenerationId) {
    wait::until("the job has ended", PATIENCE, async || {
        world.clock.advance(Duration::from_secs(5));
        world.dispatch(&[id]).await;
        world.open_jobs().await == 0
    })
    .await
    .unwrap();
}

fn rejected() -> (String, i64) {
    ("rejected".to_owned(), PRICE.0)
}

fn decided(worker: &Running, by: &str) -> f64 {
    let labels = format!(r#"decided_by="{by}",provider="studio""#);
    worker.metric(&format!("atelier_provider_attempts_lost_total{{{labels}}}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fail_ends_the_job_and_the_price_counts_as_spent_and_the_quota_comes_back() {
    let world = World::new().await;
    world.when_unknown(UnknownOutcome::Fail).await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    studio.fail_with([answer_lost as _]);
    let worker = world.worker([studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "failed").await;
    assert_eq!(error_code(&world).await.as_deref(), Some("outcome_unknown"));
    assert_eq!(world.attempts(id).await, [rejected()]);
    assert_eq!(lost_by(&world).await.as_deref(), Some("fail"));
    assert_eq!((spent(&world).await, usage(&world).await), (PRICE.0, 0));
    assert_eq!((studio.submitted(), world.quota_used().await), (1, 0));
    assert_eq!(
        (decided(&worker, "fail"), worker.metric(DUPLICATE)),
        (1.0, 0.0)
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_once_delivers_and_the_brand_is_told_and_billed_of_one_picture() {
    let world = World::new().await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    studio.fail_with([answer_lost as _]);
    let worker = world.worker([studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    finish(&world, id).await;
    let settled = ("settled".to_owned(), PRICE.0);
    assert_eq!(world.attempts(id).await, [rejected(), settled]);
    assert_eq!(lost_by(&world).await.as_deref(), Some("retry_once"));
    let cost = r#"SELECT (cost * 1000000)::bigint FROM "Generation""#;
    let billed = r#"SELECT (metadata->>'provider_cost_micros')::bigint FROM "UsageRecord""#;
    let both = (
        world.number(cost, &[]).await,
        world.number(billed, &[]).await,
    );
    assert_eq!(both, (PRICE.0, PRICE.0));
    assert_eq!((spent(&world).await, usage(&world).await), (2 * PRICE.0, 1));
    assert_eq!(studio.submitted(), 2);
    assert_eq!(worker.metric(DUPLICATE), 70_000.0);
    worker.stop().await;
}

fn paid_for_nothing() -> ProviderError {
    let next = providers::Next::SameAfter(Duration::from_millis(1));
    ProviderError::charged("studio", ErrorKind::BadAnswer, PRICE, next, "planned")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_charges_for_empty_answers_is_paid_twice_and_not_a_third_time() {
    let world = World::new().await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    studio.fail_with([paid_for_nothing as _; 5]);
    let worker = world.worker([studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    finish(&world, id).await;
    assert_eq!(world.attempts(id).await, [rejected(), rejected()]);
    assert_eq!(
        error_code(&world).await.as_deref(),
        Some("provider_bad_answer")
    );
    assert_eq!((spent(&world).await, usage(&world).await), (2 * PRICE.0, 0));
    assert_eq!((studio.submitted(), world.quota_used().await), (2, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_sent_once_more_once_in_its_life_whoever_works_on_it() {
    let world = World::new().await;
    // Its first owner died after the intent, as if it had been sent.
    let (id, _) = crate::crash::left_behind(&world, vec![]).await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    studio.fail_with([answer_lost as _, answer_lost as _]);
    let first = world.worker([studio.clone() as _]).await;
    world.dispatch(&[id]).await;
    wait::until("the first is given up", PATIENCE, async || {
        decided(&first, "retry_once") == 1.0
    })
    .await
    .unwrap();
    world.until_state(id, "waiting").await;
    assert_eq!(studio.submitted(), 0);
    first.stop().await;
    let second = world.worker([studio.clone() as _]).await;
    finish(&world, id).await;
    assert_eq!(error_code(&world).await.as_deref(), Some("outcome_unknown"));
    assert_eq!(world.attempts(id).await, [rejected(), rejected()]);
    assert_eq!((studio.submitted(), world.quota_used().await), (1, 0));
    // The second loss is the end of it, and nothing was spent twice beyond the first.
    assert_eq!(
        (second.metric(DUPLICATE), decided(&second, "retry_once")),
        (0.0, 1.0)
    );
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_time_for_a_second_call_a_lost_one_fails_the_job() {
    let world = World::new().await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    studio.fail_with([answer_lost as _]);
    let mut args = world.args.clone();
    args.retry_max_tries = 1;
    let worker = world.worker_with(args, [studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "failed").await;
    assert_eq!(error_code(&world).await.as_deref(), Some("outcome_unknown"));
    assert_eq!((studio.submitted(), world.quota_used().await), (1, 0));
    assert_eq!(worker.metric(DUPLICATE), 0.0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_stored_and_not_written_down_is_used() {
    let world = World::new().await;
    let (id, attempt) = crate::crash::left_behind(&world, vec![]).await;
    let picture = imaging::Picture::from_rgb(4, 4, [9; 48]).unwrap();
    let bytes = imaging::encode(&picture, imaging::Format::Png)
        .unwrap()
        .into();
    let key = store::objects::raw_key(id, attempt);
    world.objects.put(&key, "image/png", bytes).await.unwrap();
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!(world.attempts(id).await, [("settled".to_owned(), PRICE.0)]);
    assert_eq!((studio.submitted(), usage(&world).await), (0, 1));
    worker.stop().await;
}
