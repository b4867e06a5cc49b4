//! What is forgotten, and what never is.

use store::webhooks::adopt::adopt;
use store::webhooks::endpoints::remove;
use store::webhooks::retention::{Place, sweep};

use crate::webhook_bulk::{count, told};
use crate::webhook_endpoints::make;
use crate::world::World;

/// As the duty does: it goes on where it was. A look at three events that must stay deletes nothing; a dozen
/// of them goes round all that a test has.
async fn sweep_all(world: &World) {
    let (mut place, mut idle) = (Place::default(), 0);
    while idle < 12 {
        let gone = sweep(&world.db, world.now(), 3, &mut place).await.unwrap();
        idle = if gone > 0 { 0 } else { idle + 1 };
    }
}

async fn rows(world: &World, table: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(&world.sql)
        .await
        .unwrap()
}

/// A try of every delivery, and one of the older platform's own.
async fn tried(world: &World) {
    world
        .run(
            r#"WITH log AS (
                INSERT INTO "WebhookLog" (id, "webhookId", event, payload, "createdAt")
                SELECT 'log' || seq, webhook_id, 'generation.completed', '{}', created_at
                FROM atelier.webhook_delivery RETURNING id)
               INSERT INTO atelier.webhook_attempt (log_id, event_id, webhook_id, attempt, trigger, url, created_at)
               SELECT 'log' || seq, event_id, webhook_id, 1, 'event', 'https://x', created_at
               FROM atelier.webhook_delivery;
               INSERT INTO "WebhookLog" (id, "webhookId", event, payload, "createdAt")
               SELECT 'older', id, 'x', '{}', now() - interval '9 years' FROM "Webhook" LIMIT 1"#,
        )
        .await;
}

#[tokio::test]
async fn after_thirty_days_what_arrived_is_forgotten_and_what_did_not_is_kept() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 10, Some("delivered")).await;
    told(&world, &id, 4, Some("exhausted")).await;
    told(&world, &id, 4, Some("pending")).await;
    told(&world, &id, 4, Some("skipped")).await;
    told(&world, &id, 7, None).await;
    tried(&world).await;
    world.advance(29 * 86_400);
    sweep_all(&world).await;
    assert_eq!(
        (
            count(&world, "true").await,
            rows(&world, "atelier.outbox").await
        ),
        (22, 29)
    );

    world.advance(86_400 + 1);
    told(&world, &id, 2, Some("delivered")).await;
    sweep_all(&world).await;
    assert_eq!(count(&world, "status <> 'delivered'").await, 12);
    assert_eq!(count(&world, "status = 'delivered'").await, 2);
    assert_eq!(rows(&world, "atelier.outbox").await, 14);
    assert_eq!(rows(&world, "atelier.webhook_attempt").await, 0);
    assert_eq!(
        rows(&world, r#""WebhookLog""#).await,
        1,
        "the older platform's own"
    );
}

#[tokio::test]
async fn a_removed_endpoint_goes_with_all_of_its_past_and_no_other_does() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    let other = make(&world, "whsec_2").await;
    told(&world, &id, 10, Some("pending")).await;
    told(&world, &other, 3, Some("pending")).await;
    tried(&world).await;
    assert!(
        remove(&world.db, world.now(), &"a".into(), &id)
            .await
            .unwrap()
    );
    sweep_all(&world).await;
    sweep_all(&world).await;
    assert_eq!(
        (
            count(&world, "true").await,
            rows(&world, r#""Webhook""#).await
        ),
        (3, 1)
    );
    assert_eq!(rows(&world, "atelier.webhook_attempt").await, 3);
}

#[tokio::test]
async fn what_the_older_platform_deletes_leaves_nothing_behind() {
    let world = World::new().await;
    world
        .run(
            r#"INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "updatedAt")
               VALUES ('old', 'a', 'w', 'https://x', 's', '{}', now())"#,
        )
        .await;
    adopt(&world.db, world.now(), 10).await.unwrap();
    told(&world, "old", 5, Some("pending")).await;
    tried(&world).await;
    world.run(r#"DELETE FROM "Webhook""#).await;
    assert_eq!(count(&world, "true").await, 5);
    sweep_all(&world).await;
    assert_eq!(count(&world, "true").await, 0);
}
