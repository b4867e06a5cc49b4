//! Intake: POST to 202, durable, without workers.
//!
//! Four ways to accept the same requests, measured alternately: sharing transactions as api-lite
//! does by default, the same for one brand alone, and one transaction per request, many at once and
//! one after the other.

use std::collections::BTreeMap;

use benches::command::note;
use serde::Serialize;

use crate::args::Args;
use crate::cost::{Cost, Meter};
use crate::drive::{Load, closed_loop};
use crate::stage::{Cast, Stage, flags};
use benches::latency::{Spread, median};

/// Requests before each measurement: connections open, caches filled, statements prepared.
const WARM_UP: usize = 500;

/// One way to accept.
#[derive(Debug, Clone, Copy)]
struct Variant {
    name: &'static str,
    /// Flags of api-lite; its defaults if empty.
    flags: &'static [(&'static str, &'static str)],
    one_brand: bool,
}

/// The first is what all others are compared with.
const VARIANTS: [Variant; 4] = [
    Variant {
        name: "a transaction each, 64 slots",
        flags: &[
            ("--batch-slots", "64"),
            ("--batch-items", "1"),
            ("--database-pool", "70"),
        ],
        one_brand: false,
    },
    Variant {
        name: "a transaction each, one at a time",
        flags: &[("--batch-slots", "1"), ("--batch-items", "1")],
        one_brand: false,
    },
    Variant {
        name: "shared transactions (default)",
        flags: &[],
        one_brand: false,
    },
    Variant {
        name: "shared transactions, one brand",
        flags: &[],
        one_brand: true,
    },
];

/// One variant's medians.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Intake {
    /// Which way.
    pub(crate) name: &'static str,
    /// Accepted requests a second, of every round.
    pub(crate) rounds_per_second: Vec<f64>,
    /// Their median.
    pub(crate) per_second: f64,
    /// The median divided by that of the first variant.
    pub(crate) ratio: f64,
    /// Answer times of the round nearest the median.
    pub(crate) latency: Spread,
    /// Costs per request of that round.
    pub(crate) cost: Cost,
    /// Answers other than 202, of all rounds.
    pub(crate) refused: BTreeMap<String, usize>,
}

/// One round of one variant.
#[derive(Debug)]
struct Round {
    per_second: f64,
    latency: Spread,
    cost: Cost,
    refused: BTreeMap<String, usize>,
}

/// Measures all variants, round by round.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Vec<Intake>> {
    let mut rounds: [Vec<Round>; VARIANTS.len()] = Default::default();
    for number in 1..=args.rounds {
        for (variant, rounds) in VARIANTS.iter().zip(&mut rounds) {
            note(&format!(
                "intake, round {number} of {}: {}",
                args.rounds, variant.name
            ));
            rounds.push(round(args, *variant).await?);
        }
    }
    let mut measured: Vec<Intake> = VARIANTS
        .iter()
        .zip(rounds)
        .map(|(variant, rounds)| summarise(variant.name, rounds))
        .collect();
    let first = measured.first().map_or(0.0, |intake| intake.per_second);
    for intake in &mut measured {
        intake.ratio = intake.per_second / first.max(f64::MIN_POSITIVE);
    }
    Ok(measured)
}

async fn round(args: &Args, variant: Variant) -> anyhow::Result<Round> {
    let subject = benches::tiny()?;
    let cast = Cast {
        subject: &subject,
        brands: if variant.one_brand { 1 } else { args.brands },
        api_flags: flags(variant.flags),
        works: false,
    };
    let stage = Stage::set(args, cast).await?;
    let load = Load {
        requests: usize::try_from(args.requests)?,
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
    let meter = Meter::start(&stage).await?;
    let answers = closed_loop(stage.api, &stage.shops, load).await?;
    let cost = meter.stop(&stage, answers.accepted).await?;
    stage.check_alive()?;
    Ok(Round {
        per_second: answers.per_second(),
        latency: Spread::of(answers.latencies),
        cost,
        refused: answers.refused,
    })
}

fn summarise(name: &'static str, rounds: Vec<Round>) -> Intake {
    let rounds_per_second: Vec<f64> = rounds.iter().map(|round| round.per_second).collect();
    let per_second = median(rounds_per_second.clone());
    let mut intake = Intake {
        name,
        rounds_per_second,
        per_second,
        ratio: 1.0,
        latency: Spread::default(),
        cost: Cost::default(),
        refused: BTreeMap::new(),
    };
    for round in rounds {
        for (reason, count) in round.refused {
            *intake.refused.entry(reason).or_default() += count;
        }
        // The median is one of the rounds.
        if (round.per_second - per_second).abs() < f64::EPSILON {
            intake.latency = round.latency;
            intake.cost = round.cost;
        }
    }
    intake
}
