//! What arrives, and what is written about it.

use std::collections::BTreeSet;

use domain::webhook_endpoint::PayloadFormat;
use domain::webhook_signature::{ORIGIN_HEADER, origin_signature};
use serde_json::Value;
use store::webhooks::deliveries::{Filter, find, list};
use store::webhooks::endpoints;
use testkit::{Reply, WebhookReceiver};

use super::hooks::{
    Running, SECRET, endpoint, facts, is_signed, settings, until_deliveries, until_received,
};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_arrives_signed_once_and_is_logged_shown_and_counted() {
    let world = World::new().await;
    let reply = Reply::status(201).with("x-seen", "yes").body("thanks\0");
    let receiver = WebhookReceiver::start(move |_| reply.clone())
        .await
        .unwrap();
    let id = endpoint(&world, "a", settings(&receiver.url("/hook?x=1"))).await;
    let running = Running::start(&world);
    facts(&world, "a", 3).await;
    until_deliveries(&world, "status = 'delivered'", 3).await;
    running.stop().await;

    let received = receiver.received();
    assert_eq!(received.len(), 3);
    let ids: BTreeSet<&str> = received.iter().map(|one| one.id()).collect();
    assert_eq!(ids.len(), 3);
    for one in &received {
        assert_eq!(
            (one.method.as_str(), one.target.as_str()),
            ("POST", "/hook?x=1")
        );
        assert!(is_signed(&world, one), "{one:?}");
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        assert_eq!(body["type"], "generation.failed");
        assert_eq!(body["data"]["reason"], "canceled");
    }

    let brand = "a".into();
    let listed = list(&world.db, &brand, &id, &Filter::default(), 10)
        .await
        .unwrap();
    assert_eq!(listed.len(), 3);
    let told = find(&world.db, &brand, &id, listed[0].event)
        .await
        .unwrap()
        .unwrap();
    let attempt = &told.attempts[0];
    assert_eq!(told.attempts.len(), 1);
    assert_eq!((attempt.attempt, attempt.status_code), (1, Some(201)));
    assert_eq!(attempt.response.as_deref(), Some("thanks\u{fffd}"));
    assert_eq!(attempt.response_headers.as_ref().unwrap()["x-seen"], "yes");
    assert_eq!(attempt.remote_ip.as_deref(), Some("127.0.0.1"));
    assert!(attempt.error.is_none() && attempt.first_byte_ms.is_some());

    let shown = endpoints::find(&world.db, &brand, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (shown.last_status_code, shown.failure_count),
        (Some(201), 0)
    );
    assert_eq!(shown.last_called_at, Some(world.now()));
    let used = r#"SELECT count(*) FROM "UsageRecord" WHERE type = 'webhook_delivery'"#;
    assert_eq!(world.number(used).await, 3);
    let held =
        "SELECT count(*) FROM atelier.webhook_lane WHERE token IS NOT NULL OR due_at IS NOT NULL";
    assert_eq!(
        world.number(held).await,
        0,
        "the lane is given up and has nothing to do"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_gets_the_body_and_headers_that_it_asked_for() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    for format in PayloadFormat::ALL {
        let mut settings = settings(&receiver.url(&format!("/{format}")));
        settings.format = format;
        endpoint(&world, "a", settings).await;
    }
    let running = Running::start(&world);
    facts(&world, "a", 1).await;
    until_received(&receiver, 3).await;
    running.stop().await;
    let received = receiver.received();
    let of = |target: &str| received.iter().find(|one| one.target == target).unwrap();
    let body = |target: &str| serde_json::from_slice::<Value>(&of(target).body).unwrap();
    assert!(received.iter().all(|one| is_signed(&world, one)));
    assert_eq!(of("/standard").id(), of("/origin").id());
    assert!(body("/standard")["data"]["reason"].is_string());
    assert!(body("/thin")["data"]["reason"].is_null());
    assert_eq!(body("/origin")["brandId"], "a");
    assert_eq!(body("/origin")["event"], "generation.failed");
    let expected = origin_signature(SECRET, &of("/origin").body);
    assert_eq!(of("/origin").header(ORIGIN_HEADER), expected);
    assert_eq!(of("/standard").header(ORIGIN_HEADER), "");
}
