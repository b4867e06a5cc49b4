//! Receivers that fail: for a moment, for days, for good.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::EventKind;
use store::webhooks::endpoints::{enable, find};
use testkit::{Reply, WebhookReceiver, wait};

use super::hooks::{Running, endpoint, facts, settings, until_deliveries, until_received};
use crate::world::{PATIENCE, World};

async fn instant(world: &World, query: &str) -> Option<DateTime<Utc>> {
    world.sql.query_one(query, &[]).await.unwrap().get(0)
}

/// Moves the clock to the next moment at which a lane is due and lets everything due then happen. Returns
/// whether there was one.
async fn next(world: &World) -> bool {
    let settled =
        "SELECT (SELECT count(*) FROM atelier.webhook_lane WHERE token IS NOT NULL OR due_at <= $1)
        + (SELECT count(*) FROM atelier.webhook_wake)";
    let now = world.now();
    wait::until("everything due has happened", PATIENCE, async || {
        let row = world.sql.query_one(settled, &[&now]).await.unwrap();
        row.get::<_, i64>(0) == 0
    })
    .await
    .unwrap();
    match instant(world, "SELECT min(due_at) FROM atelier.webhook_lane").await {
        Some(due) => {
            world.clock.set(due);
            true
        }
        None => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_for_two_days_gets_everything_once_it_is_back() {
    let world = World::new().await;
    let down = |_: &testkit::Received| Reply::status(503).body("maintenance");
    let receiver = WebhookReceiver::start(down).await.unwrap();
    let id = endpoint(&world, "a", settings(&receiver.url("/"))).await;
    let running = Running::start(&world);
    let start = world.now();
    facts(&world, "a", 12).await;
    let mut later = 0;
    while world.now() - start < TimeDelta::hours(48) {
        assert!(next(&world).await, "somebody always has to look");
        if later < 12 && world.now() - start > TimeDelta::hours(4 * later) {
            facts(&world, "a", 1).await;
            later += 1;
        }
    }
    let failed = receiver.requests();
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.webhook_delivery WHERE status = 'pending'")
            .await,
        24
    );
    receiver.script(|_| Reply::status(200));
    while next(&world).await {}
    running.stop().await;

    until_deliveries(&world, "status = 'delivered'", 24).await;
    let mut arrived: BTreeMap<String, u32> = BTreeMap::new();
    for received in receiver
        .received()
        .iter()
        .skip(usize::try_from(failed).unwrap())
    {
        *arrived.entry(received.id().to_owned()).or_default() += 1;
    }
    assert_eq!((arrived.len(), arrived.values().max()), (24, Some(&1)));
    let logged = world.number(r#"SELECT count(*) FROM "WebhookLog""#).await;
    assert_eq!(u64::try_from(logged).unwrap(), receiver.requests());
    let shown = find(&world.db, &"a".into(), &id).await.unwrap().unwrap();
    assert!(shown.settings.is_active && shown.failing_since.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_a_success_for_five_days_is_warned_of_three_times_and_switched_off() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|_| Reply::status(500))
        .await
        .unwrap();
    let told = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let id = endpoint(&world, "a", settings(&receiver.url("/"))).await;
    let mut operator = settings(&told.url("/"));
    operator.events = vec![EventKind::WebhookFailing, EventKind::WebhookDisabled];
    endpoint(&world, "a", operator).await;
    let running = Running::start(&world);
    let start = world.now();
    let mut day = 0;
    while world.now() - start < TimeDelta::days(7) {
        if world.now() - start >= TimeDelta::days(day) {
            facts(&world, "a", 1).await;
            day += 1;
        }
        if !next(&world).await {
            break;
        }
    }
    running.stop().await;
    let events: Vec<serde_json::Value> = told
        .received()
        .iter()
        .map(|one| serde_json::from_slice(&one.body).unwrap())
        .collect();
    let percents: Vec<u64> = events
        .iter()
        .filter_map(|one| one["data"]["percent"].as_u64())
        .collect();
    assert_eq!(percents, [50, 70, 90], "{events:#?}");
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["type"], "webhook.disabled");
    assert_eq!(events[3]["data"]["reason"], "failing");
    assert_eq!(events[3]["data"]["webhook_id"], id.as_str());
    let shown = find(&world.db, &"a".into(), &id).await.unwrap().unwrap();
    assert_eq!(shown.disabled_reason.as_deref(), Some("failing"));
    assert!(shown.disabled_at.unwrap() - start >= TimeDelta::days(5));
    assert!(!shown.settings.is_active);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_it_is_gone_is_switched_off_at_once_and_goes_on_when_switched_on() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|_| Reply::status(410))
        .await
        .unwrap();
    let told = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let mut one_by_one = settings(&receiver.url("/"));
    one_by_one.max_in_flight = 1;
    let id = endpoint(&world, "a", one_by_one).await;
    let mut operator = settings(&told.url("/"));
    operator.events = vec![EventKind::WebhookDisabled];
    endpoint(&world, "a", operator).await;
    facts(&world, "a", 5).await;
    let running = Running::start(&world);
    until_received(&told, 1).await;
    assert_eq!(receiver.requests(), 1, "one answer is enough");
    let brand = "a".into();
    let shown = find(&world.db, &brand, &id).await.unwrap().unwrap();
    assert_eq!(shown.disabled_reason.as_deref(), Some("gone"));
    assert!(!shown.settings.is_active);
    until_deliveries(&world, "status = 'pending'", 5).await;

    receiver.script(|_| Reply::status(200));
    world.advance(10);
    assert!(enable(&world.db, world.now(), &brand, &id).await.unwrap());
    until_deliveries(&world, "status = 'delivered'", 6).await;
    running.stop().await;
    assert_eq!(receiver.requests(), 6, "the refused one too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_when_to_come_again_is_obeyed_up_to_a_day() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|received| {
        let asked = match received.target.as_str() {
            "/soon" => "1",
            "/later" => "120",
            _ => "999999",
        };
        Reply::status(503).with("retry-after", asked)
    })
    .await
    .unwrap();
    for target in ["/soon", "/later", "/never"] {
        endpoint(&world, "a", settings(&receiver.url(target))).await;
    }
    let running = Running::start(&world);
    facts(&world, "a", 1).await;
    until_deliveries(&world, "tries = 1", 3).await;
    running.stop().await;
    let rows = world
        .sql
        .query(
            r#"SELECT w.url, d.next_at FROM atelier.webhook_delivery d JOIN "Webhook" w ON w.id = d.webhook_id"#,
            &[],
        )
        .await
        .unwrap();
    for row in rows {
        let (url, next_at): (String, DateTime<Utc>) = (row.get(0), row.get(1));
        let wait = next_at - world.now();
        match url.rsplit('/').next().unwrap() {
            // Sooner than the schedule is no wish that is granted.
            "soon" => assert!((5_000..=6_000).contains(&wait.num_milliseconds()), "{wait}"),
            "later" => assert_eq!(wait, TimeDelta::seconds(120)),
            _ => assert_eq!(wait, TimeDelta::days(1)),
        }
    }
}
