//! Who is told of an event, written with the fact.

use domain::GenerationId;
use store::webhooks::adopt::adopt;

use crate::world::{World, done};

/// An endpoint as the older platform writes it.
async fn endpoint(world: &World, id: &str, brand: &str, events: &str, active: bool) {
    sqlx::query(
        r#"INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "isActive", "createdAt", "updatedAt")
           VALUES ($1, $2, $1, 'https://shop.example/' || $1, 's', $3::"WebhookEvent"[], $4, $5, $5)"#,
    )
    .bind(id)
    .bind(brand)
    .bind(events)
    .bind(active)
    .bind(world.now().naive_utc())
    .execute(&world.sql)
    .await
    .unwrap();
}

async fn finish(world: &World) -> GenerationId {
    let id = world.waiting().await.id;
    let session = world.session().await;
    let lease = world.claim(session, &[id]).await[0].lease;
    let settled = world.settle(&[done(lease)]).await;
    assert_eq!(settled, [store::settle::Settled::Applied]);
    id
}

/// `(endpoint, kind, status, url)` of every delivery, in order.
async fn deliveries(world: &World) -> Vec<(String, String, String, Option<String>)> {
    sqlx::query_as(
        "SELECT d.webhook_id, o.kind, d.status, d.url
         FROM atelier.webhook_delivery d JOIN atelier.outbox o ON o.id = d.event_id ORDER BY d.webhook_id, d.seq",
    )
    .fetch_all(&world.sql)
    .await
    .unwrap()
}

async fn wakes(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT webhook_id FROM atelier.webhook_wake ORDER BY webhook_id")
        .fetch_all(&world.sql)
        .await
        .unwrap()
}

fn told(endpoint: &str, kind: &str) -> (String, String, String, Option<String>) {
    (
        endpoint.to_owned(),
        kind.to_owned(),
        "pending".to_owned(),
        None,
    )
}

#[tokio::test]
async fn each_active_endpoint_that_wants_an_event_gets_one_delivery_and_one_wake() {
    let world = World::new().await;
    world.brand("other", domain::Plan::Enterprise, 100).await;
    endpoint(
        &world,
        "both",
        "a",
        "{GENERATION_STARTED,GENERATION_COMPLETED}",
        true,
    )
    .await;
    endpoint(&world, "end", "a", "{GENERATION_COMPLETED}", true).await;
    endpoint(&world, "failures", "a", "{GENERATION_FAILED}", true).await;
    endpoint(&world, "idle", "a", "{GENERATION_COMPLETED}", false).await;
    endpoint(&world, "strange", "other", "{GENERATION_COMPLETED}", true).await;
    assert_eq!(adopt(&world.db, world.now(), 3).await.unwrap(), 3);
    assert_eq!(adopt(&world.db, world.now(), 3).await.unwrap(), 2);
    assert_eq!(adopt(&world.db, world.now(), 3).await.unwrap(), 0);

    finish(&world).await;
    let expected = [
        told("both", "generation.started"),
        told("both", "generation.completed"),
        told("end", "generation.completed"),
    ];
    assert_eq!(deliveries(&world).await, expected);
    assert_eq!(wakes(&world).await, ["both", "both", "end"]);
}

#[tokio::test]
async fn an_event_that_is_written_again_is_delivered_once() {
    let world = World::new().await;
    endpoint(
        &world,
        "end",
        "a",
        "{GENERATION_COMPLETED,GENERATION_FAILED}",
        true,
    )
    .await;
    adopt(&world.db, world.now(), 10).await.unwrap();
    let id = world.waiting().await.id;
    let session = world.session().await;
    let lease = world.claim(session, &[id]).await[0].lease;
    world.settle(&[done(lease)]).await;
    let again = world.settle(&[done(lease)]).await;
    assert_eq!(again, [store::settle::Settled::Lost]);
    assert_eq!(deliveries(&world).await.len(), 1);
    assert_eq!(wakes(&world).await.len(), 1);
}

#[tokio::test]
async fn endpoints_that_somebody_holds_do_not_keep_a_settlement_waiting() {
    let world = World::new().await;
    endpoint(&world, "end", "a", "{GENERATION_COMPLETED}", true).await;
    adopt(&world.db, world.now(), 10).await.unwrap();
    let mut held = world.sql.begin().await.unwrap();
    for statement in [
        r#"SELECT id FROM "Webhook" FOR UPDATE"#,
        "SELECT webhook_id FROM atelier.webhook_endpoint FOR UPDATE",
        "SELECT webhook_id FROM atelier.webhook_lane FOR UPDATE",
    ] {
        sqlx::query(statement).execute(&mut *held).await.unwrap();
    }
    finish(&world).await;
    assert_eq!(
        deliveries(&world).await,
        [told("end", "generation.completed")]
    );
    held.rollback().await.unwrap();
}

#[tokio::test]
async fn the_address_of_a_request_is_told_of_the_end_even_where_its_host_is_switched_off() {
    let world = World::new().await;
    let with_address = |url: &str| {
        let mut request = world.request("a");
        request.option = Some(store::intake::RequestOption {
            webhook_url: Some(url.to_owned()),
            ..Default::default()
        });
        request
    };
    let batch = [
        with_address("https://on.example/1"),
        with_address("https://off.example/2"),
    ];
    let ids = world.accept(&batch).await;
    world
        .run(r#"UPDATE "Webhook" SET "isActive" = false WHERE url = 'https://off.example'"#)
        .await;
    let session = world.session().await;
    let claimed = world.claim(session, &ids).await;
    let settlements: Vec<_> = claimed.iter().map(|job| done(job.lease)).collect();
    world.settle(&settlements).await;
    let mut told: Vec<_> = deliveries(&world)
        .await
        .into_iter()
        .map(|(_, kind, status, url)| (url.unwrap(), kind, status))
        .collect();
    told.sort();
    let expected = [
        ("https://off.example/2", "skipped"),
        ("https://on.example/1", "pending"),
    ]
    .map(|(url, status)| {
        let kind = "generation.completed".to_owned();
        (url.to_owned(), kind, status.to_owned())
    });
    assert_eq!(told, expected);
    assert_eq!(wakes(&world).await.len(), 1);
}
