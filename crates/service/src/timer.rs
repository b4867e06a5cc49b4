//! Measuring a piece of work so that failure is recorded by default.

use std::time::{Duration, Instant};

use prometheus::HistogramVec;

/// The outcome of work that said it went well.
const SUCCEEDED: &str = "succeeded";
/// The outcome of work that said nothing: it returned early, panicked or was cancelled.
const FAILED: &str = "failed";

/// Observes the seconds from its start in a histogram whose **last** label is the outcome. Dropped
/// without a word, it records `failed`.
#[derive(Debug)]
#[must_use = "dropping the timer at once records a failure"]
pub struct Timer {
    histogram: HistogramVec,
    /// The values of all labels; the last one is the outcome.
    labels: Vec<&'static str>,
    started: Instant,
}

impl Timer {
    /// Starts measuring. `labels` are the values of all labels but the last, `outcome`.
    pub fn start(histogram: &HistogramVec, labels: &[&'static str]) -> Self {
        let labels = labels.iter().copied().chain([FAILED]).collect();
        Self {
            histogram: histogram.clone(),
            labels,
            started: Instant::now(),
        }
    }

    /// Records `succeeded`.
    pub fn succeed(self) {
        self.finish(SUCCEEDED);
    }

    /// Records another outcome, from a closed set.
    pub fn finish(mut self, outcome: &'static str) {
        if let Some(last) = self.labels.last_mut() {
            *last = outcome;
        }
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        match self.histogram.get_metric_with_label_values(&self.labels) {
            Ok(histogram) => histogram.observe(self.elapsed().as_secs_f64()),
            // A wrong number of labels is a mistake in the code that must not hide the work's result.
            Err(error) => {
                tracing::error!(%error, labels = ?self.labels, "a timer has no histogram")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{MetricSpec, Metrics, SECONDS};

    fn histogram() -> HistogramVec {
        let spec = MetricSpec {
            name: "atelier_test_stage_seconds",
            help: "Something.",
            labels: &["stage", "outcome"],
            buckets: SECONDS,
        };
        Metrics::new().register(&spec).unwrap()
    }

    fn samples(histogram: &HistogramVec, outcome: &str) -> u64 {
        histogram
            .with_label_values(&["compose", outcome])
            .get_sample_count()
    }

    #[test]
    fn a_timer_dropped_unsaid_counts_as_failed() {
        let histogram = histogram();
        drop(Timer::start(&histogram, &["compose"]));
        assert_eq!(
            (
                samples(&histogram, "failed"),
                samples(&histogram, "succeeded")
            ),
            (1, 0)
        );
    }

    #[test]
    fn a_timer_that_is_told_records_that_outcome_once() {
        let histogram = histogram();
        Timer::start(&histogram, &["compose"]).succeed();
        Timer::start(&histogram, &["compose"]).finish("refused");
        assert_eq!(samples(&histogram, "succeeded"), 1);
        assert_eq!(samples(&histogram, "refused"), 1);
        assert_eq!(samples(&histogram, "failed"), 0);
    }
}
