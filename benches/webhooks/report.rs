//! What was found, for people and as JSON.

use std::path::Path;

use anyhow::Context;
use benches::command::note;
use benches::latency::median;
use benches::machine::{self, Machine};
use serde::Serialize;

/// One way of sending.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Throughput {
    pub(crate) way: String,
    pub(crate) median_per_s: f64,
    pub(crate) rounds_per_s: Vec<f64>,
}

impl Throughput {
    pub(crate) fn new(way: String, rounds: Vec<f64>) -> Self {
        Self {
            way,
            median_per_s: median(rounds.clone()),
            rounds_per_s: rounds,
        }
    }
}

/// With api-lite in front.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Api {
    pub(crate) events: u32,
    /// Orders made and cancelled a second.
    pub(crate) asked_per_s: f64,
    /// Events a second, until the last was told.
    pub(crate) told_per_s: f64,
    /// From the last cancel's answer to the last arrival.
    pub(crate) behind_ms: f64,
}

/// A healthy brand beside one that drips.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Neighbour {
    pub(crate) dripping: u32,
    pub(crate) alone_p50_ms: f64,
    pub(crate) alone_p99_ms: f64,
    pub(crate) beside_p50_ms: f64,
    pub(crate) beside_p99_ms: f64,
    pub(crate) p99_ratio: f64,
}

/// A repair across restarts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Recovery {
    pub(crate) deliveries: u32,
    pub(crate) kills: u8,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    pub(crate) lost: usize,
    pub(crate) sent_again: u64,
}

/// Everything.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) lanes: Vec<Throughput>,
    pub(crate) api: Option<Api>,
    pub(crate) neighbour: Option<Neighbour>,
    pub(crate) recovery: Option<Recovery>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            machine: machine::describe(),
            lanes: Vec::new(),
            api: None,
            neighbour: None,
            recovery: None,
        }
    }

    /// Prints everything that was measured.
    pub(crate) fn print(&self) {
        let Machine {
            cores,
            processor,
            load_before,
            release_build,
        } = &self.machine;
        note(&format!(
            "\n{cores} cores ({}), load before {:.1}{}",
            processor.as_deref().unwrap_or("unknown"),
            load_before.unwrap_or(0.0),
            match release_build {
                true => "",
                false => "; NOT built for speed: these numbers mean nothing",
            }
        ));
        let plain = self.lanes.first().map_or(1.0, |one| one.median_per_s);
        for one in &self.lanes {
            let ratio = one.median_per_s / plain;
            note(&format!(
                "{:<40} {:>8.0} messages/s  {ratio:>5.1}x",
                one.way, one.median_per_s
            ));
        }
        if let Some(api) = &self.api {
            note(&format!(
                "with api-lite in front: {:.0} orders cancelled/s, {:.0} events told/s, the last {:.0} ms behind",
                api.asked_per_s, api.told_per_s, api.behind_ms
            ));
        }
        if let Some(one) = &self.neighbour {
            note(&format!(
                "healthy p99 {:.1} ms alone, {:.1} ms beside {} that drip: {:.2}x",
                one.alone_p99_ms, one.beside_p99_ms, one.dripping, one.p99_ratio
            ));
        }
        if let Some(one) = &self.recovery {
            note(&format!(
                "recovered {} with {} kills in {:.1} s ({:.0}/s): {} lost, {} sent again",
                one.deliveries, one.kills, one.seconds, one.per_second, one.lost, one.sent_again
            ));
        }
    }

    /// Writes everything as JSON.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}
