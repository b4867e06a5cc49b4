//! Things that happen to the same jobs at the same time.

use std::sync::Arc;

use domain::{AttemptId, Ending, FailureCode};
use store::StoreError;
use store::settle::{Settled, Settlement};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::invariants;
use crate::world::{self, World, fetched_event};

/// Whoever wins each job, it ends once, its unit goes back once, and nobody waits in a circle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settling_cancelling_recovering_and_handing_back_the_same_jobs_ends_consistent() {
    let world = Arc::new(World::new().await);
    let session = world.session().await;
    let requests: Vec<_> = (0..60).map(|_| world.request("a")).collect();
    let ids = world.accept(&requests).await;
    let claimed = world.claim(session, &ids).await;
    for job in &claimed[..20] {
        let attempt = world.attempt(job.lease).await;
        world.record(attempt, job.lease, fetched_event()).await;
    }
    world.kill(session).await;
    world.advance(1);

    let mut racing = JoinSet::new();
    for turn in 0..4 {
        let world = Arc::clone(&world);
        let mut batch: Vec<Settlement> = claimed
            .iter()
            .enumerate()
            .map(|(n, job)| match n % 3 {
                0 => world::done(job.lease),
                1 => world::ended(job.lease, Ending::Failed(FailureCode::Internal)),
                _ => world::retry(job.lease, world.now(), true),
            })
            .collect();
        batch.rotate_left(turn * 13);
        racing.spawn(async move {
            for part in batch.chunks(15) {
                world.settle(part).await;
            }
        });
    }
    for half in requests.chunks(30) {
        let world = Arc::clone(&world);
        let half = half.to_vec();
        racing.spawn(async move {
            for request in half.iter().rev() {
                let now = world.now();
                store::cancel::cancel(&world.db, now, &request.brand_id, &request.public_id)
                    .await
                    .unwrap();
            }
        });
    }
    let recovering = Arc::clone(&world);
    racing.spawn(async move {
        let now = recovering.now();
        for _ in 0..10 {
            store::recovery::recover_dead_sessions(&recovering.db, now)
                .await
                .unwrap();
            store::claims::hand_back_strays(&recovering.db, now, session, &[], now)
                .await
                .unwrap();
            store::expiry::sweep(&recovering.db, now).await.unwrap();
        }
    });
    racing.join_all().await;
    assert_eq!(world.deadlocks().await, 0);
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_identical_settlements_at_once_one_is_written() {
    let world = Arc::new(World::new().await);
    let session = world.session().await;
    let requests: Vec<_> = (0..200).map(|_| world.request("a")).collect();
    let ids = world.accept(&requests).await;
    let claimed = world.claim(session, &ids).await;
    let mut racing = JoinSet::new();
    for turn in 0..8 {
        let world = Arc::clone(&world);
        let mut batch: Vec<Settlement> = claimed.iter().map(|job| world::done(job.lease)).collect();
        batch.rotate_left(turn * 25);
        if turn % 2 == 1 {
            batch.reverse();
        }
        racing.spawn(async move { world.settle(&batch).await });
    }
    let settled = racing.join_all().await;
    let applied = settled.iter().flatten();
    assert_eq!(
        applied
            .filter(|settled| **settled == Settled::Applied)
            .count(),
        200
    );
    assert_eq!(world.deadlocks().await, 0);
    invariants::check(&world).await;
}

/// The commit of an intent is held up while its session dies. The next owner must not get the job
/// without seeing the intent: it would pay a second time.
#[tokio::test]
async fn a_job_is_not_taken_away_while_an_intent_for_it_is_being_committed() {
    let world = World::new().await;
    world
        .run(
            "CREATE FUNCTION atelier.gate() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON atelier.attempt
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION atelier.gate();",
        )
        .await;
    let lease = world.running().await.lease;
    let mut gate = world.sql.acquire().await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(1)")
        .execute(&mut *gate)
        .await
        .unwrap();

    let attempt = AttemptId(Uuid::now_v7());
    let open = world.open(attempt, lease);
    let meanwhile = async {
        world.blocked(1).await;
        world.kill(lease.session).await;
        let recovered = store::recovery::recover_dead_sessions(&world.db, world.now()).await;
        assert!(
            recovered.unwrap().waiting.is_empty(),
            "the job is passed over"
        );
        sqlx::query("SELECT pg_advisory_unlock(1)")
            .execute(&mut *gate)
            .await
            .unwrap();
    };
    let (stands, ()) = tokio::join!(open, meanwhile);
    assert!(stands);
    let recovered = store::recovery::recover_dead_sessions(&world.db, world.now()).await;
    assert_eq!(recovered.unwrap().waiting, [lease.job]);
    let session = world.session().await;
    let next = world.claim(session, &[lease.job]).await.remove(0);
    assert_eq!(next.open_attempt.map(|open| open.id), Some(attempt));
}

/// A wish to cancel that arrives while a worker claims: one of them is first, and the other sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_not_claimed_after_its_cancellation_was_answered() {
    let world = Arc::new(World::new().await);
    let session = world.session().await;
    for _ in 0..30 {
        let request = world.waiting().await;
        let [claimer, canceler] = [Arc::clone(&world), Arc::clone(&world)];
        let id = request.id;
        let claim = tokio::spawn(async move { claimer.claim(session, &[id]).await.len() });
        let cancel = tokio::spawn(async move {
            let now = canceler.now();
            store::cancel::cancel(&canceler.db, now, &request.brand_id, &request.public_id).await
        });
        let claimed = claim.await.unwrap();
        let expected = match cancel.await.unwrap().unwrap() {
            store::cancel::CancelOutcome::Canceled => 0,
            store::cancel::CancelOutcome::Requested(_) => 1,
            other => panic!("{other:?}"),
        };
        assert_eq!(claimed, expected);
    }
    invariants::check(&world).await;
}

/// A frozen process holds the locks of its open transaction. They must not outlive its session.
#[tokio::test]
async fn a_transaction_that_stands_still_is_ended_and_lets_go_of_its_locks() {
    let world = World::new().await;
    let mut frozen = world.db.begin("test").await.unwrap();
    let limit: String = sqlx::query_scalar("SHOW idle_in_transaction_session_timeout")
        .fetch_one(&mut *frozen)
        .await
        .unwrap();
    assert_eq!(limit, "15s");
    sqlx::raw_sql(
        r#"SET LOCAL idle_in_transaction_session_timeout = '100ms';
           UPDATE "Brand" SET "updatedAt" = now()"#,
    )
    .execute(&mut *frozen)
    .await
    .unwrap();
    world.waiting().await;
    let late = frozen.commit().await.unwrap_err();
    assert!(late.is_transient(), "{late:?}");
}

/// What the caller may do about it is in the error's class.
#[tokio::test]
async fn a_server_that_ends_the_connection_is_unavailable_and_a_bad_row_is_not() {
    let world = World::new().await;
    let mut tx = world.db.begin("test").await.unwrap();
    world
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND state = 'idle in transaction'",
        )
        .await;
    let ended = sqlx::query("SELECT 1").execute(&mut *tx).await.unwrap_err();
    let ended = StoreError::from(ended);
    assert!(
        matches!(ended, StoreError::Unavailable(_)) && ended.is_transient(),
        "{ended:?}"
    );
    drop(tx);
    let bad = sqlx::query("SELECT 1 / 0")
        .execute(&world.sql)
        .await
        .unwrap_err();
    assert!(!StoreError::from(bad).is_transient());
}
