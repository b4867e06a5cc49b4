//! From request to picture, everything running.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use benches::Subject;
use benches::command::note;
use serde::Serialize;

use crate::args::Args;
use crate::cost::{Cost, Meter};
use crate::drive::{Load, closed_loop};
use crate::stage::{Cast, Stage};
use benches::latency::Spread;

/// How often the database is asked whether jobs are open; the times themselves come from the rows.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// Jobs before the measurement: statements prepared, pictures and products in the workers' caches.
const WARM_UP: usize = 50;

/// How one product's jobs went.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Whole {
    /// The product.
    pub(crate) product: &'static str,
    /// Size of its picture in pixels.
    pub(crate) pixels: u64,
    /// Accepted requests a second, while jobs are being worked on.
    pub(crate) accepted_per_second: f64,
    /// Finished jobs a second, from the first acceptance to the last end.
    pub(crate) finished_per_second: f64,
    /// Answer times of the POST.
    pub(crate) post: Spread,
    /// From acceptance to the start of work.
    pub(crate) waited: Spread,
    /// From the start of work to the end.
    pub(crate) worked: Spread,
    /// Costs per job.
    pub(crate) cost: Cost,
    /// Jobs by their final state; `waiting` and `running` are unfinished.
    pub(crate) states: BTreeMap<String, i64>,
    /// Answers other than 202.
    pub(crate) refused: BTreeMap<String, usize>,
}

/// Measures the tiny product, then the demo's.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Vec<Whole>> {
    let tiny = benches::tiny()?;
    let demo = benches::demo()?;
    Ok(vec![
        product(args, "tiny card", &tiny, args.jobs).await?,
        product(args, "demo's espresso set", &demo, args.demo_jobs).await?,
    ])
}

async fn product(
    args: &Args,
    name: &'static str,
    subject: &Subject,
    jobs: u32,
) -> anyhow::Result<Whole> {
    note(&format!("request to picture: {jobs} of the {name}"));
    let cast = Cast {
        subject,
        brands: args.brands,
        api_flags: Vec::new(),
        works: true,
    };
    let stage = Stage::set(args, cast).await?;
    let load = Load {
        requests: usize::try_from(jobs)?,
        connections: usize::from(args.connections),
        limit: args.limit(),
    };
    closed_loop(
        stage.api,
        &stage.shops,
        Load {
            requests: WARM_UP,
            ..load
        },
    )
    .await?;
    until_all_ended(&stage, args.limit()).await?;
    let warmed_up = stage.reader.job_times().await?;
    let started_at = stage.reader.now().await?;
    let meter = Meter::start(&stage).await?;
    let answers = closed_loop(stage.api, &stage.shops, load).await?;
    until_all_ended(&stage, args.limit()).await?;
    let cost = meter.stop(&stage, answers.accepted).await?;
    stage.check_alive()?;
    let ends = stage.reader.ends(started_at).await?;
    let mut times = stage.reader.job_times().await?;
    times.retain(|id, _| !warmed_up.contains_key(id));
    Ok(Whole {
        product: name,
        pixels: u64::from(subject.spec.output_width) * u64::from(subject.spec.output_height),
        accepted_per_second: answers.per_second(),
        finished_per_second: ends.finished as f64 / ends.took.as_secs_f64().max(f64::MIN_POSITIVE),
        post: Spread::of(answers.latencies),
        waited: Spread::of(times.values().map(|job| job.waited)),
        worked: Spread::of(times.values().filter_map(|job| job.worked)),
        cost,
        states: ends.states,
        refused: answers.refused,
    })
}

/// Waits until no job is open, or until the limit: what is then unfinished is reported as such.
async fn until_all_ended(stage: &Stage, limit: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    while stage.reader.open_jobs().await? > 0 && started.elapsed() < limit {
        stage.check_alive()?;
        tokio::time::sleep(ASK_EVERY).await;
    }
    Ok(())
}
