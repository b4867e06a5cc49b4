//! Claiming: once, only what is due and wanted, only by the living.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::{GenerationId, Lane};
use serde_json::json;
use store::intake::{NewGeneration, RequestOption};
use store::ledger::OpenState;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::invariants;
use crate::world::World;

#[tokio::test]
async fn a_claim_carries_all_that_the_work_needs() {
    let world = World::new().await;
    let mut request = world.request("a");
    request.user_prompt = Some("with stars".to_owned());
    request.deadline = Some(world.now() + TimeDelta::minutes(5));
    request.option = Some(RequestOption {
        template_id: Some("t".to_owned()),
        webhook_url: None,
        metadata: Some(json!({"order": 1})),
        widths: vec![640],
    });
    world.accept(std::slice::from_ref(&request)).await;
    let session = world.session().await;
    let accepted_at = world.now();
    world.advance(5);
    let claimed = world.claim(session, &[request.id]).await.remove(0);

    assert_eq!(claimed.lease.job, request.id);
    assert_eq!((claimed.lease.fence.0, claimed.lease.session), (1, session));
    assert_eq!(claimed.brand_id, request.brand_id);
    assert_eq!(claimed.product_id, request.product_id);
    assert_eq!(claimed.public_id, request.public_id);
    assert_eq!(claimed.customizations, request.customizations);
    assert_eq!(claimed.user_prompt, request.user_prompt);
    assert_eq!(claimed.ai_provider, request.ai_provider);
    assert_eq!(claimed.model, request.model);
    assert_eq!(claimed.quality, request.quality);
    assert_eq!(claimed.tries, 0);
    assert_eq!(
        (claimed.created_at, claimed.run_at),
        (accepted_at, accepted_at)
    );
    assert_eq!(claimed.deadline, request.deadline);
    assert_eq!(claimed.trace_parent, request.trace_parent);
    assert_eq!(Some(claimed.option), request.option);
    assert_eq!(claimed.open_attempt, None);
    assert_eq!(world.status(request.id).await, "PROCESSING");
}

#[tokio::test]
async fn a_batch_is_claimed_with_each_job_under_its_own_request() {
    let world = World::new().await;
    let requests: Vec<NewGeneration> = (0..20)
        .map(|n| NewGeneration {
            user_prompt: Some(format!("prompt {n}")),
            ..world.request("a")
        })
        .collect();
    let ids = world.accept(&requests).await;
    let session = world.session().await;
    let claimed = world.claim(session, &ids).await;
    assert_eq!(claimed.len(), 20);
    for job in claimed {
        let request = requests
            .iter()
            .find(|request| request.id == job.lease.job)
            .unwrap();
        assert_eq!(job.user_prompt, request.user_prompt);
        assert_eq!(job.public_id, request.public_id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_delivered_to_many_is_claimed_once() {
    let world = Arc::new(World::new().await);
    let requests: Vec<_> = (0..30).map(|_| world.request("a")).collect();
    let ids = world.accept(&requests).await;
    let mut workers = JoinSet::new();
    for turn in 0..8 {
        let world = Arc::clone(&world);
        let mut ids = ids.clone();
        ids.rotate_left(turn * 3);
        workers.spawn(async move {
            let session = world.session().await;
            world.claim(session, &ids).await
        });
    }
    let claimed: Vec<GenerationId> = workers
        .join_all()
        .await
        .into_iter()
        .flatten()
        .map(|job| job.lease.job)
        .collect();
    assert_eq!(claimed.len(), 30);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 30);
    assert_eq!(world.number("SELECT max(fence) FROM atelier.job").await, 1);
    invariants::check(&world).await;
}

#[tokio::test]
async fn a_dead_an_ended_and_an_unknown_session_claim_nothing() {
    let world = World::new().await;
    let id = world.waiting().await.id;
    let dead = world.session().await;
    world.kill(dead).await;
    assert!(world.claim(dead, &[id]).await.is_empty());
    let ended = world.session().await;
    store::sessions::end(&world.db, world.now(), ended)
        .await
        .unwrap();
    assert!(world.claim(ended, &[id]).await.is_empty());
    let unknown = domain::SessionId(Uuid::now_v7());
    assert!(world.claim(unknown, &[id]).await.is_empty());
    assert_eq!(world.job(id).await.fence, 0);
}

#[tokio::test]
async fn what_is_late_early_or_unwanted_is_not_claimed() {
    let world = World::new().await;
    let late_start = NewGeneration {
        start_by: Some(world.now()),
        ..world.request("a")
    };
    let late = NewGeneration {
        deadline: Some(world.now()),
        ..world.request("a")
    };
    let in_time = NewGeneration {
        start_by: Some(world.now() + TimeDelta::milliseconds(1)),
        deadline: Some(world.now() + TimeDelta::milliseconds(1)),
        ..world.request("a")
    };
    let early = world.request("a");
    let unwanted = world.request("a");
    let batch = [late_start, late, in_time, early, unwanted];
    let ids = world.accept(&batch).await;
    for (statement, id) in [
        (
            "UPDATE atelier.job SET run_at = $2 + interval '1 ms' WHERE id = $1",
            ids[3],
        ),
        (
            "UPDATE atelier.job SET cancel_requested_at = $2 WHERE id = $1",
            ids[4],
        ),
    ] {
        sqlx::query(statement)
            .bind(id.0)
            .bind(world.now())
            .execute(&world.sql)
            .await
            .unwrap();
    }
    let session = world.session().await;
    let claimed = world.claim(session, &ids).await;
    let claimed: Vec<_> = claimed.iter().map(|job| job.lease.job).collect();
    assert_eq!(claimed, [ids[2]]);
}

/// `start_by` is about beginning: a retry is not late by it.
#[tokio::test]
async fn a_job_that_was_begun_in_time_may_be_claimed_again_after_start_by() {
    let world = World::new().await;
    let request = NewGeneration {
        start_by: Some(world.now() + TimeDelta::seconds(1)),
        ..world.request("a")
    };
    world.accept(std::slice::from_ref(&request)).await;
    let session = world.session().await;
    let claimed = world.claim(session, &[request.id]).await.remove(0);
    world
        .settle(&[crate::world::retry(claimed.lease, world.now(), false)])
        .await;
    world.advance(120);
    assert_eq!(
        store::expiry::sweep(&world.db, world.now()).await.unwrap(),
        0
    );
    assert_eq!(
        world.claim(session, &[request.id]).await[0].lease.fence.0,
        2
    );
}

#[tokio::test]
async fn a_start_is_announced_once_and_only_to_those_who_listen() {
    let world = World::new().await;
    world.brand("deaf", domain::Plan::Enterprise, 100).await;
    world
        .run(
            r#"INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "updatedAt") VALUES
                 ('w1', 'a', 'w', 'https://x', 's', '{GENERATION_STARTED}', now()),
                 ('w2', 'deaf', 'w', 'https://x', 's', '{GENERATION_COMPLETED}', now());
               INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "isActive", "updatedAt")
                 VALUES ('w3', 'deaf', 'w', 'https://x', 's', '{GENERATION_STARTED}', false, now())"#,
        )
        .await;
    store::webhooks::adopt::adopt(&world.db, world.now(), 10)
        .await
        .unwrap();
    let heard = world.waiting().await.id;
    let unheard = world.request("deaf");
    world.accept(std::slice::from_ref(&unheard)).await;
    let session = world.session().await;
    let claimed = world.claim(session, &[heard, unheard.id]).await;
    assert_eq!(world.events(heard).await, ["generation.started"]);
    assert!(world.events(unheard.id).await.is_empty());

    let lease = claimed
        .iter()
        .find(|job| job.lease.job == heard)
        .unwrap()
        .lease;
    world
        .settle(&[crate::world::retry(lease, world.now(), true)])
        .await;
    world.advance(60);
    world.claim(session, &[heard]).await;
    assert_eq!(world.events(heard).await, ["generation.started"]);
}

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_handed_back() {
    let world = World::new().await;
    let requests = [world.request("a"), world.request("a"), world.request("a")];
    let ids = world.accept(&requests).await;
    let session = world.session().await;
    world.claim(session, &ids[..2]).await;
    world.advance(10);
    let claimed_before = world.now();
    world.claim(session, &ids[2..]).await;
    let other = world.session().await;

    let back =
        store::claims::hand_back_strays(&world.db, world.now(), session, &ids[..1], claimed_before);
    assert_eq!(
        back.await.unwrap(),
        [ids[1]],
        "not what is held, not what is in flight"
    );
    let of_other = store::claims::hand_back_strays(&world.db, world.now(), other, &[], world.now());
    assert!(
        of_other.await.unwrap().is_empty(),
        "not what another session runs"
    );
    let stray = world.job(ids[1]).await;
    assert_eq!(
        (stray.state.as_str(), stray.lane.as_str()),
        ("waiting", Lane::Retry.as_str())
    );
    assert_eq!(
        (stray.tries, stray.crashes),
        (0, 0),
        "it was nobody's fault"
    );
    assert_eq!(world.status(ids[1]).await, "PENDING");
    assert_eq!(world.claim(other, &[ids[1]]).await[0].lease.fence.0, 2);
    invariants::check(&world).await;
}

#[tokio::test]
async fn an_attempt_that_was_left_open_is_given_to_the_next_owner() {
    let world = World::new().await;
    let first = world.fetched().await;
    world.kill(first.lease.session).await;
    store::recovery::recover_dead_sessions(&world.db, world.now())
        .await
        .unwrap();
    let session = world.session().await;
    let second = world.claim(session, &[first.lease.job]).await.remove(0);
    let open = second
        .open_attempt
        .expect("the answer is not paid for again");
    assert_eq!(open.state, OpenState::Fetched);
    assert_eq!(open.raw_key.as_deref(), Some("raw/key"));
    assert_eq!(open.provider_ref.as_deref(), Some("req_1"));
    assert_eq!((open.cost.0, open.tokens), (40_000, Some(4160)));
    assert_eq!(
        (open.provider.as_str(), open.model.as_str()),
        ("openai", "gpt-image-1")
    );
}
