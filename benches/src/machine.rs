//! What the absolute numbers belong to.

use serde::Serialize;

/// The machine of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Cores this process may use.
    pub cores: usize,
    /// The processor's own name, where the system tells.
    pub processor: Option<String>,
    /// Runnable processes in the last minute, before anything was started: well above zero means
    /// that somebody else is measured too.
    pub load_before: Option<f64>,
    /// Whether this driver was built for speed; if not, nothing here means anything.
    pub release_build: bool,
}

/// Looks at the machine.
pub fn describe() -> Machine {
    let read = |path| std::fs::read_to_string(path).ok();
    let processor = read("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let load = read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok());
    Machine {
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        processor,
        load_before: load,
        release_build: !cfg!(debug_assertions),
    }
}
