//! Atelier's side of `benches/peers/imaging/run`: one workload, over and over, through the functions
//! and the thread pool that a worker uses.
//!
//! `imaging-peer WORKLOAD INPUTS SECONDS IN_FLIGHT` prints one line of JSON. With `--write FOLDER`
//! it does the work once and writes the files. The other peers take the same arguments.

mod cpu;
mod workload;

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use imaging::{Cost, Pool, PoolConfig};
use serde_json::json;
use tokio::task::JoinSet;

use workload::{Output, Workload};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name, inputs, "--write", folder] => write(name, inputs.as_ref(), folder.as_ref()),
        [name, inputs, seconds, in_flight] => {
            let in_flight = in_flight.parse().context("IN_FLIGHT")?;
            let time = Duration::from_secs_f64(seconds.parse().context("SECONDS")?);
            measure(name, inputs.as_ref(), time, in_flight)
        }
        _ => bail!("usage: imaging-peer WORKLOAD INPUTS (SECONDS IN_FLIGHT | --write FOLDER)"),
    }
}

fn write(name: &str, inputs: &Path, folder: &Path) -> anyhow::Result<()> {
    let workload = Workload::load(name, inputs)?;
    for Output { name, bytes } in workload.run()? {
        std::fs::write(PathBuf::from(folder).join(name), bytes)?;
    }
    Ok(())
}

fn measure(
    name: &str,
    inputs: &Path,
    time: Duration,
    in_flight: NonZeroUsize,
) -> anyhow::Result<()> {
    let workload = Arc::new(Workload::load(name, inputs)?);
    let pool = Arc::new(Pool::start(PoolConfig {
        threads: in_flight,
        max_jobs: in_flight,
        ..PoolConfig::default()
    })?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        // Once before the clock starts, on every thread: caches and scratch memory are warm then.
        rounds(&pool, &workload, in_flight, Duration::ZERO).await?;
        let (cpu, started) = (cpu::used()?, Instant::now());
        let (count, bytes) = rounds(&pool, &workload, in_flight, time).await?;
        let (wall, cpu) = (started.elapsed(), cpu::used()? - cpu);
        let line = json!({
            "count": count,
            "wall_s": wall.as_secs_f64(),
            "cpu_s": cpu.as_secs_f64(),
            "peak_mb": cpu::peak_mb()?,
            "bytes": bytes,
        });
        writeln!(std::io::stdout(), "{line}")?;
        Ok(())
    })
}

/// Keeps `in_flight` pictures under way until the time is over; at least one each. How many were
/// made, and the bytes of one.
async fn rounds(
    pool: &Arc<Pool>,
    workload: &Arc<Workload>,
    in_flight: NonZeroUsize,
    time: Duration,
) -> anyhow::Result<(u64, usize)> {
    let began = Instant::now();
    let mut lines = JoinSet::new();
    for _ in 0..in_flight.get() {
        let (pool, workload) = (Arc::clone(pool), Arc::clone(workload));
        lines.spawn(async move {
            let (mut count, mut bytes) = (0_u64, 0);
            while count == 0 || began.elapsed() < time {
                let workload = Arc::clone(&workload);
                let files = pool
                    .run(Cost::of_pixels(1_000_000), move |_| workload.run())
                    .await??;
                bytes = files.iter().map(|file| file.bytes.len()).sum();
                count += 1;
            }
            anyhow::Ok((count, bytes))
        });
    }
    let (mut count, mut bytes) = (0, 0);
    while let Some(line) = lines.join_next().await {
        let (made, size) = line??;
        count += made;
        bytes = size;
    }
    Ok((count, bytes))
}
