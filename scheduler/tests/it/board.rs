//! What intake is told.

use domain::{BrandId, Lane};
use queue::{Inline, InlineGate, Later};

use crate::world::World;

#[tokio::test]
async fn intake_adds_inline_for_a_calm_brand_and_not_for_one_that_has_a_backlog() {
    let world = World::new().await;
    world.worker(8).await;
    world.brand("calm").await;
    world.waiting("a", Lane::Free, 20).await;
    world.run(&mut world.dispatch()).await;
    let board = world
        .queue
        .read_board()
        .await
        .unwrap()
        .expect("a board was published");
    assert_eq!(board.at_ms, world.now().timestamp_millis());
    assert!(!board.truncated);
    assert_eq!(board.backlogged, [BrandId::from("a")].into());
    assert_eq!(board.brands, [(BrandId::from("a"), 16)].into());
    let free = board
        .lanes
        .iter()
        .find(|state| state.lane == Lane::Free)
        .unwrap();
    assert_eq!((free.bound, free.length), (16, 16));
    let mut gate = InlineGate::default();
    gate.observe_board(board, world.now());
    let calm = BrandId::from("calm");
    assert_eq!(gate.admit(Lane::Starter, &calm, world.now()), Inline::Now);
    let flood = gate.admit(Lane::Starter, &BrandId::from("a"), world.now());
    assert_eq!(flood, Inline::Later(Later::BrandBacklogged));
    let full = gate.admit(Lane::Free, &calm, world.now());
    assert_eq!(full, Inline::Later(Later::LaneFull));
}

#[tokio::test]
async fn a_brand_whose_jobs_were_all_sent_has_no_backlog_on_the_board() {
    let world = World::new().await;
    world.waiting("a", Lane::Free, 3).await;
    world.run(&mut world.dispatch()).await;
    let board = world.queue.read_board().await.unwrap().unwrap();
    assert!(board.backlogged.is_empty());
    assert_eq!(board.brands, [(BrandId::from("a"), 3)].into());
}
