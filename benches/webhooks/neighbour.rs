//! A healthy brand's delivery times, with and without an endpoint that answers 200 and then drips.

use std::time::{Duration, Instant};

use benches::command::note;
use benches::latency::{Spread, median};
use domain::webhook_endpoint::DEFAULT_IN_FLIGHT;
use domain::{BrandId, Clock, Event, EventKind};
use serde_json::json;
use service::SystemClock;
use store::webhooks::deliveries::send_alone;
use testkit::{Manner, Reply, WebhookReceiver, wait};
use tokio::time::interval;
use uuid::Uuid;

use crate::args::Args;
use crate::arrivals::Arrivals;
use crate::report::Neighbour;
use crate::stage::Stage;

/// Between two events of the healthy brand: a steady twenty a second, whatever becomes of them.
const EVERY: Duration = Duration::from_millis(50);

/// Both ways, alternately.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Neighbour> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        let without = healthy(args, 0).await?;
        let with = healthy(args, args.dripping).await?;
        note(&format!(
            "round {round}: a healthy delivery took {:.0} ms (p50), {:.0} ms (p99) alone; {:.0} and {:.0} ms beside {} that drip",
            without.p50_ms, without.p99_ms, with.p50_ms, with.p99_ms, args.dripping
        ));
        alone.push(without);
        beside.push(with);
    }
    let p99 = |spreads: &[Spread]| median(spreads.iter().map(|one| one.p99_ms).collect());
    let p50 = |spreads: &[Spread]| median(spreads.iter().map(|one| one.p50_ms).collect());
    Ok(Neighbour {
        dripping: args.dripping,
        alone_p50_ms: p50(&alone),
        alone_p99_ms: p99(&alone),
        beside_p50_ms: p50(&beside),
        beside_p99_ms: p99(&beside),
        p99_ratio: p99(&beside) / p99(&alone).max(f64::MIN_POSITIVE),
    })
}

async fn healthy(args: &Args, dripping: u32) -> anyhow::Result<Spread> {
    let mut stage = Stage::set(args).await?;
    let drips = WebhookReceiver::counting(|_| {
        let body = vec![b'.'; 100_000];
        Reply::status(200)
            .body(body)
            .manner(Manner::Drip(Duration::from_millis(200)))
    })
    .await?;
    let arrivals = Arrivals::start().await?;
    stage.brand("bad").await?;
    stage.brand("good").await?;
    let bad = stage
        .endpoint("bad", drips.url("/drip"), DEFAULT_IN_FLIGHT)
        .await?;
    let good = stage
        .endpoint("good", arrivals.url("/hook"), DEFAULT_IN_FLIGHT)
        .await?;
    let scheduler = stage.scheduler().await?;
    if dripping > 0 {
        stage.deliveries("bad", &bad, dripping, "pending").await?;
        let what = "the bad endpoint drips on all its connections";
        wait::until(what, args.limit(), async || drips.under_way() >= 4).await?;
    }
    let mut sent: Vec<(Uuid, Instant)> = Vec::new();
    let mut ticks = interval(EVERY);
    let until = Instant::now() + Duration::from_secs(u64::from(args.neighbour_seconds));
    while Instant::now() < until {
        ticks.tick().await;
        let event = event(sent.len());
        let at = Instant::now();
        send_alone(&stage.db, SystemClock.now(), &good, &event).await?;
        sent.push((event.id, at));
    }
    arrivals.all(sent.len(), args.limit()).await?;
    scheduler.check_alive()?;
    let first = arrivals.first();
    let times = sent
        .iter()
        .filter_map(|(event, at)| Some(first.get(event)?.saturating_duration_since(*at)));
    Ok(Spread::of(times))
}

fn event(n: usize) -> Event {
    let brand = BrandId("good".to_owned());
    let key = format!("webhook.test:good:{n}");
    Event::of_fact(
        EventKind::WebhookTest,
        key,
        brand,
        SystemClock.now(),
        json!({ "n": n }),
    )
}
