//! Processes, servers and answers that are lost on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::{Manner, PostgresOptions, PrivatePostgres, Received, Reply, WebhookReceiver, wait};

use super::hooks::{Running, endpoint, facts, settings, until_deliveries, until_received};
use crate::world::{PATIENCE, World};

/// How often each message came.
fn times(receiver: &WebhookReceiver) -> BTreeMap<String, u32> {
    let mut times = BTreeMap::new();
    for received in receiver.received() {
        *times.entry(received.id().to_owned()).or_default() += 1;
    }
    times
}

/// As if the leases of a dead process had run out by the database's clock.
async fn leases_run_out(world: &World) {
    let lapse = "UPDATE atelier.webhook_lane SET lease_until = now() - interval '1 s' WHERE token IS NOT NULL";
    world.sql.batch_execute(lapse).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_a_process_died_is_sent_again_and_nothing_else_is() {
    let world = World::new().await;
    let slow = |_: &Received| Reply::status(200).after(Duration::from_millis(500));
    let receiver = WebhookReceiver::start(slow).await.unwrap();
    let mut patient = settings(&receiver.url("/"));
    patient.timeout_ms = 20_000;
    endpoint(&world, "a", patient).await;
    facts(&world, "a", 30).await;
    let running = Running::start(&world);
    wait::until("four are under way", PATIENCE, async || {
        receiver.requests() == 4
    })
    .await
    .unwrap();
    running.crash().await;
    assert_eq!(receiver.requests(), 4);
    let held = "SELECT count(*) FROM atelier.webhook_lane WHERE token IS NOT NULL";
    assert_eq!(world.number(held).await, 1, "it left its lease behind");
    let lost: Vec<String> = times(&receiver).into_keys().collect();

    receiver.script(|_| Reply::status(200));
    let other = Running::start(&world);
    let early = wait::until("more", Duration::from_millis(300), async || {
        receiver.requests() > 4
    });
    assert!(early.await.is_err(), "a lease that holds is respected");
    leases_run_out(&world).await;
    until_deliveries(&world, "status = 'delivered'", 30).await;
    other.stop().await;
    let times = times(&receiver);
    assert_eq!(times.len(), 30);
    for (id, count) in &times {
        assert_eq!(*count, if lost.contains(id) { 2 } else { 1 }, "{id}");
    }
    let logged = world.number(r#"SELECT count(*) FROM "WebhookLog""#).await;
    assert_eq!(logged, 30, "the lost tries are logged by nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_in_order_ends_what_is_under_way_and_another_goes_on_without_a_repeat() {
    let world = World::new().await;
    let slow = |_: &Received| Reply::status(200).after(Duration::from_millis(50));
    let receiver = WebhookReceiver::start(slow).await.unwrap();
    endpoint(&world, "a", settings(&receiver.url("/"))).await;
    facts(&world, "a", 40).await;
    for _ in 0..3 {
        let running = Running::start(&world);
        until_received(&receiver, (receiver.requests() + 6).min(40)).await;
        running.stop().await;
        let held = "SELECT count(*) FROM atelier.webhook_lane WHERE token IS NOT NULL";
        assert_eq!(world.number(held).await, 0);
        let claimed = "SELECT count(*) FROM atelier.webhook_delivery WHERE lease_token IS NOT NULL";
        assert_eq!(world.number(claimed).await, 0);
    }
    let last = Running::start(&world);
    until_deliveries(&world, "status = 'delivered'", 40).await;
    last.stop().await;
    let times = times(&receiver);
    assert_eq!((times.len(), times.values().max()), (40, Some(&1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_goes_on_after_postgresql_was_killed_and_loses_nothing() {
    let mut postgres = PrivatePostgres::start(&PostgresOptions::default())
        .await
        .unwrap();
    let world = World::on_private(postgres.url()).await;
    let slow = |_: &Received| Reply::status(200).after(Duration::from_millis(20));
    let receiver = WebhookReceiver::start(slow).await.unwrap();
    endpoint(&world, "a", settings(&receiver.url("/"))).await;
    facts(&world, "a", 60).await;
    let running = Running::start(&world);
    until_received(&receiver, 10).await;
    postgres.kill9().await.unwrap();
    wait::until("a step fails", PATIENCE, async || {
        running.metrics.steps_failed_total.get() > 0
    })
    .await
    .unwrap();
    postgres.restart().await.unwrap();
    // The test's own connection went with the server.
    let (sql, connection) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let open = "SELECT count(*) FROM atelier.webhook_delivery WHERE status <> 'delivered'";
    wait::until("everything is delivered", PATIENCE, async || {
        sql.query_one(open, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await
    .unwrap();
    running.stop().await;
    let times = times(&receiver);
    assert_eq!(times.len(), 60);
    // It kept what it could not record, so what had been answered was not asked again.
    assert_eq!(times.values().max(), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_is_lost_comes_again_under_its_id_and_is_counted_once() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|_| Reply::status(200).manner(Manner::Swallow))
        .await
        .unwrap();
    endpoint(&world, "a", settings(&receiver.url("/"))).await;
    facts(&world, "a", 1).await;
    let running = Running::start(&world);
    until_deliveries(&world, "tries = 1 AND last_error = 'broken'", 1).await;
    receiver.script(|_| Reply::status(200).body("half").manner(Manner::Cut));
    world.advance(6);
    until_deliveries(&world, "tries = 2 AND last_error = 'broken'", 1).await;
    receiver.script(|_| Reply::status(200));
    world.advance(361);
    until_deliveries(&world, "tries = 3 AND status = 'delivered'", 1).await;
    running.stop().await;
    let times = times(&receiver);
    assert_eq!((times.len(), times.values().max()), (1, Some(&3)));
    let used = r#"SELECT count(*) FROM "UsageRecord" WHERE type = 'webhook_delivery'"#;
    assert_eq!(world.number(used).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_open_the_secrets_leaves_the_endpoint_to_one_that_can() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    endpoint(&world, "a", settings(&receiver.url("/"))).await;
    facts(&world, "a", 2).await;
    let blind = Running::with(&world, |parts| parts.keys = None);
    wait::until("it passes the endpoint over", PATIENCE, async || {
        blind.metrics.unsigned_total.get() > 0
    })
    .await
    .unwrap();
    blind.stop().await;
    assert_eq!(receiver.requests(), 0, "nothing goes out unsigned");
    let running = Running::start(&world);
    world.advance(61);
    until_deliveries(&world, "status = 'delivered'", 2).await;
    running.stop().await;
}
