//! What this process has used, from Linux's `/proc`.

use std::time::Duration;

use anyhow::Context;

/// Processor time of all live threads, to the nanosecond.
pub(crate) fn used() -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let file = thread?.path().join("schedstat");
        let text = std::fs::read_to_string(file)?;
        let first = text.split_whitespace().next().context("schedstat")?;
        nanoseconds += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The most memory that was resident at once, in megabytes.
pub(crate) fn peak_mb() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("VmHWM")?
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}
