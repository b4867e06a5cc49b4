//! The backlog as the dispatcher sees it.

use chrono::TimeDelta;
use domain::{BrandId, GenerationId, Lane, Plan};
use store::dispatch;
use store::intake::NewGeneration;
use uuid::Uuid;

use crate::world::World;

async fn heads(
    world: &World,
    after: Option<&str>,
    brands: i64,
    per_brand: i64,
) -> Vec<(String, GenerationId)> {
    let after = after.map(BrandId::from);
    let found = dispatch::heads(
        &world.db,
        world.now(),
        Lane::Enterprise,
        after.as_ref(),
        brands,
        per_brand,
    );
    found
        .await
        .unwrap()
        .into_iter()
        .map(|head| (head.brand_id.0, head.id))
        .collect()
}

/// Five brands with four jobs each, in the order of their ids.
async fn backlog(world: &World) -> Vec<(String, Vec<GenerationId>)> {
    let mut brands = Vec::new();
    for n in 0..5 {
        let name = format!("b{n}");
        world.brand(&name, Plan::Enterprise, 1000).await;
        let requests: Vec<_> = (0..4).map(|_| world.request(&name)).collect();
        brands.push((name, world.accept(&requests).await));
    }
    brands
}

#[tokio::test]
async fn each_brand_shows_its_first_jobs_and_the_cursor_goes_on_behind_a_brand() {
    let world = World::new().await;
    let brands = backlog(&world).await;
    let first_two = |brands: &[(String, Vec<GenerationId>)]| -> Vec<_> {
        let of = |(name, ids): &(String, Vec<GenerationId>)| {
            [(name.clone(), ids[0]), (name.clone(), ids[1])]
        };
        brands.iter().flat_map(of).collect()
    };
    assert_eq!(heads(&world, None, 3, 2).await, first_two(&brands[..3]));
    assert_eq!(
        heads(&world, Some("b2"), 3, 2).await,
        first_two(&brands[3..])
    );
    assert!(heads(&world, Some("b4"), 3, 2).await.is_empty());
    assert_eq!(heads(&world, None, 100, 100).await.len(), 20);
}

#[tokio::test]
async fn a_head_carries_its_weight_and_trace() {
    let world = World::new().await;
    let request = NewGeneration {
        weight: 4,
        ..world.request("a")
    };
    world.accept(std::slice::from_ref(&request)).await;
    let found = dispatch::heads(&world.db, world.now(), Lane::Enterprise, None, 1, 1)
        .await
        .unwrap();
    assert_eq!(
        (found[0].weight, found[0].trace_parent.as_str()),
        (4, "00-1-2-01")
    );
}

#[tokio::test]
async fn within_a_brand_priority_goes_first_and_then_age() {
    let world = World::new().await;
    let requests = [0, 5, -5, 5].map(|priority| NewGeneration {
        priority,
        ..world.request("a")
    });
    let ids = world.accept(&requests).await;
    let order: Vec<_> = heads(&world, None, 1, 9)
        .await
        .into_iter()
        .map(|(_, id)| id)
        .collect();
    assert_eq!(order, [ids[1], ids[3], ids[0], ids[2]]);
}

#[tokio::test]
async fn what_is_not_due_unwanted_sent_or_in_another_lane_is_no_head() {
    let world = World::new().await;
    let sent = NewGeneration {
        dispatch_now: true,
        ..world.request("a")
    };
    let other = NewGeneration {
        lane: Lane::Free,
        ..world.request("a")
    };
    let requests = [
        world.request("a"),
        world.request("a"),
        world.request("a"),
        sent,
        other,
    ];
    let ids = world.accept(&requests).await;
    for (statement, id) in [
        (
            "UPDATE atelier.job SET run_at = $2 + interval '1 ms' WHERE id = $1",
            ids[0],
        ),
        (
            "UPDATE atelier.job SET cancel_requested_at = $2 WHERE id = $1",
            ids[1],
        ),
    ] {
        sqlx::query(statement)
            .bind(id.0)
            .bind(world.now())
            .execute(&world.sql)
            .await
            .unwrap();
    }
    assert_eq!(heads(&world, None, 9, 9).await, [("a".to_owned(), ids[2])]);
}

/// Brands that have nothing due must not hide the ones behind them.
#[tokio::test]
async fn brands_whose_jobs_all_wait_for_later_take_no_place() {
    let world = World::new().await;
    let brands = backlog(&world).await;
    world
        .run("UPDATE atelier.job SET run_at = run_at + interval '1 h' WHERE brand_id < 'b3'")
        .await;
    let (name, ids) = &brands[3];
    assert_eq!(heads(&world, None, 1, 1).await, [(name.clone(), ids[0])]);
}

#[tokio::test]
async fn a_job_is_noted_once_and_only_while_it_waits() {
    let world = World::new().await;
    let ids = world
        .accept(&[world.request("a"), world.request("a")])
        .await;
    let running = world.running().await.lease.job;
    let all = [ids[0], running, ids[1]];
    let mut noted = dispatch::note_dispatched(&world.db, world.now(), &all)
        .await
        .unwrap();
    noted.sort();
    assert_eq!(noted, ids);
    let again = dispatch::note_dispatched(&world.db, world.now(), &all)
        .await
        .unwrap();
    assert!(again.is_empty());
    assert!(heads(&world, None, 9, 9).await.is_empty());
    assert_eq!(world.job(ids[0]).await.dispatched_at, Some(world.now()));
}

#[tokio::test]
async fn what_stays_unclaimed_is_put_back_after_its_time_and_in_its_lanes_alone() {
    let world = World::new().await;
    let free = NewGeneration {
        lane: Lane::Free,
        ..world.request("a")
    };
    let ids = world
        .accept(&[world.request("a"), world.request("a"), free])
        .await;
    dispatch::note_dispatched(&world.db, world.now(), &ids)
        .await
        .unwrap();
    let session = world.session().await;
    world.claim(session, &ids[..1]).await;
    let put_back = async |lane| {
        dispatch::put_back(&world.db, &[lane], world.now())
            .await
            .unwrap()
    };
    assert_eq!(
        put_back(Lane::Enterprise).await,
        0,
        "not in the moment it was sent"
    );
    world.advance(1);
    assert_eq!(put_back(Lane::Retry).await, 0);
    assert_eq!(put_back(Lane::Enterprise).await, 1, "not what was claimed");
    assert_eq!(heads(&world, None, 9, 9).await, [("a".to_owned(), ids[1])]);
    assert!(world.job(ids[2]).await.dispatched_at.is_some());
}

#[tokio::test]
async fn what_could_not_be_added_is_withdrawn_unless_it_was_claimed() {
    let world = World::new().await;
    let ids = world
        .accept(&[world.request("a"), world.request("a")])
        .await;
    dispatch::note_dispatched(&world.db, world.now(), &ids)
        .await
        .unwrap();
    let session = world.session().await;
    world.claim(session, &ids[..1]).await;
    assert_eq!(dispatch::withdraw(&world.db, &ids).await.unwrap(), 1);
    assert_eq!(heads(&world, None, 9, 9).await, [("a".to_owned(), ids[1])]);
}

#[tokio::test]
async fn the_counts_tell_what_is_dispatched_and_what_is_due() {
    let world = World::new().await;
    let brands = backlog(&world).await;
    dispatch::note_dispatched(&world.db, world.now(), &brands[1].1)
        .await
        .unwrap();
    dispatch::note_dispatched(&world.db, world.now(), &brands[0].1[..1])
        .await
        .unwrap();
    let retried = world.running().await.lease;
    world
        .settle(&[crate::world::retry(retried, world.now(), true)])
        .await;
    world.running().await;

    let by_brand = dispatch::dispatched_by_brand(&world.db, 9).await.unwrap();
    assert_eq!(
        by_brand,
        [(BrandId::from("b1"), 4), (BrandId::from("b0"), 1)]
    );
    let by_lane = dispatch::dispatched_by_lane(&world.db).await.unwrap();
    assert_eq!(
        by_lane.into_iter().collect::<Vec<_>>(),
        [(Lane::Enterprise, 5)]
    );
    let due = dispatch::next_due(&world.db).await.unwrap();
    assert_eq!(due, Some(world.now() + TimeDelta::minutes(1)));

    let depth = dispatch::depth(&world.db, world.now(), 1000).await.unwrap();
    assert_eq!(depth.running, 1);
    let lane = |lane| depth.lanes.iter().find(|depth| depth.lane == lane).unwrap();
    let enterprise = lane(Lane::Enterprise);
    assert_eq!(
        (enterprise.due, enterprise.delayed, enterprise.dispatched),
        (15, 0, 5)
    );
    assert_eq!(enterprise.oldest_run_at, Some(world.now()));
    let retry = lane(Lane::Retry);
    assert_eq!((retry.due, retry.delayed, retry.dispatched), (0, 1, 0));
    assert_eq!((depth.lanes.len(), lane(Lane::Free).due), (5, 0));
}

#[tokio::test]
async fn a_new_epoch_sends_everything_that_waits_back_to_the_backlog() {
    let world = World::new().await;
    let ids = world
        .accept(&[world.request("a"), world.request("a"), world.request("a")])
        .await;
    assert_eq!(store::epochs::current(&world.db, 0).await.unwrap(), None);
    dispatch::note_dispatched(&world.db, world.now(), &ids[..2])
        .await
        .unwrap();
    let session = world.session().await;
    world.claim(session, &ids[..1]).await;
    for expected in [1, 0] {
        let epoch = Uuid::new_v4();
        let back = store::epochs::begin(&world.db, world.now(), 0, epoch)
            .await
            .unwrap();
        assert_eq!(
            store::epochs::current(&world.db, 0).await.unwrap(),
            Some(epoch)
        );
        assert_eq!(store::epochs::current(&world.db, 1).await.unwrap(), None);
        assert_eq!(back, expected);
    }
    assert_eq!(heads(&world, None, 9, 9).await.len(), 2);
    assert_eq!(world.job(ids[0]).await.state, "running");
}
