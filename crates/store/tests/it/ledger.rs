//! The provider ledger: nothing is sent twice, and nothing is written under a lost lease.

use domain::{AttemptId, Fence, Micros, SessionId};
use store::Lease;
use store::ledger::{AttemptEvent, NewAttempt, OpenState, Opened};
use uuid::Uuid;

use crate::invariants;
use crate::world::{World, fetched_event};

async fn state(world: &World, id: AttemptId) -> (String, i64, Option<String>, bool) {
    sqlx::query_as(
        "SELECT state, cost_micros, error_code, closed_at IS NOT NULL FROM atelier.attempt
         WHERE id = $1",
    )
    .bind(id.0)
    .fetch_one(&world.sql)
    .await
    .unwrap()
}

fn accepted() -> AttemptEvent {
    AttemptEvent::Accepted {
        provider_ref: "req_1".to_owned(),
    }
}

fn rejected() -> AttemptEvent {
    AttemptEvent::Rejected {
        code: "content_policy".to_owned(),
        cost: Micros(5),
    }
}

fn unknown() -> AttemptEvent {
    AttemptEvent::Unknown {
        code: "outcome_unknown".to_owned(),
    }
}

#[tokio::test]
async fn a_job_has_one_open_attempt_at_most() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    let first = world.attempt(lease).await;
    assert!(!world.open(AttemptId(Uuid::now_v7()), lease).await);
    assert!(!world.open(first, lease).await, "nor the same one again");
    assert!(world.record(first, lease, rejected()).await);
    assert!(world.open(AttemptId(Uuid::now_v7()), lease).await);
    invariants::check(&world).await;
}

#[tokio::test]
async fn two_intents_for_one_job_in_one_batch_are_one() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    let intent = || NewAttempt {
        id: AttemptId(Uuid::now_v7()),
        lease,
        provider: "openai".to_owned(),
        model: "m".to_owned(),
        brand_id: "a".into(),
        key_id: "none".to_owned(),
        reserve: Micros(1),
        route: None,
    };
    let stands = store::ledger::open(&world.db, world.now(), &[intent(), intent()])
        .await
        .unwrap();
    let stands = stands.iter().filter(|opened| **opened == Opened::Stands);
    assert_eq!(stands.count(), 1);
}

#[tokio::test]
async fn a_lost_lease_opens_and_records_nothing() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    let attempt = world.attempt(lease).await;
    let others = [
        Lease {
            fence: Fence(lease.fence.0 + 1),
            ..lease
        },
        Lease {
            session: SessionId(Uuid::now_v7()),
            ..lease
        },
    ];
    for other in others {
        assert!(!world.record(attempt, other, fetched_event()).await);
    }
    world.kill(lease.session).await;
    store::recovery::recover_dead_sessions(&world.db, world.now())
        .await
        .unwrap();
    assert!(
        !world.record(attempt, lease, fetched_event()).await,
        "it waits again"
    );
    let session = world.session().await;
    let next = world.claim(session, &[lease.job]).await.remove(0);
    assert!(
        !world.record(attempt, lease, fetched_event()).await,
        "it is another's"
    );
    assert_eq!(
        state(&world, attempt).await,
        ("submitting".to_owned(), 0, None, false)
    );
    assert_eq!(
        next.open_attempt.as_ref().unwrap().state,
        OpenState::Submitting
    );

    assert!(world.record(attempt, next.lease, rejected()).await);
    assert!(
        !world.open(AttemptId(Uuid::now_v7()), lease).await,
        "a zombie may not spend"
    );
}

#[tokio::test]
async fn an_attempt_walks_from_intent_to_answer() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    let attempt = world.attempt(lease).await;
    for (event, name, cost, code) in [
        (unknown(), "unknown", 0, Some("outcome_unknown")),
        (accepted(), "accepted", 0, None),
        (accepted(), "accepted", 0, None),
        (unknown(), "unknown", 0, Some("outcome_unknown")),
        (fetched_event(), "fetched", 40_000, None),
        (fetched_event(), "fetched", 40_000, None),
    ] {
        assert!(world.record(attempt, lease, event).await);
        let expected = (name.to_owned(), cost, code.map(str::to_owned), false);
        assert_eq!(state(&world, attempt).await, expected);
    }
}

/// What was paid for is never forgotten: an answer in the object store stays one.
#[tokio::test]
async fn a_stored_answer_does_not_become_unknown_again() {
    let world = World::new().await;
    let claimed = world.fetched().await;
    let attempt: Uuid = sqlx::query_scalar("SELECT id FROM atelier.attempt")
        .fetch_one(&world.sql)
        .await
        .unwrap();
    for event in [unknown(), accepted()] {
        assert!(!world.record(AttemptId(attempt), claimed.lease, event).await);
    }
    let expected = ("fetched".to_owned(), 40_000, None, false);
    assert_eq!(state(&world, AttemptId(attempt)).await, expected);
}

#[tokio::test]
async fn a_closed_attempt_takes_no_more_writes() {
    let world = World::new().await;
    let lease = world.running().await.lease;
    let attempt = world.attempt(lease).await;
    assert!(world.record(attempt, lease, rejected()).await);
    let closed = (
        "rejected".to_owned(),
        5,
        Some("content_policy".to_owned()),
        true,
    );
    assert_eq!(state(&world, attempt).await, closed);
    assert!(!world.record(attempt, lease, fetched_event()).await);
    assert_eq!(state(&world, attempt).await, closed);
}

#[tokio::test]
async fn a_batch_is_answered_one_by_one() {
    let world = World::new().await;
    let good = world.running().await.lease;
    let lost = Lease {
        fence: Fence(9),
        ..world.running().await.lease
    };
    let intents = [lost, good].map(|lease| NewAttempt {
        id: AttemptId(Uuid::now_v7()),
        lease,
        provider: "openai".to_owned(),
        model: "m".to_owned(),
        brand_id: "a".into(),
        key_id: "none".to_owned(),
        reserve: Micros(1),
        route: None,
    });
    let stands = store::ledger::open(&world.db, world.now(), &intents)
        .await
        .unwrap();
    assert_eq!(stands, [Opened::Refused, Opened::Stands]);
}
