//! The rules of names, labels and help texts.

use super::MetricSpec;

/// Endings of units that are not base units. Prometheus wants seconds, bytes and ratios; money is in
/// micro-units of its currency, which is our base unit, so `_micros` is allowed.
const FOREIGN_UNITS: &[&str] = &[
    "_ms",
    "_milliseconds",
    "_millis",
    "_us",
    "_microseconds",
    "_nanoseconds",
    "_minutes",
    "_hours",
    "_days",
    "_kb",
    "_kilobytes",
    "_mb",
    "_megabytes",
    "_percent",
];
/// Endings that the exposition format gives a meaning of its own.
const RESERVED_ENDINGS: &[&str] = &["_bucket", "_count", "_sum"];
/// Labels that would grow without bound or that Prometheus uses itself.
const FORBIDDEN_LABELS: &[&str] = &[
    "brand",
    "brand_id",
    "generation_id",
    "job_id",
    "le",
    "quantile",
    "tenant",
    "trace_id",
];

/// What Prometheus calls a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

impl Kind {
    /// The word of the exposition format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A rule that a metric breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenRule {
    /// The prefix tells our metrics from everybody else's.
    #[error("the name must begin with atelier_")]
    Prefix,
    /// One spelling for all.
    #[error("names are lower-case letters, digits and single underscores")]
    Spelling,
    /// Counters say so.
    #[error("the name of a counter must end with _total")]
    CounterWithoutTotal,
    /// Other kinds must not look like counters or like parts of a histogram.
    #[error("this ending is reserved for another kind of metric")]
    ReservedEnding,
    /// Durations in seconds, sizes in bytes, shares as ratios.
    #[error("the unit must be a base unit: seconds, bytes, ratio")]
    ForeignUnit,
    /// A metric nobody explains is useless at night.
    #[error("the help text is missing or does not end with a full stop")]
    Help,
    /// A `…Vec` has labels, everything else has none.
    #[error("labels do not fit the metric's type")]
    LabelsForType,
    /// Labels come from closed sets.
    #[error("a label of this name has too many values or is reserved")]
    ForbiddenLabel,
    /// Histograms have ascending buckets, other kinds have none.
    #[error("buckets must be given in ascending order for histograms, and only for them")]
    Buckets,
}

pub(super) fn check(kind: Kind, labelled: bool, spec: &MetricSpec<'_>) -> Result<(), BrokenRule> {
    let MetricSpec {
        name,
        help,
        labels,
        buckets,
    } = *spec;
    check_name(kind, name)?;
    if help.len() < 2 || !help.ends_with('.') {
        return Err(BrokenRule::Help);
    }
    if labelled == labels.is_empty() {
        return Err(BrokenRule::LabelsForType);
    }
    if !labels.iter().all(|label| is_snake_case(label)) {
        return Err(BrokenRule::Spelling);
    }
    if labels.iter().any(|label| FORBIDDEN_LABELS.contains(label)) {
        return Err(BrokenRule::ForbiddenLabel);
    }
    let ascending = buckets.windows(2).all(|pair| pair[0] < pair[1]);
    if (kind == Kind::Histogram) == buckets.is_empty() || !ascending {
        return Err(BrokenRule::Buckets);
    }
    Ok(())
}

fn check_name(kind: Kind, name: &str) -> Result<(), BrokenRule> {
    if !name.starts_with("atelier_") {
        return Err(BrokenRule::Prefix);
    }
    if !is_snake_case(name) {
        return Err(BrokenRule::Spelling);
    }
    let (bare, is_total) = match name.strip_suffix("_total") {
        Some(bare) => (bare, true),
        None => (name, false),
    };
    if kind == Kind::Counter && !is_total {
        return Err(BrokenRule::CounterWithoutTotal);
    }
    let reserved = RESERVED_ENDINGS.iter().any(|ending| bare.ends_with(ending));
    if reserved || (kind != Kind::Counter && is_total) {
        return Err(BrokenRule::ReservedEnding);
    }
    if FOREIGN_UNITS.iter().any(|unit| bare.ends_with(unit)) {
        return Err(BrokenRule::ForeignUnit);
    }
    Ok(())
}

fn is_snake_case(name: &str) -> bool {
    let spelled = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(spelled)
        && !name.contains("__")
        && !name.ends_with('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: Kind, name: &str) -> Result<(), BrokenRule> {
        let buckets: &[f64] = if kind == Kind::Histogram {
            &[1.0, 2.0]
        } else {
            &[]
        };
        check(
            kind,
            false,
            &MetricSpec {
                name,
                help: "Something.",
                labels: &[],
                buckets,
            },
        )
    }

    #[test]
    fn names_follow_the_rules() {
        let table = [
            (Kind::Counter, "atelier_api_requests_total", Ok(())),
            (Kind::Counter, "atelier_worker_cost_micros_total", Ok(())),
            (Kind::Gauge, "atelier_queue_oldest_age_seconds", Ok(())),
            (Kind::Histogram, "atelier_api_body_bytes", Ok(())),
            (Kind::Counter, "api_requests_total", Err(BrokenRule::Prefix)),
            (
                Kind::Counter,
                "atelier_api_requests",
                Err(BrokenRule::CounterWithoutTotal),
            ),
            (
                Kind::Gauge,
                "atelier_api_requests_total",
                Err(BrokenRule::ReservedEnding),
            ),
            (
                Kind::Gauge,
                "atelier_api_request_count",
                Err(BrokenRule::ReservedEnding),
            ),
            (
                Kind::Histogram,
                "atelier_api_wait_ms",
                Err(BrokenRule::ForeignUnit),
            ),
            (
                Kind::Counter,
                "atelier_api_wait_milliseconds_total",
                Err(BrokenRule::ForeignUnit),
            ),
            (
                Kind::Gauge,
                "atelier_api_Requests",
                Err(BrokenRule::Spelling),
            ),
            (Kind::Gauge, "atelier__requests", Err(BrokenRule::Spelling)),
            (Kind::Gauge, "atelier_requests_", Err(BrokenRule::Spelling)),
        ];
        for (kind, name, expected) in table {
            assert_eq!(named(kind, name), expected, "{name}");
        }
    }

    #[test]
    fn help_labels_and_buckets_follow_the_rules() {
        let good = MetricSpec {
            name: "atelier_test_seconds",
            help: "Something.",
            labels: &["stage"],
            buckets: &[1.0, 2.0],
        };
        let histogram = |spec| check(Kind::Histogram, true, &spec);
        assert_eq!(histogram(good), Ok(()));
        assert_eq!(
            histogram(MetricSpec { help: "", ..good }),
            Err(BrokenRule::Help)
        );
        assert_eq!(
            histogram(MetricSpec {
                help: "No stop",
                ..good
            }),
            Err(BrokenRule::Help)
        );
        assert_eq!(
            histogram(MetricSpec {
                labels: &[],
                ..good
            }),
            Err(BrokenRule::LabelsForType)
        );
        assert_eq!(
            check(Kind::Histogram, false, &good),
            Err(BrokenRule::LabelsForType)
        );
        assert_eq!(
            histogram(MetricSpec {
                labels: &["brand_id"],
                ..good
            }),
            Err(BrokenRule::ForbiddenLabel)
        );
        assert_eq!(
            histogram(MetricSpec {
                labels: &["Stage"],
                ..good
            }),
            Err(BrokenRule::Spelling)
        );
        assert_eq!(
            histogram(MetricSpec {
                buckets: &[],
                ..good
            }),
            Err(BrokenRule::Buckets)
        );
        assert_eq!(
            histogram(MetricSpec {
                buckets: &[2.0, 1.0],
                ..good
            }),
            Err(BrokenRule::Buckets)
        );
        assert_eq!(check(Kind::Gauge, true, &good), Err(BrokenRule::Buckets));
    }
}
