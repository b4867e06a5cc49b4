//! Messages a second from rows that are there already.

use std::time::Instant;

use benches::command::note;
use domain::webhook_endpoint::DEFAULT_IN_FLIGHT;

use crate::args::Args;
use crate::arrivals::Arrivals;
use crate::report::Throughput;
use crate::sequential;
use crate::stage::Stage;

/// How the messages are spread over endpoints.
const SPREADS: [u32; 2] = [1, 16];

/// Both ways, alternately.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Vec<Throughput>> {
    let mut rates: Vec<(String, Vec<f64>)> =
        vec![("a plain sender, one after the other".to_owned(), Vec::new())];
    rates.extend(SPREADS.map(|count| (format!("lanes, {count} endpoints"), Vec::new())));
    for round in 1..=args.rounds {
        for (place, (way, measured)) in rates.iter_mut().enumerate() {
            let rate = match place {
                0 => plain(args).await?,
                _ => lanes(args, SPREADS[place - 1]).await?,
            };
            note(&format!("round {round}: {way}: {rate:.0} messages/s"));
            measured.push(rate);
        }
    }
    Ok(rates
        .into_iter()
        .map(|(way, rates)| Throughput::new(way, rates))
        .collect())
}

async fn plain(args: &Args) -> anyhow::Result<f64> {
    let stage = Stage::set(args).await?;
    let arrivals = Arrivals::start().await?;
    stage.brand("shop").await?;
    let webhook = stage
        .endpoint("shop", arrivals.url("/hook"), DEFAULT_IN_FLIGHT)
        .await?;
    // A tenth is enough to know its speed.
    let count = args.messages.div_ceil(10);
    stage.deliveries("shop", &webhook, count, "pending").await?;
    stage.analyze().await?;
    let address = arrivals.address();
    let took = sequential::send_all(&stage, &webhook, address).await?;
    Ok(f64::from(count) / took.as_secs_f64())
}

async fn lanes(args: &Args, endpoints: u32) -> anyhow::Result<f64> {
    let mut stage = Stage::set(args).await?;
    let arrivals = Arrivals::start().await?;
    let each = args.messages / endpoints;
    for n in 0..endpoints {
        // A brand each: one alone gets a quarter of the slots.
        let brand = format!("shop{n}");
        stage.brand(&brand).await?;
        let webhook = stage
            .endpoint(&brand, arrivals.url("/hook"), DEFAULT_IN_FLIGHT)
            .await?;
        stage.deliveries(&brand, &webhook, each, "pending").await?;
    }
    stage.analyze().await?;
    let started = Instant::now();
    let scheduler = stage.scheduler().await?;
    let count = usize::try_from(each * endpoints)?;
    let from = first(&arrivals, args).await?.unwrap_or(started);
    let ended = arrivals.all(count, args.limit()).await?;
    let rate = f64::from(each * endpoints) / ended.duration_since(from).as_secs_f64();
    scheduler.check_alive()?;
    Ok(rate)
}

/// When the first message came: starting a program is not sending.
async fn first(arrivals: &Arrivals, args: &Args) -> anyhow::Result<Option<Instant>> {
    arrivals.all(1, args.limit()).await?;
    Ok(arrivals.first().values().min().copied())
}
