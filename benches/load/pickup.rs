//! How soon work begins when there is little of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use benches::command::note;
use serde::Serialize;

use crate::args::Args;
use crate::drive::open_loop;
use crate::stage::{Cast, Stage};
use benches::latency::Spread;

/// How often the database is asked whether the last jobs have ended.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Times at a fixed rate.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pickup {
    /// Requests a second.
    pub(crate) rate: u32,
    /// Generations that were begun.
    pub(crate) begun: usize,
    /// Generations that were accepted.
    pub(crate) accepted: usize,
    /// From the request's time to the whole answer.
    pub(crate) post: Spread,
    /// From sending the request to the claim that begins the work.
    pub(crate) sent_to_start: Spread,
    /// From acceptance, as the database has it, to that claim.
    pub(crate) accepted_to_start: Spread,
    /// From acceptance to the end of the job.
    pub(crate) accepted_to_end: Spread,
    /// Answers other than 202.
    pub(crate) refused: BTreeMap<String, usize>,
}

/// Measures pick-up with the tiny product.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Pickup> {
    let rate = args.pickup_rate;
    note(&format!("pick-up at {rate} requests a second"));
    let subject = benches::tiny()?;
    let cast = Cast {
        subject: &subject,
        brands: args.brands,
        api_flags: Vec::new(),
        works: true,
    };
    let stage = Stage::set(args, cast).await?;
    // One second to warm up, which is not counted.
    open_loop(stage.api, &stage.shops, rate, usize::try_from(rate)?).await?;
    let requests = usize::try_from(rate * args.pickup_seconds)?;
    let answers = open_loop(stage.api, &stage.shops, rate, requests).await?;
    let asked = Instant::now();
    while stage.reader.open_jobs().await? > 0 && asked.elapsed() < args.limit() {
        stage.check_alive()?;
        tokio::time::sleep(ASK_EVERY).await;
    }
    let times = stage.reader.job_times().await?;
    let begun: Vec<_> = answers
        .sent_at
        .iter()
        .filter_map(|(id, sent_at)| Some((times.get(id)?, sent_at)))
        .collect();
    let since_sent = begun.iter().map(|(job, sent_at)| {
        job.claimed_at
            .signed_duration_since(**sent_at)
            .to_std()
            .unwrap_or_default()
    });
    Ok(Pickup {
        rate,
        begun: begun.len(),
        accepted: answers.accepted,
        post: Spread::of(answers.latencies),
        sent_to_start: Spread::of(since_sent),
        accepted_to_start: Spread::of(begun.iter().map(|(job, _)| job.waited)),
        accepted_to_end: Spread::of(
            begun
                .iter()
                .filter_map(|(job, _)| Some(job.waited + job.worked?)),
        ),
        refused: answers.refused,
    })
}
