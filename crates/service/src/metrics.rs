//! One registry per process, and the rules every metric keeps.
//!
//! There are no global metrics: a process (or a test) makes a [`Metrics`], and each crate declares a
//! struct with [`metrics!`](crate::metrics!) whose doc comments become the HELP texts. Registration
//! checks the naming rules, so a badly named metric fails the first test that starts its role.
//! [`Metrics::describe`] lists everything, from which `docs/metrics.md` is generated.

mod declare;
mod rules;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{Encoder, Registry, TextEncoder};

pub use declare::{MetricSpec, Registrable};
pub use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};
pub use rules::{BrokenRule, Kind};

/// Buckets for what takes microseconds to a second: queue waits, database transactions.
pub const SECONDS_FAST: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];
/// Buckets for what takes milliseconds to minutes: HTTP requests, image work, provider calls.
pub const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];
/// Buckets for what takes seconds to days: age of a job from request to end, webhook delivery.
pub const SECONDS_SLOW: &[f64] = &[
    0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0,
];
/// Buckets for bodies and pictures: 1 KiB to 256 MiB in steps of four.
pub const BYTES: &[f64] = &[
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
];
/// Buckets for the number of items in a batch.
pub const BATCH_ITEMS: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0,
];

/// Why a metric could not be registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// It breaks one of our own rules.
    #[error("metric {name} breaks a rule: {rule}")]
    Rule {
        /// The metric's name.
        name: String,
        /// The rule.
        rule: BrokenRule,
    },
    /// The `prometheus` crate refused it, mostly because the name is taken.
    #[error("metric {name} cannot be registered")]
    Refused {
        /// The metric's name.
        name: String,
        /// Its reason.
        #[source]
        source: prometheus::Error,
    },
}

/// What a metric is, for documentation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricDescription {
    /// Its full name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Its HELP text.
    pub help: String,
}

/// The metrics of one process. Cloning is cheap and gives the same registry.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    registry: Registry,
    described: Arc<Mutex<Vec<MetricDescription>>>,
}

impl Metrics {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers one metric after checking the rules. Structs of metrics use
    /// [`metrics!`](crate::metrics!) instead.
    ///
    /// # Errors
    /// When a rule is broken or the name is taken.
    pub fn register<M: Registrable>(&self, spec: &MetricSpec<'_>) -> Result<M, MetricError> {
        rules::check(M::KIND, M::LABELLED, spec).map_err(|rule| MetricError::Rule {
            name: spec.name.to_owned(),
            rule,
        })?;
        let refused = |source| MetricError::Refused {
            name: spec.name.to_owned(),
            source,
        };
        let metric = M::build(spec).map_err(refused)?;
        self.registry
            .register(Box::new(metric.clone()))
            .map_err(refused)?;
        self.described
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(MetricDescription {
                name: spec.name.to_owned(),
                kind: M::KIND.name(),
                labels: spec
                    .labels
                    .iter()
                    .map(|label| (*label).to_owned())
                    .collect(),
                help: spec.help.to_owned(),
            });
        Ok(metric)
    }

    /// Adds a collector whose names are not ours, such as that of the operating system's process.
    ///
    /// # Errors
    /// When one of its names is taken.
    pub fn register_foreign(&self, collector: impl Collector + 'static) -> Result<(), MetricError> {
        self.registry
            .register(Box::new(collector))
            .map_err(|source| MetricError::Refused {
                name: "of a foreign collector".to_owned(),
                source,
            })
    }

    /// The registry itself, for crates below that register their own metrics with the `prometheus`
    /// crate. What they register is rendered, but not checked against the rules nor described.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in the text exposition format, version 0.0.4.
    ///
    /// # Errors
    /// When a collector gave a family without samples, which ours never do.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// The content type of [`Metrics::render`].
    pub fn content_type() -> String {
        TextEncoder::new().format_type().to_owned()
    }

    /// All registered metrics of ours, sorted by name.
    pub fn describe(&self) -> Vec<MetricDescription> {
        let mut all = self
            .described
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::metrics! {
        /// What the tests measure.
        #[derive(Debug)]
        pub(crate) struct Sample {
            /// Jobs claimed,
            /// by lane.
            pub(crate) claims_total: IntCounterVec = ("atelier_test_claims_total", labels ["lane"]),
            /// Jobs in hand now.
            pub(crate) jobs: IntGauge = ("atelier_test_jobs"),
            /// Time a stage took.
            pub(crate) stage_seconds: HistogramVec =
                ("atelier_test_stage_seconds", labels ["stage", "outcome"], buckets SECONDS),
        }
    }

    #[test]
    fn a_declared_struct_registers_with_its_doc_comments_as_help() {
        let metrics = Metrics::new();
        let sample = Sample::register(&metrics).unwrap();
        sample
            .claims_total
            .with_label_values(&["interactive"])
            .inc_by(3);
        sample.jobs.set(2);
        let text = metrics.render().unwrap();
        assert!(
            text.contains("# HELP atelier_test_claims_total Jobs claimed, by lane."),
            "{text}"
        );
        assert!(
            text.contains("atelier_test_claims_total{lane=\"interactive\"} 3"),
            "{text}"
        );
        assert!(text.contains("atelier_test_jobs 2"), "{text}");
    }

    #[test]
    fn the_description_lists_every_metric_by_name() {
        let metrics = Metrics::new();
        let sample = Sample::register(&metrics).unwrap();
        sample
            .stage_seconds
            .with_label_values(&["compose", "failed"])
            .observe(1.0);
        let all = metrics.describe();
        let names: Vec<_> = all
            .iter()
            .map(|one| (one.name.as_str(), one.kind))
            .collect();
        assert_eq!(
            names,
            [
                ("atelier_test_claims_total", "counter"),
                ("atelier_test_jobs", "gauge"),
                ("atelier_test_stage_seconds", "histogram"),
            ]
        );
        assert_eq!(all[2].labels, ["stage", "outcome"]);
        assert_eq!(all[0].help, "Jobs claimed, by lane.");
    }

    #[test]
    fn a_name_that_is_taken_is_refused_and_a_second_registry_is_independent() {
        let metrics = Metrics::new();
        Sample::register(&metrics).unwrap();
        let error = Sample::register(&metrics).unwrap_err();
        assert!(
            matches!(error, MetricError::Refused { name, .. } if name.ends_with("claims_total"))
        );
        assert!(Sample::register(&Metrics::new()).is_ok());
    }
}
