//! Declaring metrics: the [`metrics!`](crate::metrics!) macro and the types it accepts.

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts,
};

use super::rules::Kind;

/// Everything a metric is declared with.
#[derive(Debug, Clone, Copy)]
pub struct MetricSpec<'a> {
    /// `atelier_<part>_<what>_<unit>[_total]`.
    pub name: &'a str,
    /// The HELP text.
    pub help: &'a str,
    /// Names of the labels; their values must come from closed sets.
    pub labels: &'a [&'a str],
    /// Upper bounds of the buckets, ascending; only for histograms.
    pub buckets: &'a [f64],
}

/// A metric type that can stand in a [`metrics!`](crate::metrics!) struct.
pub trait Registrable: Collector + Clone + Sized + 'static {
    /// What Prometheus calls it.
    const KIND: Kind;
    /// Whether it has labels.
    const LABELLED: bool;

    /// Makes it, unregistered.
    ///
    /// # Errors
    /// When the `prometheus` crate refuses a name, a label or the buckets.
    fn build(spec: &MetricSpec<'_>) -> Result<Self, Error>;
}

macro_rules! registrable {
    ($plain:ident, $labelled:ident, $kind:expr, $opts:expr) => {
        impl Registrable for $plain {
            const KIND: Kind = $kind;
            const LABELLED: bool = false;

            fn build(spec: &MetricSpec<'_>) -> Result<Self, Error> {
                $plain::with_opts($opts(spec))
            }
        }

        impl Registrable for $labelled {
            const KIND: Kind = $kind;
            const LABELLED: bool = true;

            fn build(spec: &MetricSpec<'_>) -> Result<Self, Error> {
                $labelled::new($opts(spec), spec.labels)
            }
        }
    };
}

fn opts(spec: &MetricSpec<'_>) -> Opts {
    Opts::new(spec.name, spec.help)
}

fn histogram_opts(spec: &MetricSpec<'_>) -> HistogramOpts {
    HistogramOpts::new(spec.name, spec.help).buckets(spec.buckets.to_vec())
}

registrable!(IntCounter, IntCounterVec, Kind::Counter, opts);
registrable!(IntGauge, IntGaugeVec, Kind::Gauge, opts);
registrable!(Gauge, GaugeVec, Kind::Gauge, opts);
registrable!(Histogram, HistogramVec, Kind::Histogram, histogram_opts);

/// Declares a struct of metrics; its doc comments become the HELP texts.
///
/// ```
/// use service::metrics::{HistogramVec, IntCounterVec, IntGauge, Metrics, SECONDS};
///
/// service::metrics! {
///     /// What the worker measures.
///     #[derive(Debug, Clone)]
///     pub struct WorkerMetrics {
///         /// Jobs claimed.
///         pub claims_total: IntCounterVec = ("atelier_worker_claims_total", labels ["lane"]),
///         /// Jobs in hand now.
///         pub jobs: IntGauge = ("atelier_worker_jobs"),
///         /// Time a stage took.
///         pub stage_seconds: HistogramVec =
///             ("atelier_worker_stage_seconds", labels ["stage", "outcome"], buckets SECONDS),
///     }
/// }
///
/// let metrics = WorkerMetrics::register(&Metrics::new()).unwrap();
/// metrics.claims_total.with_label_values(&["interactive"]).inc();
/// ```
#[macro_export]
macro_rules! metrics {
    (@buckets) => { &[] };
    (@buckets $buckets:expr) => { $buckets };
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $struct:ident {
            $(
                $(#[doc = $help:literal])+
                $field_visibility:vis $field:ident: $type:ty = (
                    $name:literal
                    $(, labels [$($label:literal),+ $(,)?])?
                    $(, buckets $buckets:expr)?
                )
            ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $struct {
            $(
                $(#[doc = $help])+
                $field_visibility $field: $type,
            )+
        }

        impl $struct {
            /// Registers every metric of the struct.
            ///
            /// # Errors
            /// When a naming rule is broken or a name is taken.
            $visibility fn register(
                metrics: &$crate::Metrics,
            ) -> ::core::result::Result<Self, $crate::MetricError> {
                ::core::result::Result::Ok(Self {
                    $(
                        $field: metrics.register::<$type>(&$crate::metrics::MetricSpec {
                            name: $name,
                            help: ::core::concat!($($help),+).trim(),
                            labels: &[$($($label),+)?],
                            buckets: $crate::metrics!(@buckets $($buckets)?),
                        })?,
                    )+
                })
            }
        }
    };
}
