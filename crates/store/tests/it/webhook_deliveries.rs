//! What an endpoint was told: lists, tries, and being told again.

use domain::{BrandId, Event, EventKind};
use serde_json::json;
use store::webhooks::deliveries::{Asked, Delivery, Filter, find, list, resend, send_alone};
use uuid::Uuid;

use crate::webhook_bulk::{count, told};
use crate::webhook_endpoints::make;
use crate::world::World;

async fn page(world: &World, id: &str, filter: &Filter, limit: i64) -> Vec<Delivery> {
    list(&world.db, &"a".into(), id, filter, limit)
        .await
        .unwrap()
}

#[tokio::test]
async fn pages_cover_everything_once_and_are_filtered() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 7, Some("exhausted")).await;
    told(&world, &id, 5, Some("delivered")).await;
    let mut seen = Vec::new();
    let mut filter = Filter::default();
    loop {
        let found = page(&world, &id, &filter, 5).await;
        let Some(last) = found.last() else { break };
        filter.before = Some((last.created_at, last.seq));
        seen.extend(found.iter().map(|one| (one.created_at, one.seq)));
    }
    assert_eq!(seen.len(), 12);
    assert!(
        seen.is_sorted_by(|a, b| a > b),
        "the newest first: {seen:?}"
    );

    let filter = Filter {
        statuses: vec!["delivered".to_owned()],
        event: Some(EventKind::GenerationCompleted),
        since: Some(world.now() - chrono::Duration::milliseconds(3)),
        before: None,
    };
    assert_eq!(page(&world, &id, &filter, 100).await.len(), 3);
    let other = Filter {
        event: Some(EventKind::ArView),
        ..Filter::default()
    };
    assert!(page(&world, &id, &other, 100).await.is_empty());
    let strange = list(&world.db, &"other".into(), &id, &Filter::default(), 100).await;
    assert!(strange.unwrap().is_empty());
}

#[tokio::test]
async fn a_resend_begins_a_schedule_of_its_own_and_keeps_the_id() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 1, Some("exhausted")).await;
    let event = page(&world, &id, &Filter::default(), 1).await[0].event;
    let asked = resend(&world.db, world.now(), &brand, &id, event).await;
    assert_eq!(asked.unwrap(), Asked::Queued);
    let told = find(&world.db, &brand, &id, event).await.unwrap().unwrap();
    assert_eq!(
        (told.delivery.status.as_str(), told.delivery.tries),
        ("pending", 10)
    );
    assert_eq!(told.delivery.next_at, Some(world.now()));
    assert_eq!(count(&world, "attempt = 0 AND trigger = 'resend'").await, 1);

    let unknown = resend(&world.db, world.now(), &brand, &id, Uuid::nil()).await;
    assert_eq!(unknown.unwrap(), Asked::Missing);
    let strange = resend(&world.db, world.now(), &"other".into(), &id, event).await;
    assert_eq!(strange.unwrap(), Asked::Missing);
    world
        .run(r#"UPDATE "Webhook" SET "isActive" = false"#)
        .await;
    let off = resend(&world.db, world.now(), &brand, &id, event).await;
    assert_eq!(off.unwrap(), Asked::Inactive);
}

#[tokio::test]
async fn an_event_that_an_endpoint_was_never_told_of_can_be_sent_to_it() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 1, None).await;
    let event: Uuid = sqlx::query_scalar("SELECT id FROM atelier.outbox")
        .fetch_one(&world.sql)
        .await
        .unwrap();
    let asked = resend(&world.db, world.now(), &"a".into(), &id, event).await;
    assert_eq!(asked.unwrap(), Asked::Queued);
    assert_eq!(page(&world, &id, &Filter::default(), 9).await.len(), 1);
}

#[tokio::test]
async fn a_test_goes_to_one_endpoint_alone_and_once() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    let other = make(&world, "whsec_2").await;
    let key = format!("webhook.test:{id}:1");
    let data = json!({"webhook_id": id});
    let event = Event::of_fact(EventKind::WebhookTest, key, "a".into(), world.now(), data);
    for _ in 0..2 {
        let asked = send_alone(&world.db, world.now(), &id, &event).await;
        assert_eq!(asked.unwrap(), Asked::Queued);
    }
    assert_eq!(page(&world, &id, &Filter::default(), 9).await.len(), 1);
    assert!(page(&world, &other, &Filter::default(), 9).await.is_empty());
    let told = find(&world.db, &"a".into(), &id, event.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(told.body, event.to_bytes());
}
