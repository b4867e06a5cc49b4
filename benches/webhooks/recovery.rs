//! A repair of many failed deliveries while the scheduler is killed again and again.

use std::time::{Duration, Instant};

use anyhow::ensure;
use benches::command::note;
use domain::{BrandId, Clock};
use service::SystemClock;
use store::webhooks::bulk::{Asked, Kind, NewJob, create, find};
use testkit::wait;
use uuid::Uuid;

use crate::args::Args;
use crate::arrivals::Arrivals;
use crate::report::Recovery;
use crate::stage::Stage;

/// Whoever wants a million back lets them come.
const IN_FLIGHT: i16 = 64;

const UNDELIVERED: &str =
    "SELECT count(*) FROM atelier.webhook_delivery WHERE status <> 'delivered'";

/// Recovers everything; fails where anything is lost.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Recovery> {
    let mut stage = Stage::set(args).await?;
    let arrivals = Arrivals::start().await?;
    stage.brand("shop").await?;
    let webhook = stage
        .endpoint("shop", arrivals.url("/hook"), IN_FLIGHT)
        .await?;
    let mut left = args.recover;
    while left > 0 {
        let some = left.min(100_000);
        stage
            .deliveries("shop", &webhook, some, "exhausted")
            .await?;
        left -= some;
    }
    stage.analyze().await?;
    let brand = BrandId("shop".to_owned());
    let job = repair(&brand, &webhook);
    let asked = create(&stage.db, SystemClock.now(), &job).await?;
    ensure!(
        asked == Asked::Queued,
        "the repair was not taken: {asked:?}"
    );
    let started = Instant::now();
    let mut scheduler = stage.scheduler().await?;
    let total = usize::try_from(args.recover)?;
    for kill in 1..=usize::from(args.kills) {
        let share = total * kill / (usize::from(args.kills) + 1);
        arrivals.all(share, args.limit()).await?;
        scheduler.kill().await?;
        note(&format!(
            "killed the scheduler after {} arrivals",
            arrivals.events()
        ));
        scheduler = stage.scheduler().await?;
    }
    arrivals.all(total, args.limit()).await?;
    wait::until(
        "the repair has ended",
        Duration::from_secs(60),
        async || {
            let ended = find(&stage.db, &brand, job.id).await;
            let is_done = matches!(ended, Ok(Some(job)) if job.state == "done");
            is_done && matches!(stage.number(UNDELIVERED).await, Ok(0))
        },
    )
    .await?;
    let took = started.elapsed();
    scheduler.check_alive()?;
    Ok(Recovery {
        deliveries: args.recover,
        kills: args.kills,
        seconds: took.as_secs_f64(),
        per_second: f64::from(args.recover) / took.as_secs_f64(),
        lost: total - arrivals.events(),
        sent_again: arrivals.requests() - u64::from(args.recover),
    })
}

fn repair(brand: &BrandId, webhook: &str) -> NewJob {
    let now = SystemClock.now();
    NewJob {
        id: Uuid::now_v7(),
        brand: brand.clone(),
        webhook: webhook.to_owned(),
        kind: Kind::Recover,
        since: now - chrono::Duration::days(1),
        until: now + chrono::Duration::minutes(1),
        events: Vec::new(),
        statuses: Vec::new(),
    }
}
