//! Every way a job ends, or is tried again, other than with its pictures at the first try.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use domain::{Clock, GenerationId, UnknownOutcome};
use providers::{
    ErrorKind, Next, ProviderError, RateHints, Reconciled, Synthetic, SyntheticConfig,
};
use serde_json::json;
use store::cancel::{CancelOutcome, cancel};

use crate::studio::{Manner, PRICE, Studio};
use crate::world::{Running, World};

fn overloaded() -> ProviderError {
    let next = Next::SameAfter(Duration::from_secs(2));
    ProviderError::refused("studio", ErrorKind::Unavailable, next, "planned")
}

/// Longer than a job may wait in its slot.
fn too_many() -> ProviderError {
    let wait = Duration::from_secs(20);
    let next = Next::SameAfter(wait);
    ProviderError::refused("studio", ErrorKind::RateLimited, next, "planned").with_rate(RateHints {
        retry_after: Some(wait),
        windows: Vec::new(),
    })
}

fn charged_for_nothing() -> ProviderError {
    let next = Next::SameAfter(Duration::from_secs(2));
    ProviderError::charged("studio", ErrorKind::BadAnswer, PRICE, next, "planned")
}

fn answer_lost() -> ProviderError {
    ProviderError::unknown("studio", ErrorKind::Network, "planned")
}

fn panicking() -> ProviderError {
    panic!("planned")
}

/// A world with one worker and a studio whose doors are open.
async fn with_studio(manner: Manner, reconciled: Reconciled) -> (World, Running, Arc<Studio>) {
    let world = World::new().await;
    let studio = Studio::opened(manner, reconciled);
    let worker = world.worker([studio.clone() as _]).await;
    (world, worker, studio)
}

fn failing(plan: &str) -> Arc<Synthetic> {
    let config = SyntheticConfig {
        synthetic_latency_ms: 0,
        synthetic_failures: plan.parse().unwrap(),
        ..SyntheticConfig::default()
    };
    Arc::new(Synthetic::start(&config).unwrap())
}

async fn tries(world: &World, id: GenerationId) -> i64 {
    world
        .number(
            "SELECT tries::bigint FROM atelier.job WHERE id = $1",
            &[&id.0],
        )
        .await
}

async fn usage(world: &World) -> i64 {
    world
        .number(r#"SELECT count(*) FROM "UsageRecord""#, &[])
        .await
}

async fn code(world: &World) -> Option<String> {
    world
        .text(r#"SELECT "errorCode" FROM "Generation""#, &[])
        .await
}

fn attempt(state: &str, cost: i64) -> (String, i64) {
    (state.to_owned(), cost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_overloaded_once_is_asked_again_later_and_paid_once() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    studio.fail_with([overloaded as _]);
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "waiting").await;
    testkit::wait::until("it was tried", crate::world::PATIENCE, async || {
        tries(&world, id).await == 1
    })
    .await
    .unwrap();
    let wait = "SELECT extract(epoch FROM run_at - $1)::bigint FROM atelier.job";
    assert!((2..=4).contains(&world.number(wait, &[&world.clock.now()]).await));
    world.clock.advance(Duration::from_secs(5));
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!(
        world.attempts(id).await,
        [attempt("rejected", 0), attempt("settled", PRICE.0)]
    );
    assert_eq!((studio.submitted(), usage(&world).await), (2, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_cost_no_try() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    studio.fail_with([too_many as _]);
    let id = world.submit(&world.request("studio")).await;
    studio.until_submitted(1).await;
    world.until_state(id, "waiting").await;
    assert_eq!(tries(&world, id).await, 0);
    assert_eq!(world.reason(id).await.as_deref(), Some("rate_limited"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_try_fails_the_job_and_returns_its_quota() {
    let world = World::new().await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    studio.fail_with([overloaded as _]);
    let mut args = world.args.clone();
    args.retry_max_tries = 1;
    let worker = world.worker_with(args, [studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("provider_unavailable"));
    assert_eq!((world.quota_used().await, usage(&world).await), (0, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_content_fails_at_once_and_returns_its_quota() {
    let world = World::new().await;
    let provider = failing("content_policy:prompt~forbidden");
    let worker = world.worker([provider.clone() as _]).await;
    let mut request = world.request("synthetic");
    request.user_prompt = Some("something forbidden".to_owned());
    let id = world.submit(&request).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("content_policy"));
    assert_eq!(world.attempts(id).await, [attempt("rejected", 0)]);
    assert_eq!((provider.calls_total(), world.quota_used().await), (1, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_spent_on_nothing_is_in_the_ledger_and_counted_and_not_in_the_usage() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    studio.fail_with([charged_for_nothing as _]);
    let id = world.submit(&world.request("studio")).await;
    studio.until_submitted(1).await;
    world.until_state(id, "waiting").await;
    let spent = r#"atelier_provider_duplicate_spend_micros_total{provider="studio"}"#;
    assert_eq!(worker.metric(spent), 70_000.0);
    world.clock.advance(Duration::from_secs(10));
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    let paid = [attempt("rejected", PRICE.0), attempt("settled", PRICE.0)];
    assert_eq!(world.attempts(id).await, paid);
    let billed = r#"SELECT (metadata->>'provider_cost_micros')::bigint FROM "UsageRecord""#;
    assert_eq!(world.number(billed, &[]).await, PRICE.0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_again_and_never_sent_again() {
    let accepted = Reconciled::Accepted {
        provider_ref: "order-1".to_owned(),
    };
    let (world, worker, studio) = with_studio(Manner::AtOnce, accepted).await;
    studio.fail_with([answer_lost as _]);
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "done").await;
    assert_eq!(
        (studio.submitted(), studio.polls.load(Ordering::SeqCst)),
        (1, 1)
    );
    assert_eq!(world.attempts(id).await, [attempt("settled", PRICE.0)]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_that_cannot_be_found_holds_the_job_with_its_reason() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    world.when_unknown(UnknownOutcome::Hold).await;
    studio.fail_with([answer_lost as _]);
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "held").await;
    let reason = world.reason(id).await.unwrap();
    assert_eq!(reason, "outcome_unknown: provider_network");
    assert_eq!(world.attempts(id).await, [attempt("unknown", 0)]);
    assert_eq!((studio.submitted(), world.quota_used().await), (1, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_running_job_stops_it_at_the_provider_and_returns_its_quota() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::ByReference, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    let request = world.request("studio");
    let id = world.submit(&request).await;
    studio.until_submitted(1).await;
    let now = world.clock.now();
    let asked = cancel(&world.db, now, &request.brand_id, &request.public_id)
        .await
        .unwrap();
    assert_eq!(asked, CancelOutcome::Requested(id));
    world.queue.publish_cancel(id).await.unwrap();
    world.until_state(id, "canceled").await;
    assert_eq!(studio.cancels.load(Ordering::SeqCst), 1);
    assert_eq!(world.attempts(id).await, [attempt("rejected", 0)]);
    assert_eq!((world.quota_used().await, usage(&world).await), (0, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_whose_hint_got_lost_is_found_and_a_submit_under_way_is_reconciled() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::AtOnce, Reconciled::NotAccepted);
    let worker = world.worker([studio.clone() as _]).await;
    let request = world.request("studio");
    let id = world.submit(&request).await;
    studio.until_submitted(1).await;
    cancel(
        &world.db,
        world.clock.now(),
        &request.brand_id,
        &request.public_id,
    )
    .await
    .unwrap();
    world.until_state(id, "canceled").await;
    assert_eq!(studio.reconciles.load(Ordering::SeqCst), 1);
    assert_eq!(world.attempts(id).await, [attempt("rejected", 0)]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_ends_the_wait_for_the_provider() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::ByReference, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    let mut request = world.request("studio");
    request.deadline = Some(world.clock.now() + TimeDelta::seconds(2));
    let id = world.submit(&request).await;
    world.until_state(id, "expired").await;
    assert_eq!(
        (studio.submitted(), studio.cancels.load(Ordering::SeqCst)),
        (1, 1)
    );
    assert_eq!(world.attempts(id).await, [attempt("rejected", 0)]);
    assert_eq!((world.quota_used().await, usage(&world).await), (0, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_was_finished_before_the_deadline_is_kept() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::Unhurried, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    let mut request = world.request("studio");
    request.deadline = Some(world.clock.now() + TimeDelta::seconds(2));
    let id = world.submit(&request).await;
    studio.until_polled().await;
    studio.open();
    world.until_state(id, "done").await;
    assert_eq!(world.attempts(id).await, [attempt("settled", PRICE.0)]);
    assert_eq!((studio.submitted(), usage(&world).await), (1, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cancelled_job_cost_stays_in_the_ledger_and_is_not_billed() {
    let world = World::new().await;
    let studio = Studio::closed(Manner::Unhurried, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    let request = world.request("studio");
    let id = world.submit(&request).await;
    studio.until_polled().await;
    studio.open();
    let now = world.clock.now();
    cancel(&world.db, now, &request.brand_id, &request.public_id)
        .await
        .unwrap();
    world.queue.publish_cancel(id).await.unwrap();
    world.until_state(id, "canceled").await;
    assert_eq!(world.attempts(id).await, [attempt("rejected", PRICE.0)]);
    assert_eq!((world.quota_used().await, usage(&world).await), (0, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_picture_of_the_shopper_fails_the_job_before_anything_is_paid() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    let mut request = world.request("studio");
    let data = "data:image/png;base64,bm8gcGljdHVyZQ==";
    request.customizations = world
        .customizations(json!({"zone_photo": {"data": data}}))
        .await;
    let id = world.submit(&request).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("invalid_image"));
    assert_eq!((studio.submitted(), world.attempts(id).await.len()), (0, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_no_font_can_draw_fails_the_job_before_anything_is_paid() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    // Linear A, which is not even in the font pack that ./test installs.
    let mut request = world.request("studio");
    request.customizations = json!({"zone_name": {"type": "TEXT", "text": "𐘀", "effect": "print"}});
    let id = world.submit(&request).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("invalid_request"));
    assert_eq!(studio.submitted(), 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_base_photograph_is_an_error_and_costs_nothing() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    world
        .execute(r#"UPDATE "Product" SET "baseImage" = 'base/gone.png'"#, &[])
        .await;
    let id = world.submit(&world.request("studio")).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("processing_failed"));
    assert_eq!(studio.submitted(), 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_picture_from_the_provider_fails_the_job_and_its_cost_stays_in_the_ledger() {
    let world = World::new().await;
    let worker = world.worker([failing("truncated:1") as _]).await;
    let id = world.submit(&world.request("synthetic")).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("provider_bad_answer"));
    assert_eq!(world.attempts(id).await, [attempt("settled", 40_000)]);
    assert_eq!((world.quota_used().await, usage(&world).await), (0, 0));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_nobody_knows_fails_the_job_with_a_code() {
    let (world, worker, _studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    let id = world.submit(&world.request("nobody")).await;
    world.until_state(id, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("provider_unavailable"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_work_panics_fails_alone() {
    let (world, worker, studio) = with_studio(Manner::AtOnce, Reconciled::Unknown).await;
    studio.fail_with([panicking as _]);
    let first = world.submit(&world.request("studio")).await;
    world.until_state(first, "failed").await;
    assert_eq!(code(&world).await.as_deref(), Some("internal"));
    // It may have been paid: it stays open for the reconciler.
    assert_eq!(world.attempts(first).await, [attempt("submitting", 0)]);
    let second = world.submit(&world.request("studio")).await;
    world.until_state(second, "done").await;
    assert!(worker.context.shutdown().failure().is_none());
    worker.stop().await;
}
