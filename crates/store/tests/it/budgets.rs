//! Budgets: never more is bought than there is room for, and nothing stays reserved.

use domain::{AttemptId, Micros};
use store::Lease;
use store::budgets;
use store::ledger::{self, AttemptEvent, AttemptUpdate, NewAttempt, Opened};
use uuid::Uuid;

use crate::world::World;

const PRICE: i64 = 40_000;

async fn limit(world: &World, cents: i32) {
    assert!(
        budgets::set_limit(&world.db, &"a".into(), cents)
            .await
            .unwrap()
    );
}

fn intent(lease: Lease) -> NewAttempt {
    NewAttempt {
        id: AttemptId(Uuid::now_v7()),
        lease,
        brand_id: "a".into(),
        provider: "openai".to_owned(),
        model: "m".to_owned(),
        key_id: "none".to_owned(),
        reserve: Micros(PRICE),
        route: None,
    }
}

async fn open(world: &World, intents: &[NewAttempt]) -> Vec<Opened> {
    ledger::open(&world.db, world.now(), intents).await.unwrap()
}

async fn record(world: &World, intent: &NewAttempt, event: AttemptEvent) -> ledger::Recorded {
    let update = AttemptUpdate {
        id: intent.id,
        lease: intent.lease,
        event,
    };
    ledger::record(&world.db, world.now(), &[update])
        .await
        .unwrap()
}

fn fetched(cost: i64) -> AttemptEvent {
    AttemptEvent::Fetched {
        raw_key: "raw/1".to_owned(),
        provider_ref: None,
        cost: Micros(cost),
        tokens: None,
    }
}

async fn budget(world: &World) -> budgets::Budget {
    budgets::find(&world.db, &"a".into())
        .await
        .unwrap()
        .unwrap()
}

async fn used_cents(world: &World) -> i32 {
    sqlx::query_scalar(r#"SELECT "aiCostUsedCents" FROM "Brand" WHERE id = 'a'"#)
        .fetch_one(&world.sql)
        .await
        .unwrap()
}

#[tokio::test]
async fn fifty_calls_at_once_in_many_transactions_reserve_no_more_than_there_is() {
    let world = World::new().await;
    limit(&world, 40).await;
    let mut intents = Vec::new();
    for _ in 0..50 {
        intents.push(intent(world.running().await.lease));
    }
    let batches = intents.chunks(7).map(|batch| open(&world, batch));
    let opened: Vec<Opened> = futures::future::join_all(batches)
        .await
        .into_iter()
        .flatten()
        .collect();
    let stands = opened.iter().filter(|o| **o == Opened::Stands).count();
    assert_eq!(stands, 10);
    assert_eq!(
        opened.iter().filter(|o| **o == Opened::Reserved).count(),
        40
    );
    assert_eq!(budget(&world).await.reserved, Micros(10 * PRICE));
}

#[tokio::test]
async fn what_a_call_did_not_cost_is_there_for_the_next_and_a_spent_budget_says_so() {
    let world = World::new().await;
    limit(&world, 8).await;
    let first = intent(world.running().await.lease);
    let second = intent(world.running().await.lease);
    let third = intent(world.running().await.lease);
    assert_eq!(
        open(&world, std::slice::from_ref(&first)).await,
        [Opened::Stands]
    );
    assert_eq!(
        open(&world, std::slice::from_ref(&second)).await,
        [Opened::Stands]
    );
    assert_eq!(
        open(&world, std::slice::from_ref(&third)).await,
        [Opened::Reserved]
    );
    let refused = AttemptEvent::Rejected {
        code: "rate_limited".to_owned(),
        cost: Micros::ZERO,
    };
    record(&world, &first, refused).await;
    assert_eq!(
        open(&world, std::slice::from_ref(&third)).await,
        [Opened::Stands]
    );
    record(&world, &second, fetched(PRICE)).await;
    let done = record(&world, &third, fetched(PRICE)).await;
    assert_eq!(done.alerts.len(), 1);
    let late = intent(world.running().await.lease);
    assert_eq!(open(&world, &[late]).await, [Opened::Exhausted]);
    let after = budget(&world).await;
    assert_eq!(
        (after.spent, after.reserved),
        (Micros(2 * PRICE), Micros::ZERO)
    );
}

#[tokio::test]
async fn a_cost_that_is_recorded_again_is_booked_once_and_each_alert_is_given_once() {
    let world = World::new().await;
    limit(&world, 5).await;
    let first = intent(world.running().await.lease);
    open(&world, std::slice::from_ref(&first)).await;
    let alerts = record(&world, &first, fetched(PRICE)).await.alerts;
    assert_eq!(alerts.iter().map(|a| a.percent).collect::<Vec<_>>(), [80]);
    let again = record(&world, &first, fetched(PRICE)).await;
    assert_eq!((again.written, again.alerts.len()), (vec![true], 0));
    assert_eq!(budget(&world).await.spent, Micros(PRICE));
}

#[tokio::test]
async fn cents_are_rounded_up_once_for_the_period_and_the_platforms_own_count_too() {
    let world = World::new().await;
    limit(&world, 100).await;
    for _ in 0..3 {
        let call = intent(world.running().await.lease);
        open(&world, std::slice::from_ref(&call)).await;
        record(&world, &call, fetched(4_000)).await;
    }
    assert_eq!(budgets::mirror(&world.db, 100).await.unwrap(), 1);
    assert_eq!(
        used_cents(&world).await,
        2,
        "1.2 cents, and not three times one"
    );
    assert_eq!(budgets::mirror(&world.db, 100).await.unwrap(), 0);
    sqlx::query(r#"UPDATE "Brand" SET "aiCostUsedCents" = "aiCostUsedCents" + 98"#)
        .execute(&world.sql)
        .await
        .unwrap();
    let late = intent(world.running().await.lease);
    assert_eq!(open(&world, &[late]).await, [Opened::Exhausted]);
    assert_eq!(budget(&world).await.spent_elsewhere, Micros(980_000));
}

#[tokio::test]
async fn a_period_that_is_over_begins_anew_with_the_first_call() {
    let world = World::new().await;
    limit(&world, 4).await;
    let first = intent(world.running().await.lease);
    open(&world, std::slice::from_ref(&first)).await;
    record(&world, &first, fetched(PRICE)).await;
    budgets::mirror(&world.db, 100).await.unwrap();
    let ends = budget(&world).await.resets_at.unwrap();
    assert_eq!(ends.to_rfc3339(), "2026-04-01T00:00:00+00:00");
    let second = intent(world.running().await.lease);
    assert_eq!(
        open(&world, std::slice::from_ref(&second)).await,
        [Opened::Exhausted]
    );
    world.clock.set(ends);
    assert_eq!(open(&world, &[second]).await, [Opened::Stands]);
    let next = budget(&world).await;
    assert_eq!(next.spent, Micros::ZERO);
    assert_eq!(
        next.resets_at.unwrap().to_rfc3339(),
        "2026-05-01T00:00:00+00:00"
    );
    assert_eq!(used_cents(&world).await, 0);
}
