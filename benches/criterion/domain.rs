//! The pure rules on the way of one request: parsing, the prompt, and whose turn it is.

use std::hint::black_box;

use benches::Subject;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use domain::{
    Candidate, Customizations, DeficitRoundRobin, PromptInput, PromptRules, build_prompt,
};

/// Jobs the dispatcher sends in one step while the streams are short.
const ROOM: usize = 64;
/// Jobs of each brand it looks at.
const JOBS_PER_BRAND: u64 = 64;

fn main_subject() -> Subject {
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: the demo's catalog is in the checkout"
    )]
    benches::demo().expect("the demo's product")
}

fn parse(c: &mut Criterion) {
    let subject = main_subject();
    let product = subject.spec.to_product("brand".into(), None);
    c.bench_function("domain/customizations_parse/demo_5_zones", |b| {
        b.iter(|| Customizations::parse(&product, black_box(&subject.customizations)).is_ok());
    });
}

fn prompt(c: &mut Criterion) {
    let subject = main_subject();
    let product = subject.spec.to_product("brand".into(), None);
    let customizations =
        Customizations::parse(&product, &subject.customizations).unwrap_or_default();
    let input = PromptInput {
        product: &product,
        template: None,
        customizations: &customizations,
        user_prompt: Some("in the style of an old travel poster, with a warm evening light"),
    };
    c.bench_function("domain/build_prompt/demo", |b| {
        b.iter(|| build_prompt(black_box(&input), &PromptRules::default()).is_ok());
    });
}

/// One dispatch step: `ROOM` jobs out of the backlogs of so many brands.
fn fair_order(c: &mut Criterion) {
    let mut group = c.benchmark_group("domain/deficit_round_robin_pick_64");
    group.throughput(Throughput::Elements(ROOM as u64));
    for brands in [1_u64, 16, 256] {
        let jobs = |brand| {
            let ids = (0..JOBS_PER_BRAND).map(move |job| brand * JOBS_PER_BRAND + job);
            ids.map(|id| Candidate { id, weight: 1 })
                .collect::<Vec<_>>()
        };
        let backlogs: Vec<(u64, Vec<Candidate<u64>>)> =
            (0..brands).map(|brand| (brand, jobs(brand))).collect();
        let mut robin = DeficitRoundRobin::default();
        group.bench_function(BenchmarkId::new("brands", brands), |b| {
            b.iter_batched(
                || backlogs.clone(),
                |backlogs| robin.pick(backlogs, ROOM),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, parse, prompt, fair_order);
criterion_main!(benches);
