//! A provider that is down, and whole jobs that go to another one meanwhile.

use sandbox::{Fault, Mode, Provider};
use testkit::wait;

use crate::processes::PATIENCE;
use crate::shop::Shop;

/// How far back failures count, which is how soon traffic must have moved, in seconds.
const WINDOW_S: &str = "15";

async fn fallback_at_stability() -> Shop {
    let shop = Shop::open(&[]).await;
    let fallback = ["provider", "fallback", "--brand", "brand_1", "stability"];
    shop.cluster.atelier(&fallback);
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_moves_within_a_window_when_a_provider_is_down_and_comes_back_when_it_heals() {
    let mut shop = fallback_at_stability().await;
    let quick = [
        ("ATELIER_BREAKER_WINDOW_SECONDS", WINDOW_S),
        ("ATELIER_BREAKER_PAUSE_MS", "1000"),
    ];
    let _workers = [shop.worker(&quick).await, shop.worker(&quick).await];
    shop.order("openai", 4).await;
    shop.cluster.all_done(4, PATIENCE).await;
    assert_eq!(shop.accepted(Provider::OpenAi), 4);

    let outage = Fault::new(Mode::Outage).of(Provider::OpenAi);
    let outage = shop.sandbox.faults().push(outage).unwrap();
    let met = || {
        let listed = shop.sandbox.faults().list();
        listed.iter().find(|fault| fault.id == outage).unwrap().met
    };
    let began = std::time::Instant::now();
    shop.order("openai", 40).await;
    shop.cluster.all_done(44, PATIENCE).await;
    let moved_within = began.elapsed();
    println!(
        "40 jobs moved in {moved_within:?}, {} calls met the outage",
        met()
    );
    assert_eq!(shop.accepted(Provider::Stability), 40);
    // From here on only single calls look whether it is back.
    let before = met();
    let began = std::time::Instant::now();
    let late = shop.order("openai", 20).await;
    shop.cluster.all_done(64, PATIENCE).await;
    let probes = met() - before;
    assert!(
        probes <= 2 + began.elapsed().as_secs(),
        "{probes} in {:?}",
        began.elapsed()
    );
    let considered = shop.considered(late.last().unwrap()).await;
    let last = considered.last().unwrap();
    assert_eq!(last[0]["verdict"], "circuit_open", "{last}");
    assert_eq!(last[1]["verdict"], "chosen", "{last}");
    let tries = "SELECT sum(tries)::bigint FROM atelier.job";
    assert_eq!(shop.cluster.number(tries).await, 0);
    shop.cluster.each_once(64).await;

    shop.sandbox.faults().clear();
    let mut all = 64;
    wait::until("the first is used again", PATIENCE, async || {
        shop.order("openai", 1).await;
        all += 1;
        shop.cluster.all_done(all, PATIENCE).await;
        shop.accepted(Provider::OpenAi) >= 6
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_needs_transparency_waits_for_who_can_rather_than_go_without() {
    let mut shop = fallback_at_stability().await;
    let _worker = shop.worker(&[("ATELIER_BREAKER_PAUSE_MS", "1000")]).await;
    let down = Fault::new(Mode::Overloaded).of(Provider::OpenAi);
    let down = shop.sandbox.faults().push(down).unwrap();
    let clear = shop.order("clear", 3).await;
    shop.order("openai", 10).await;
    shop.cluster.all_done(10, PATIENCE).await;
    assert_eq!(shop.accepted(Provider::Stability), 10);
    wait::until("each of the three was tried", PATIENCE, async || {
        let listed = shop.sandbox.faults().list();
        listed
            .iter()
            .any(|fault| fault.id == down && fault.met >= 3)
    })
    .await
    .unwrap();
    let waiting = r#"SELECT count(*) FROM "Generation" WHERE "productId" = 'prod_clear'
        AND status NOT IN ('COMPLETED', 'FAILED')"#;
    assert_eq!(shop.cluster.number(waiting).await, 3);

    shop.sandbox.faults().clear();
    shop.cluster.all_done(13, PATIENCE).await;
    assert_eq!(shop.accepted(Provider::Stability), 10, "none of the three");
    assert_eq!(shop.accepted(Provider::OpenAi), 3);
    for id in &clear {
        let considered = shop.considered(id).await;
        let text = serde_json::to_string(&considered).unwrap();
        assert_eq!(considered.last().unwrap()[0]["verdict"], "chosen", "{text}");
    }
}
