//! Reading generations, as their brand may.

use chrono::TimeDelta;
use domain::{BrandId, Ending, FailureCode, JobState, Lane, Plan, ProductId};
use serde_json::json;
use store::ar_views::View;
use store::generations::{Filter, Stage, count, find, list, output, queue_position};
use store::intake::{NewGeneration, RequestOption};

use crate::world::{self, World, fetched_event};

const MANY: i64 = 1000;

#[tokio::test]
async fn a_generation_is_found_by_its_brand_alone() {
    let world = World::new().await;
    let option = RequestOption {
        metadata: Some(json!({"order": 1})),
        ..RequestOption::default()
    };
    let request = NewGeneration {
        session_id: Some("s".to_owned()),
        option: Some(option),
        ..world.request("a")
    };
    world.accept(std::slice::from_ref(&request)).await;
    let found = find(&world.db, &"a".into(), &request.public_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.id, &found.public_id),
        (request.id, &request.public_id)
    );
    assert_eq!(
        (found.state, found.stage),
        (JobState::Waiting, Stage::Queued)
    );
    assert_eq!((found.lane, found.fence), (Lane::Enterprise, 0));
    assert_eq!(found.customizations, request.customizations);
    assert_eq!(found.metadata, Some(json!({"order": 1})));
    assert_eq!(found.session_id.as_deref(), Some("s"));
    assert_eq!(found.created_at, world.now());
    assert!(found.outputs.is_empty() && !found.cancel_requested);
    assert!(
        find(&world.db, &"b".into(), &request.public_id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        list(&world.db, &"b".into(), &Filter::default(), MANY)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn the_stage_follows_the_ledger() {
    let world = World::new().await;
    let claimed = world.running().await;
    let stage = async || {
        find(&world.db, &"a".into(), &claimed.public_id)
            .await
            .unwrap()
            .unwrap()
            .stage
    };
    assert_eq!(stage().await, Stage::Preparing);
    let attempt = world.attempt(claimed.lease).await;
    assert_eq!(stage().await, Stage::Generating);
    world.record(attempt, claimed.lease, fetched_event()).await;
    assert_eq!(stage().await, Stage::Composing);
    world.settle(&[world::done(claimed.lease)]).await;
    assert_eq!(stage().await, Stage::Ended);
}

#[tokio::test]
async fn a_done_generation_shows_its_pictures_and_a_failed_one_its_reason() {
    let world = World::new().await;
    let done = world.fetched().await;
    let failed = world.running().await;
    let ending = Ending::Failed(FailureCode::ContentPolicy);
    world
        .settle(&[world::done(done.lease), world::ended(failed.lease, ending)])
        .await;
    let found = find(&world.db, &"a".into(), &done.public_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.state, found.cost_micros),
        (JobState::Done, Some(40_000))
    );
    assert_eq!(
        found.output_url.as_deref(),
        Some("https://cdn.example/full.png")
    );
    assert_eq!(found.completed_at, Some(world.now()));
    assert_eq!(
        (found.outputs[0].variant.as_str(), found.outputs[0].width_px),
        ("full", 1024)
    );
    let picture = output(&world.db, &done.public_id, "full").await.unwrap();
    assert_eq!(picture.as_ref(), found.outputs.first());
    assert_eq!(
        output(&world.db, &done.public_id, "w640").await.unwrap(),
        None
    );
    let found = find(&world.db, &"a".into(), &failed.public_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.error_code.as_deref(), Some("content_policy"));
    assert_eq!(
        found.error_message.as_deref(),
        Some(FailureCode::ContentPolicy.message())
    );
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_new_generations_arrive() {
    let world = World::new().await;
    let first: Vec<_> = (0..25).map(|_| world.request("a")).collect();
    let mut expected = world.accept(&first).await;
    expected.reverse();
    let mut seen = Vec::new();
    let mut filter = Filter::default();
    loop {
        let page = list(&world.db, &"a".into(), &filter, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        seen.extend(page.iter().map(|generation| generation.id));
        world.waiting().await;
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_list_is_filtered_and_counted_alike() {
    let world = World::new().await;
    world.brand("b", Plan::Enterprise, 100).await;
    world
        .accept(&[world.request("a"), world.request("b")])
        .await;
    world.clock.set(world.now() + TimeDelta::hours(1));
    let since = world.now();
    let done = world.fetched().await.lease;
    world.settle(&[world::done(done)]).await;
    world.running().await;
    world.waiting().await;
    let brand = BrandId::from("a");
    for (filter, expected) in [
        (Filter::default(), 4),
        (
            Filter {
                since: Some(since),
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                states: vec![JobState::Done],
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                states: vec![JobState::Waiting, JobState::Running],
                ..Filter::default()
            },
            3,
        ),
        (
            Filter {
                product: Some(ProductId::from("a_product")),
                ..Filter::default()
            },
            4,
        ),
        (
            Filter {
                product: Some(ProductId::from("b_product")),
                ..Filter::default()
            },
            0,
        ),
    ] {
        let found = list(&world.db, &brand, &filter, MANY).await.unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
        let counted = count(&world.db, &brand, &filter, MANY).await.unwrap();
        assert_eq!(
            usize::try_from(counted).unwrap(),
            expected,
            "counted {filter:?}"
        );
    }
    assert_eq!(
        count(&world.db, &brand, &Filter::default(), 2)
            .await
            .unwrap(),
        2
    );
    let skipping = Filter {
        offset: 3,
        ..Filter::default()
    };
    assert_eq!(
        list(&world.db, &brand, &skipping, MANY)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_place_in_the_queue_counts_what_waits_before_in_the_same_lane() {
    let world = World::new().await;
    let mut batch: Vec<_> = (0..5).map(|_| world.request("a")).collect();
    batch[1].dispatch_now = true;
    batch[2].lane = Lane::Free;
    let ids = world.accept(&batch).await;
    let place = async |n: usize, most| {
        queue_position(&world.db, Lane::Enterprise, ids[n], most)
            .await
            .unwrap()
    };
    assert_eq!(place(0, MANY).await, 0);
    assert_eq!(place(4, MANY).await, 3);
    assert_eq!(place(4, 2).await, 2, "counted up to a bound");
    let session = world.session().await;
    world.claim(session, &ids[..1]).await;
    assert_eq!(place(4, MANY).await, 2);
}

#[tokio::test]
async fn an_older_platforms_generation_is_left_alone() {
    let world = World::new().await;
    world
        .run(
            r#"INSERT INTO "Generation" (id, "brandId", "productId", "publicId", customizations,
                   "finalPrompt", "aiProvider", model, quality)
               VALUES ('clx0abc', 'a', 'a_product', 'old_1', '{}', '', 'openai', 'm', 'q')"#,
        )
        .await;
    let old = domain::PublicId::parse("old_1").unwrap();
    assert!(find(&world.db, &"a".into(), &old).await.unwrap().is_none());
    assert_eq!(output(&world.db, &old, "full").await.unwrap(), None);
    let cancel = store::cancel::cancel(&world.db, world.now(), &"a".into(), &old)
        .await
        .unwrap();
    assert_eq!(cancel, store::cancel::CancelOutcome::NotFound);
}

#[tokio::test]
async fn each_view_in_augmented_reality_is_counted_told_and_recorded_once() {
    let world = World::new().await;
    let request = world.waiting().await;
    for expected in 1..=3 {
        let views = store::ar_views::count(
            &world.db,
            world.now(),
            &request.brand_id,
            &request.product_id,
            request.id,
            &request.public_id,
        );
        assert_eq!(views.await.unwrap(), View::Counted(expected));
    }
    let row: (bool, i32) =
        sqlx::query_as(r#"SELECT "viewedInAr", "arViewCount" FROM "Generation""#)
            .fetch_one(&world.sql)
            .await
            .unwrap();
    assert_eq!(row, (true, 3));
    let usage = r#"SELECT count(*) FROM "UsageRecord" WHERE type = 'ar_view'"#;
    assert_eq!(world.number(usage).await, 3);
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.outbox WHERE kind = 'ar.view'")
            .await,
        3
    );
}
