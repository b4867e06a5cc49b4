//! Settling: everything at once, once, and only under the lease.

use chrono::TimeDelta;
use domain::{Ending, FailureCode, Fence, JobState};
use serde_json::{Value, json};
use store::Lease;
use store::settle::{Settled, Settlement};

use crate::invariants;
use crate::world::{self, World};

/// Everything a settlement may touch, as one value to compare.
async fn everything(world: &World) -> Value {
    sqlx::query_scalar(
        r#"SELECT jsonb_build_object(
             'job', (SELECT jsonb_agg(t ORDER BY t.id) FROM atelier.job t),
             'generation', (SELECT jsonb_agg(t ORDER BY t.id) FROM "Generation" t),
             'usage', (SELECT jsonb_agg(t ORDER BY t.id) FROM "UsageRecord" t),
             'brand', (SELECT jsonb_agg(t ORDER BY t.id) FROM "Brand" t),
             'attempt', (SELECT jsonb_agg(t ORDER BY t.id) FROM atelier.attempt t),
             'asset', (SELECT jsonb_agg(t ORDER BY t.job_id, t.variant) FROM atelier.asset t),
             'outbox', (SELECT jsonb_agg(t ORDER BY t.id) FROM atelier.outbox t))"#,
    )
    .fetch_one(&world.sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_done_generation_is_written_whole() {
    let world = World::new().await;
    let claimed = world.fetched().await;
    world.advance(30);
    assert_eq!(
        world.settle(&[world::done(claimed.lease)]).await,
        [Settled::Applied]
    );

    let job = world.job(claimed.lease.job).await;
    assert_eq!(
        (job.state.as_str(), job.quota.as_str()),
        ("done", "committed")
    );
    assert_eq!((job.session_id, job.ended_at), (None, Some(world.now())));
    let all = everything(&world).await;
    let generation = &all["generation"][0];
    for (column, expected) in [
        ("status", json!("COMPLETED")),
        ("outputUrl", json!("https://cdn.example/full.png")),
        ("thumbnailUrl", json!("https://cdn.example/thumb.webp")),
        ("finalPrompt", json!("a ring")),
        ("aiResponse", json!({"request_id": "req_1"})),
        ("processingTime", json!(1234)),
        ("tokensUsed", json!(4160)),
        ("cost", json!(0.04)),
        ("completedAt", json!("2026-03-01T12:00:30")),
        ("errorCode", Value::Null),
    ] {
        assert_eq!(generation[column], expected, "{column}");
    }
    let usage = &all["usage"][0];
    assert_eq!(
        usage["id"],
        json!(format!("generation:{}", claimed.lease.job.as_text()))
    );
    assert_eq!(
        (&usage["type"], &usage["count"]),
        (&json!("generation"), &json!(1))
    );
    assert_eq!(usage["brandId"], json!("a"));
    assert_eq!(all["attempt"][0]["state"], json!("settled"));
    assert_eq!(all["asset"][0]["object_key"], json!("out/full.png"));
    assert_eq!(all["asset"][0]["size_bytes"], json!(4321));
    assert_eq!(
        world.events(claimed.lease.job).await,
        ["generation.completed"]
    );
    assert_eq!(world.used("a").await, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn settling_again_is_lost_and_doubles_nothing() {
    let world = World::new().await;
    let claimed = world.fetched().await;
    let settlement = world::done(claimed.lease);
    assert_eq!(
        world.settle(std::slice::from_ref(&settlement)).await,
        [Settled::Applied]
    );
    let before = everything(&world).await;
    world.advance(1);
    assert_eq!(world.settle(&[settlement]).await, [Settled::Lost]);
    assert_eq!(everything(&world).await, before);
}

#[tokio::test]
async fn the_same_job_twice_in_one_batch_is_settled_once() {
    let world = World::new().await;
    let done = world.fetched().await.lease;
    let failed = world.running().await.lease;
    world
        .accept(&[world.request("a"), world.request("a")])
        .await;
    let end = || world::ended(failed, Ending::Canceled);
    let batch = [world::done(done), end(), world::done(done), end()];
    let applied = world.settle(&batch).await;
    assert_eq!(
        applied,
        [
            Settled::Applied,
            Settled::Applied,
            Settled::Lost,
            Settled::Lost
        ]
    );
    assert_eq!(world.used("a").await, 3, "one unit went back, not two");
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_zombie_changes_nothing() {
    let world = World::new().await;
    let zombie = world.fetched().await.lease;
    world.kill(zombie.session).await;
    store::recovery::recover_dead_sessions(&world.db, world.now())
        .await
        .unwrap();
    let settlements = |lease: Lease| -> Vec<Settlement> {
        vec![
            world::done(lease),
            world::ended(lease, Ending::Failed(FailureCode::Internal)),
            world::retry(lease, world.now(), true),
            world::held(lease),
        ]
    };
    let waiting = everything(&world).await;
    for settlement in settlements(zombie) {
        assert_eq!(world.settle(&[settlement]).await, [Settled::Lost]);
    }
    assert_eq!(everything(&world).await, waiting);

    let session = world.session().await;
    world.claim(session, &[zombie.job]).await;
    let running = everything(&world).await;
    let old_fence_under_the_new_session = Lease { session, ..zombie };
    let new_fence_under_the_old_session = Lease {
        fence: Fence(2),
        ..zombie
    };
    for lease in [
        zombie,
        old_fence_under_the_new_session,
        new_fence_under_the_old_session,
    ] {
        for settlement in settlements(lease) {
            assert_eq!(world.settle(&[settlement]).await, [Settled::Lost]);
        }
    }
    assert_eq!(everything(&world).await, running);
}

#[tokio::test]
async fn an_end_without_pictures_returns_the_unit_once() {
    let world = World::new().await;
    for (ending, state, status, code) in [
        (
            Ending::Failed(FailureCode::ContentPolicy),
            JobState::Failed,
            "FAILED",
            "content_policy",
        ),
        (Ending::Canceled, JobState::Canceled, "FAILED", "canceled"),
        (Ending::Expired, JobState::Expired, "EXPIRED", "expired"),
    ] {
        let lease = world.fetched().await.lease;
        assert_eq!(world.used("a").await, 1);
        let settlement = world::ended(lease, ending);
        assert_eq!(
            world.settle(std::slice::from_ref(&settlement)).await,
            [Settled::Applied]
        );
        assert_eq!(world.settle(&[settlement]).await, [Settled::Lost]);
        assert_eq!(world.used("a").await, 0);
        assert_eq!(world.state(lease.job).await, state);
        assert_eq!(world.status(lease.job).await, status);
        assert_eq!(world.events(lease.job).await, ["generation.failed"]);
        let (told, prompt): (String, String) =
            sqlx::query_as(r#"SELECT "errorCode", "finalPrompt" FROM "Generation" WHERE id = $1"#)
                .bind(lease.job.as_text())
                .fetch_one(&world.sql)
                .await
                .unwrap();
        assert_eq!((told.as_str(), prompt.as_str()), (code, "a ring"));
    }
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.attempt WHERE state = 'settled'")
            .await,
        3
    );
    assert_eq!(
        world.number(r#"SELECT count(*) FROM "UsageRecord""#).await,
        0
    );
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_attempt_of_unknown_outcome_outlives_the_end_of_its_job() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    world.attempt(lease).await;
    world.settle(&[world::ended(lease, Ending::Expired)]).await;
    let open =
        "SELECT count(*) FROM atelier.attempt WHERE state = 'submitting' AND closed_at IS NULL";
    assert_eq!(world.number(open).await, 1);
}

#[tokio::test]
async fn a_retry_waits_in_the_retry_lane_and_counts_only_when_it_should() {
    let world = World::new().await;
    let session = world.session().await;
    let id = world.waiting().await.id;
    let mut tries = 0;
    for counted in [true, false, true] {
        let lease = world.claim(session, &[id]).await.remove(0).lease;
        assert_eq!(
            world
                .settle(&[world::retry(lease, world.now(), counted)])
                .await,
            [Settled::Applied]
        );
        tries += i16::from(counted);
        let job = world.job(id).await;
        assert_eq!(
            (job.state.as_str(), job.lane.as_str()),
            ("waiting", "retry")
        );
        assert_eq!((job.tries, job.crashes), (tries, 0));
        assert_eq!(job.run_at, world.now() + TimeDelta::minutes(1));
        assert_eq!((job.quota.as_str(), job.dispatched_at), ("reserved", None));
        assert_eq!(job.reason.as_deref(), Some("provider_unavailable"));
        assert_eq!(world.status(id).await, "PENDING");
        assert!(
            world.claim(session, &[id]).await.is_empty(),
            "not before its time"
        );
        world.advance(60);
    }
    assert_eq!(world.used("a").await, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_held_job_keeps_its_unit_and_waits_for_a_decision() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    assert_eq!(
        world.settle(&[world::held(lease)]).await,
        [Settled::Applied]
    );
    let job = world.job(lease.job).await;
    assert_eq!(
        (job.state.as_str(), job.quota.as_str()),
        ("held", "reserved")
    );
    assert_eq!(job.reason.as_deref(), Some("outcome_unknown"));
    assert!(world.events(lease.job).await.is_empty());
    assert!(world.claim(lease.session, &[lease.job]).await.is_empty());
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_batch_of_all_outcomes_is_settled_in_one_go() {
    let world = World::new().await;
    let zombie = Lease {
        fence: Fence(9),
        ..world.running().await.lease
    };
    let batch = [
        world::done(world.fetched().await.lease),
        world::ended(world.running().await.lease, Ending::Canceled),
        world::done(zombie),
        world::retry(world.running().await.lease, world.now(), true),
        world::held(world.running().await.lease),
        world::ended(
            world.running().await.lease,
            Ending::Failed(FailureCode::Internal),
        ),
    ];
    let settled = world.settle(&batch).await;
    let lost: Vec<usize> = (0..6).filter(|n| settled[*n] == Settled::Lost).collect();
    assert_eq!(lost, [2]);
    let mut states = Vec::new();
    for settlement in &batch {
        states.push(world.job(settlement.lease.job).await.state);
    }
    assert_eq!(
        states,
        ["done", "canceled", "running", "waiting", "held", "failed"]
    );
    assert_eq!(world.used("a").await, 4);
    invariants::check(&world).await;
    assert!(world.settle(&[]).await.is_empty());
}

#[tokio::test]
async fn five_hundred_are_settled_in_one_batch() {
    let world = World::new().await;
    let requests: Vec<_> = (0..500).map(|_| world.request("a")).collect();
    let ids = world.accept(&requests).await;
    let session = world.session().await;
    let claimed = world.claim(session, &ids).await;
    let batch: Vec<Settlement> = claimed
        .iter()
        .enumerate()
        .map(|(n, job)| match n % 2 {
            0 => world::done(job.lease),
            _ => world::ended(job.lease, Ending::Failed(FailureCode::TimedOut)),
        })
        .collect();
    assert!(
        world
            .settle(&batch)
            .await
            .iter()
            .all(|settled| *settled == Settled::Applied)
    );
    assert_eq!(world.used("a").await, 250);
    invariants::check(&world).await;
}
