//! What a run found, as a table for people and as JSON for machines.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::args::Args;
use crate::cost::Cost;
use crate::intake::Intake;
use crate::pickup::Pickup;
use crate::whole::Whole;
use benches::command::say;
use benches::latency::Spread;
use benches::machine::Machine;

/// The settings that the numbers depend on.
#[derive(Debug, Clone, Serialize)]
struct Settings {
    connections: u16,
    brands: u16,
    intake_requests: u32,
    intake_rounds: u8,
    jobs: u32,
    demo_jobs: u32,
    workers: u8,
    worker_slots: u16,
}

/// Everything a run found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    settings: Settings,
    /// Empty if it was not measured.
    pub(crate) intake: Vec<Intake>,
    /// Empty if it was not measured.
    pub(crate) whole: Vec<Whole>,
    /// Absent if it was not measured.
    pub(crate) pickup: Option<Pickup>,
}

impl Report {
    /// A report with nothing in it yet.
    pub(crate) fn new(machine: Machine, args: &Args) -> Self {
        Self {
            machine,
            settings: Settings {
                connections: args.connections,
                brands: args.brands,
                intake_requests: args.requests,
                intake_rounds: args.rounds,
                jobs: args.jobs,
                demo_jobs: args.demo_jobs,
                workers: args.workers,
                worker_slots: args.worker_slots,
            },
            intake: Vec::new(),
            whole: Vec::new(),
            pickup: None,
        }
    }

    /// Writes all of it as JSON.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, format!("{text}\n"))
            .with_context(|| format!("writing {}", file.display()))
    }

    pub(crate) fn print_head(&self) {
        let Machine {
            cores,
            processor,
            load_before,
            release_build,
        } = &self.machine;
        let processor = processor.as_deref().unwrap_or("unknown processor");
        let load = load_before.map_or("unknown".to_owned(), |load| format!("{load:.1}"));
        say(&format!(
            "{cores} cores, {processor}; load before the start: {load}"
        ));
        say("PostgreSQL flushes every commit, Redis appends to its file each second.");
        say("Everything runs on this machine, the driver too. Compare the ratios; the absolute");
        say("numbers are this machine's, and differ from run to run.");
        if !release_build {
            say("NOT A RELEASE BUILD: the numbers mean nothing.");
        }
    }

    pub(crate) fn print_intake(&self) {
        let Settings {
            connections,
            brands,
            intake_requests,
            intake_rounds,
            ..
        } = self.settings;
        say(&format!(
            "\nIntake: POST of 1 KiB to 202, durable; {intake_requests} requests, {connections} \
             connections, {brands} brands; medians of {intake_rounds} alternating rounds"
        ));
        say(&format!(
            "  {:<34} {:>8} {:>7} {:>8} {:>8} {:>8} {:>7}",
            "", "req/s", "ratio", "p50 ms", "p99 ms", "tx/req", "WAL/req"
        ));
        for row in &self.intake {
            let Intake {
                name,
                per_second,
                ratio,
                latency,
                cost,
                refused,
                ..
            } = row;
            say(&format!(
                "  {name:<34} {per_second:>8.0} {ratio:>6.2}x {:>8.2} {:>8.2} {:>8.3} {:>7.0}",
                latency.p50_ms,
                latency.p99_ms,
                cost.transactions_in_all(),
                cost.wal_bytes
            ));
            say(&format!("    {}", cpu(cost, "request")));
            say_refused(refused);
        }
    }

    pub(crate) fn print_whole(&self) {
        let Settings {
            connections,
            workers,
            worker_slots,
            ..
        } = self.settings;
        say(&format!(
            "\nRequest to picture: {connections} connections, {workers} workers of {worker_slots} \
             slots, synthetic provider without delay"
        ));
        for row in &self.whole {
            say(&format!(
                "  {} ({} pixels): accepted {:.0}/s, finished {:.0}/s",
                row.product, row.pixels, row.accepted_per_second, row.finished_per_second
            ));
            say_spread("POST", row.post);
            say_spread("acceptance to start of work", row.waited);
            say_spread("start of work to end", row.worked);
            say(&format!("    {}", cpu(&row.cost, "job")));
            say(&format!(
                "    transactions per job: {:.3}; WAL bytes per job: {:.0}",
                row.cost.transactions_in_all(),
                row.cost.wal_bytes
            ));
            for (name, each) in &row.cost.transactions {
                say(&format!("      {name:<38} {each:.4}"));
            }
            say(&format!("    final states: {:?}", row.states));
            say_refused(&row.refused);
        }
    }

    pub(crate) fn print_pickup(&self) {
        let Some(row) = &self.pickup else { return };
        say(&format!(
            "\nPick-up at {} requests a second, sent at fixed times: {} of {} accepted were begun",
            row.rate, row.begun, row.accepted
        ));
        say_spread("POST", row.post);
        say_spread("POST sent to start of work", row.sent_to_start);
        say_spread("acceptance to start of work", row.accepted_to_start);
        say_spread("acceptance to end", row.accepted_to_end);
        say_refused(&row.refused);
    }
}

fn say_spread(what: &str, spread: Spread) {
    let Spread {
        p50_ms,
        p99_ms,
        max_ms,
    } = spread;
    say(&format!(
        "    {what:<28} p50 {p50_ms:>8.2} ms   p99 {p99_ms:>8.2} ms   max {max_ms:>8.2} ms"
    ));
}

fn say_refused(refused: &BTreeMap<String, usize>) {
    for (reason, count) in refused {
        say(&format!("    NOT ACCEPTED: {count} × {reason}"));
    }
}

/// Processor time in one line, the largest share first: the first is what limits.
fn cpu(cost: &Cost, per: &str) -> String {
    if cost.cpu_micros.is_empty() {
        return "processor time: not known on this system".to_owned();
    }
    let mut shares: Vec<(&str, f64)> = cost
        .cpu_micros
        .iter()
        .map(|(name, micros)| (*name, *micros))
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shares: Vec<String> = shares
        .iter()
        .map(|(name, micros)| format!("{name} {micros:.0}"))
        .collect();
    format!("processor µs per {per}: {}", shares.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_share_of_processor_time_stands_first() {
        let cost = Cost {
            cpu_micros: [("redis", 9.4), ("postgres", 120.0), ("api-lite", 40.0)].into(),
            ..Cost::default()
        };
        let expected = "processor µs per job: postgres 120, api-lite 40, redis 9";
        assert_eq!(cpu(&cost, "job"), expected);
        assert!(cpu(&Cost::default(), "job").contains("not known"));
    }
}
