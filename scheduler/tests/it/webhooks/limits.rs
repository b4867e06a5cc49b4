//! How much at once, how fast, in which order, and that nobody pays for another's endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use testkit::{Manner, Reply, WebhookReceiver, wait};

use super::hooks::{Running, endpoint, facts, settings, until_deliveries, until_received};
use crate::world::{PATIENCE, World};

/// Notes the most requests that are under way at once, until it is told to stop.
async fn watch_peak(receiver: &WebhookReceiver, done: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !done.load(Ordering::SeqCst) {
        peak = peak.max(receiver.under_way());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    peak
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_never_have_more_under_way_than_an_endpoint_allows_and_send_each_once() {
    let world = World::new().await;
    let slow = |_: &testkit::Received| Reply::status(200).after(Duration::from_millis(15));
    let receiver = WebhookReceiver::start(slow).await.unwrap();
    let mut narrow = settings(&receiver.url("/"));
    narrow.max_in_flight = 3;
    endpoint(&world, "a", narrow).await;
    let replicas = [Running::start(&world), Running::start(&world)];
    let done = AtomicBool::new(false);
    let work = async {
        for _ in 0..6 {
            facts(&world, "a", 15).await;
        }
        until_deliveries(&world, "status = 'delivered'", 90).await;
        done.store(true, Ordering::SeqCst);
    };
    let (peak, ()) = tokio::join!(watch_peak(&receiver, &done), work);
    for replica in replicas {
        replica.stop().await;
    }
    assert_eq!(peak, 3);
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for received in receiver.received() {
        *times.entry(received.id().to_owned()).or_default() += 1;
    }
    assert_eq!((times.len(), times.values().max()), (90, Some(&1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_endpoint_gets_one_at_a_time_and_nothing_passes_one_that_fails() {
    let world = World::new().await;
    let tries = Arc::new(AtomicU64::new(0));
    let script = {
        let tries = Arc::clone(&tries);
        // The fourth and the fifth request fail: twice the same event.
        move |_: &testkit::Received| match tries.fetch_add(1, Ordering::SeqCst) {
            3 | 4 => Reply::status(500),
            _ => Reply::status(200).after(Duration::from_millis(5)),
        }
    };
    let receiver = WebhookReceiver::start(script).await.unwrap();
    let mut ordered = settings(&receiver.url("/"));
    ordered.ordered = true;
    ordered.max_in_flight = 8;
    endpoint(&world, "a", ordered).await;
    facts(&world, "a", 12).await;
    let running = Running::start(&world);
    let done = AtomicBool::new(false);
    let work = async {
        for (received, wait_s) in [(4, 6), (5, 361)] {
            until_received(&receiver, received).await;
            let failed = format!("tries = {} AND last_status_code = 500", received - 3);
            until_deliveries(&world, &failed, 1).await;
            world.advance(wait_s);
        }
        until_deliveries(&world, "status = 'delivered'", 12).await;
        done.store(true, Ordering::SeqCst);
    };
    let (peak, ()) = tokio::join!(watch_peak(&receiver, &done), work);
    running.stop().await;
    assert_eq!(peak, 1);
    let got: Vec<String> = receiver
        .received()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    assert_eq!(got.len(), 14);
    assert_eq!(
        (&got[3], &got[3]),
        (&got[4], &got[5]),
        "the failed one comes again first"
    );
    let rows = world
        .sql
        .query(
            "SELECT replace(event_id::text, '-', '') FROM atelier.webhook_delivery ORDER BY seq",
            &[],
        )
        .await
        .unwrap();
    let expected: Vec<String> = rows
        .iter()
        .map(|row| format!("msg_{}", row.get::<_, &str>(0)))
        .collect();
    let mut once = got;
    once.dedup();
    assert_eq!(once, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_no_more_tries_a_second_than_it_asked_for() {
    let world = World::new().await;
    let receiver = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let mut slow = settings(&receiver.url("/"));
    slow.rate_per_s = Some(2.0);
    endpoint(&world, "a", slow).await;
    facts(&world, "a", 7).await;
    let running = Running::start(&world);
    let mut seen = 0;
    for expected in [2, 4, 6, 7] {
        until_received(&receiver, expected).await;
        until_deliveries(
            &world,
            "status = 'delivered'",
            i64::try_from(expected).unwrap(),
        )
        .await;
        // Time stands still, so nothing more may come, however often somebody looks.
        let polls = Duration::from_millis(300);
        let more = wait::until("more", polls, async || receiver.requests() > expected).await;
        assert!(more.is_err(), "{} at once", receiver.requests() - seen);
        seen = expected;
        world.advance(1);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_drips_holds_its_own_lane_and_no_other() {
    let world = World::new().await;
    world.brand("healthy").await;
    let drip = |_: &testkit::Received| {
        let body = vec![b'x'; 10_000];
        Reply::status(200)
            .body(body)
            .manner(Manner::Drip(Duration::from_millis(100)))
    };
    let dripping = WebhookReceiver::start(drip).await.unwrap();
    let receiver = WebhookReceiver::start(|_| Reply::status(200))
        .await
        .unwrap();
    let mut patient = settings(&dripping.url("/"));
    patient.timeout_ms = 30_000;
    endpoint(&world, "a", patient).await;
    endpoint(&world, "healthy", settings(&receiver.url("/"))).await;
    facts(&world, "a", 50).await;
    let running = Running::with(&world, |parts| parts.slots = 8);
    wait::until("the endpoint drips", PATIENCE, async || {
        dripping.under_way() >= 2
    })
    .await
    .unwrap();
    facts(&world, "healthy", 40).await;
    until_received(&receiver, 40).await;
    // A quarter of eight slots is all that one brand may take.
    assert_eq!((dripping.under_way(), dripping.requests()), (2, 2));
    running.crash().await;
}
