//! What the work cost: processor time, transactions and write-ahead log, per request or job.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cpu::{self, Watched};
use crate::exposition::{self, Transactions};
use crate::stage::Stage;

/// Costs divided by the number of requests or jobs.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Cost {
    /// Processor time in microseconds, by process; processes of one role together. Empty where the
    /// system does not tell.
    pub(crate) cpu_micros: BTreeMap<&'static str, f64>,
    /// Transactions by role and name, `worker settle`.
    pub(crate) transactions: BTreeMap<String, f64>,
    /// Write-ahead log in bytes.
    pub(crate) wal_bytes: f64,
}

impl Cost {
    /// All transactions together.
    pub(crate) fn transactions_in_all(&self) -> f64 {
        self.transactions.values().sum()
    }
}

/// Counters as they stood when the work began.
#[derive(Debug)]
pub(crate) struct Meter {
    watched: Vec<Watched>,
    before: Counters,
}

#[derive(Debug)]
struct Counters {
    cpu: BTreeMap<&'static str, Duration>,
    transactions: Transactions,
    wal_bytes: f64,
}

impl Meter {
    /// Reads the counters before the work.
    pub(crate) async fn start(stage: &Stage) -> anyhow::Result<Self> {
        let watched = stage.watched();
        let before = Counters::read(stage, &watched).await?;
        Ok(Self { watched, before })
    }

    /// Reads them after it, and divides what was added by `count`.
    pub(crate) async fn stop(self, stage: &Stage, count: usize) -> anyhow::Result<Cost> {
        let after = Counters::read(stage, &self.watched).await?;
        let count = count.max(1) as f64;
        let cpu = after.cpu.iter().map(|(name, time)| {
            let before = self.before.cpu.get(name).copied().unwrap_or_default();
            (
                *name,
                time.saturating_sub(before).as_secs_f64() * 1e6 / count,
            )
        });
        let transactions = after.transactions.iter().filter_map(|(name, ended)| {
            let before = self
                .before
                .transactions
                .get(name)
                .copied()
                .unwrap_or_default();
            (*ended > before).then(|| (name.clone(), (ended - before) / count))
        });
        Ok(Cost {
            cpu_micros: cpu.collect(),
            transactions: transactions.collect(),
            wal_bytes: (after.wal_bytes - self.before.wal_bytes) / count,
        })
    }
}

impl Counters {
    async fn read(stage: &Stage, watched: &[Watched]) -> anyhow::Result<Self> {
        let mut transactions = Transactions::new();
        for role in stage.roles() {
            for (name, ended) in exposition::transactions(&role.metrics().await?) {
                *transactions
                    .entry(format!("{} {name}", role.name))
                    .or_default() += ended;
            }
        }
        Ok(Self {
            cpu: cpu::sample(watched),
            transactions,
            wal_bytes: stage.reader.wal_bytes().await?,
        })
    }
}
