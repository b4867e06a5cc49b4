use domain::Lane;
use queue::{BOARD_TTL_MS, Board, ErrorClass, LaneState};
use uuid::Uuid;

use crate::world::World;

#[tokio::test]
async fn a_board_is_read_as_published_and_dies_by_itself() {
    let world = World::start().await;
    assert_eq!(world.queue.read_board().await.unwrap(), None);
    let lanes = vec![LaneState {
        lane: Lane::Free,
        bound: 64,
        length: 3,
    }];
    let board = Board {
        at_ms: 5,
        lanes,
        ..Board::default()
    };
    world.queue.publish_board(&board).await.unwrap();
    assert_eq!(world.queue.read_board().await.unwrap(), Some(board));
    let left_ms: i64 = world.raw(&["PTTL", &world.queue.keys().board()]).await;
    assert!(
        left_ms > 0 && left_ms <= i64::try_from(BOARD_TTL_MS).unwrap(),
        "{left_ms}"
    );
}

#[tokio::test]
async fn an_unreadable_board_is_bad_data_and_not_an_outage() {
    let world = World::start().await;
    let _: String = world.raw(&["SET", &world.queue.keys().board(), "[]"]).await;
    let error = world.queue.read_board().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadData);
}

#[tokio::test]
async fn the_epoch_is_gone_with_the_data() {
    let world = World::start().await;
    let epoch = Uuid::from_u128(77);
    world.queue.set_epoch(epoch).await.unwrap();
    assert_eq!(world.queue.epoch().await.unwrap(), Some(epoch));
    world.redis.flushall().await.unwrap();
    assert_eq!(world.queue.epoch().await.unwrap(), None);
}

#[tokio::test]
async fn a_foreign_epoch_is_no_epoch() {
    let world = World::start().await;
    let _: String = world
        .raw(&["SET", &world.queue.keys().epoch(), "hello"])
        .await;
    assert_eq!(world.queue.epoch().await.unwrap(), None);
}
