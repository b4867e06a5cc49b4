//! What a worker that died left behind, at each point where it may die; and workers that live on
//! after they were declared dead.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{AttemptId, Clock, GenerationId, Micros, SessionId, UnknownOutcome};
use imaging::{Format, Picture, encode};
use providers::Reconciled;
use store::claims::{self, Claimed};
use store::ledger::{self, AttemptEvent, AttemptUpdate, NewAttempt, Opened};
use store::objects::raw_key;
use store::recovery::recover_dead_sessions;
use store::sessions::{self, NewSession};
use testkit::wait;
use uuid::Uuid;

use crate::studio::{Manner, PRICE, Studio};
use crate::world::{PATIENCE, World};

/// A job whose owner died after it wrote these events about an attempt.
pub async fn left_behind(world: &World, events: Vec<AttemptEvent>) -> (GenerationId, AttemptId) {
    let id = world.accept(&world.request("studio")).await;
    let claimed = claimed_by_the_dying(world, id).await;
    // Older than whatever a worker opens afterwards.
    let attempt = AttemptId(Uuid::from_u128(1));
    let intent = NewAttempt {
        id: attempt,
        lease: claimed.lease,
        provider: "studio".to_owned(),
        model: "easel-1".to_owned(),
        brand_id: claimed.brand_id.clone(),
        key_id: "none".to_owned(),
        reserve: PRICE,
        route: None,
    };
    let now = world.clock.now();
    assert_eq!(
        ledger::open(&world.db, now, &[intent]).await.unwrap(),
        [Opened::Stands]
    );
    for event in events {
        let update = AttemptUpdate {
            id: attempt,
            lease: claimed.lease,
            event,
        };
        assert_eq!(
            ledger::record(&world.db, now, &[update])
                .await
                .unwrap()
                .written,
            [true]
        );
    }
    declare_dead(world, claimed.lease.session).await;
    (id, attempt)
}

pub async fn claimed_by_the_dying(world: &World, id: GenerationId) -> Claimed {
    let session = SessionId(Uuid::now_v7());
    let new = NewSession {
        id: session,
        host: "gone".to_owned(),
        pid: 1,
        slots: 1,
    };
    sessions::start(&world.db, world.clock.now(), &new)
        .await
        .unwrap();
    let now = world.clock.now();
    claims::claim(&world.db, now, session, &[id])
        .await
        .unwrap()
        .remove(0)
}

pub async fn declare_dead(world: &World, session: SessionId) {
    let expire = "UPDATE atelier.worker_session SET expires_at = now() - interval '1 s'
        WHERE id = $1";
    world.execute(expire, &[&session.0]).await;
    let recovered = recover_dead_sessions(&world.db, world.clock.now())
        .await
        .unwrap();
    assert_eq!(recovered.sessions, [session]);
}

async fn usage(world: &World) -> i64 {
    world
        .number(r#"SELECT count(*) FROM "UsageRecord""#, &[])
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_proved_not_to_be_accepted_is_closed_and_another_is_paid() {
    let world = World::new().await;
    let (id, _) = left_behind(&world, vec![]).await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::NotAccepted);
    let worker = world.worker([studio.clone() as _]).await;
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    let expected = [("rejected".to_owned(), 0), ("settled".to_owned(), PRICE.0)];
    assert_eq!(world.attempts(id).await, expected);
    assert_eq!((studio.submitted(), usage(&world).await), (1, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_nobody_can_tell_about_is_never_sent_again_where_a_person_decides() {
    let world = World::new().await;
    world.when_unknown(UnknownOutcome::Hold).await;
    let (id, _) = left_behind(&world, vec![]).await;
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    world.dispatch(&[id]).await;
    world.until_state(id, "held").await;
    assert_eq!((studio.submitted(), usage(&world).await), (0, 0));
    assert!(
        world
            .reason(id)
            .await
            .unwrap()
            .starts_with("outcome_unknown")
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_attempt_is_polled_by_its_reference_and_not_sent() {
    let world = World::new().await;
    let accepted = AttemptEvent::Accepted {
        provider_ref: "order-1".to_owned(),
    };
    let (id, _) = left_behind(&world, vec![accepted]).await;
    let studio = Studio::opened(Manner::ByReference, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!(
        (studio.submitted(), studio.polls.load(Ordering::SeqCst)),
        (0, 1)
    );
    assert_eq!(world.attempts(id).await, [("settled".to_owned(), PRICE.0)]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetched_answer_is_taken_from_the_object_store_and_nothing_is_asked() {
    let world = World::new().await;
    let id = world.accept(&world.request("studio")).await;
    let claimed = claimed_by_the_dying(&world, id).await;
    let attempt = AttemptId(Uuid::now_v7());
    let key = raw_key(id, attempt);
    let picture = Picture::from_rgb(4, 4, [9; 48]).unwrap();
    let bytes = encode(&picture, Format::Png).unwrap().into();
    world.objects.put(&key, "image/png", bytes).await.unwrap();
    let lease = claimed.lease;
    let (provider, model) = ("studio".to_owned(), "easel-1".to_owned());
    let now = world.clock.now();
    ledger::open(
        &world.db,
        now,
        &[NewAttempt {
            id: attempt,
            lease,
            provider,
            model,
            brand_id: claimed.brand_id.clone(),
            key_id: "none".to_owned(),
            reserve: Micros(1),
            route: None,
        }],
    )
    .await
    .unwrap();
    let event = AttemptEvent::Fetched {
        raw_key: key,
        provider_ref: None,
        cost: Micros(123),
        tokens: None,
    };
    ledger::record(
        &world.db,
        now,
        &[AttemptUpdate {
            id: attempt,
            lease,
            event,
        }],
    )
    .await
    .unwrap();
    declare_dead(&world, lease.session).await;

    let studio = Studio::closed(Manner::AtOnce, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!(
        (studio.submitted(), studio.reconciles.load(Ordering::SeqCst)),
        (0, 0)
    );
    assert_eq!(world.attempts(id).await, [("settled".to_owned(), 123)]);
    assert_eq!(usage(&world).await, 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_declared_dead_writes_nothing_more_and_its_job_is_done_once_by_another() {
    let world = World::new().await;
    let slow = Studio::closed(Manner::AtOnce, Reconciled::NotAccepted);
    let zombie = world.worker([slow.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    slow.until_submitted(1).await;
    declare_dead(&world, zombie.session).await;
    let quick = Studio::opened(Manner::AtOnce, Reconciled::NotAccepted);
    let heir = world.worker([quick.clone() as _]).await;
    wait::until("the heir has done the job", PATIENCE, async || {
        // As the dispatcher's sweep does: the zombie reads the stream too, and can claim nothing.
        world.dispatch(&[id]).await;
        world.state(id).await == "done"
    })
    .await
    .unwrap();
    slow.open();
    wait::until("the zombie has stopped itself", PATIENCE, async || {
        zombie.context.shutdown().failure().is_some()
    })
    .await
    .unwrap();
    assert!(zombie.context.shutdown().hard().is_cancelled());
    let by = world
        .text(r#"SELECT "aiResponse"->>'session' FROM "Generation""#, &[])
        .await;
    assert_eq!(by.unwrap(), heir.session.to_string());
    assert_eq!((quick.submitted(), usage(&world).await), (1, 1));
    assert_eq!(
        zombie.metric(r#"atelier_worker_jobs_total{outcome="done"}"#),
        0.0
    );
    heir.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_under_an_old_fence_changes_nothing_and_the_next_owner_pays_nothing() {
    let world = World::new().await;
    // Whoever writes that the answer is there loses the job in the same moment.
    let steal = "CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE atelier.job SET fence = fence + 1 WHERE id = NEW.job_id; RETURN NEW; END $$;
        CREATE TRIGGER steal AFTER UPDATE ON atelier.attempt FOR EACH ROW
            WHEN (NEW.state = 'fetched') EXECUTE FUNCTION steal();";
    world.sql.batch_execute(steal).await.unwrap();
    let studio = Studio::opened(Manner::AtOnce, Reconciled::Unknown);
    let worker = world.worker([studio.clone() as _]).await;
    let id = world.submit(&world.request("studio")).await;
    let lost = r#"atelier_worker_leases_lost_total{write="settle"}"#;
    wait::until("the settlement is refused", PATIENCE, async || {
        worker.metric(lost) == 1.0
    })
    .await
    .unwrap();
    assert_eq!(
        (world.state(id).await.as_str(), usage(&world).await),
        ("running", 0)
    );
    world
        .sql
        .batch_execute("DROP TRIGGER steal ON atelier.attempt")
        .await
        .unwrap();
    // It stands under our session, which does not know of it: a stray.
    world.clock.advance(Duration::from_secs(11));
    world.until_state(id, "waiting").await;
    world.dispatch(&[id]).await;
    world.until_state(id, "done").await;
    assert_eq!((studio.submitted(), usage(&world).await), (1, 1));
    worker.stop().await;
}
