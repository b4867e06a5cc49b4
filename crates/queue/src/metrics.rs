//! What the queue counts.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};

/// The metrics of one process's queue. Labels come from closed sets: lanes, commands, error classes.
#[derive(Debug, Clone)]
pub struct QueueMetrics {
    pub(crate) added: IntCounterVec,
    pub(crate) delivered: IntCounterVec,
    pub(crate) malformed: IntCounterVec,
    pub(crate) settled: IntCounterVec,
    pub(crate) reclaimed: IntCounterVec,
    pub(crate) lane_length: IntGaugeVec,
    pub(crate) groups_created: IntCounter,
    pub(crate) reads_failed: IntCounterVec,
    pub(crate) connects: IntCounter,
    pub(crate) feed_reconnects: IntCounterVec,
    pub(crate) commands: HistogramVec,
}

impl QueueMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the registry already has a metric of one of the names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let lane = &["lane"];
        Ok(Self {
            added: counters(
                registry,
                "atelier_queue_entries_added_total",
                "Entries written to a lane's stream.",
                lane,
            )?,
            delivered: counters(
                registry,
                "atelier_queue_entries_delivered_total",
                "Entries read from a lane's stream by this process.",
                lane,
            )?,
            malformed: counters(
                registry,
                "atelier_queue_entries_malformed_total",
                "Entries that named no generation and were removed.",
                lane,
            )?,
            settled: counters(
                registry,
                "atelier_queue_entries_settled_total",
                "Delivered entries acknowledged and deleted.",
                lane,
            )?,
            reclaimed: counters(
                registry,
                "atelier_queue_entries_reclaimed_total",
                "Entries taken from consumers that read them and vanished.",
                lane,
            )?,
            lane_length: gauge(registry)?,
            groups_created: counter(
                registry,
                "atelier_queue_groups_created_total",
                "Consumer groups created because a stream had none.",
            )?,
            reads_failed: counters(
                registry,
                "atelier_queue_reads_failed_total",
                "Reads of the lanes that failed, by class of error.",
                &["class"],
            )?,
            connects: counter(
                registry,
                "atelier_queue_reader_connects_total",
                "Connections made for blocking reads.",
            )?,
            feed_reconnects: counters(
                registry,
                "atelier_queue_feed_connects_total",
                "Connections made for subscriptions, by feed.",
                &["feed"],
            )?,
            commands: histogram(registry)?,
        })
    }

    /// A running measurement of one command. Dropped unsaid it counts as failed.
    pub(crate) fn time(&self, command: &'static str) -> CommandTimer {
        CommandTimer {
            failed: Some(self.commands.with_label_values(&[command, "failed"])),
            done: self.commands.with_label_values(&[command, "done"]),
            started: tokio::time::Instant::now(),
        }
    }
}

pub(crate) struct CommandTimer {
    failed: Option<Histogram>,
    done: Histogram,
    started: tokio::time::Instant,
}

impl CommandTimer {
    pub(crate) fn done(mut self) {
        self.failed = None;
        self.done.observe(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for CommandTimer {
    fn drop(&mut self) {
        if let Some(failed) = &self.failed {
            failed.observe(self.started.elapsed().as_secs_f64());
        }
    }
}

type Made<T> = Result<T, prometheus::Error>;

fn counter(registry: &Registry, name: &str, help: &str) -> Made<IntCounter> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Made<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn gauge(registry: &Registry) -> Made<IntGaugeVec> {
    let name = "atelier_queue_lane_length_entries";
    let help = "Entries in a lane's stream when this process last looked.";
    let gauge = IntGaugeVec::new(Opts::new(name, help), &["lane"])?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// Buckets from 0.1 ms, what a healthy server on the same network takes, to the default deadline.
fn histogram(registry: &Registry) -> Made<HistogramVec> {
    let name = "atelier_queue_command_duration_seconds";
    let help = "Time of short Redis commands, the wait for a connection included.";
    let buckets = vec![0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0];
    let histogram = HistogramVec::new(
        HistogramOpts::new(name, help).buckets(buckets),
        &["command", "outcome"],
    )?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_dropped_unsaid_counts_as_failed() {
        let metrics = QueueMetrics::register(&Registry::new()).unwrap();
        drop(metrics.time("GET"));
        metrics.time("GET").done();
        for outcome in ["failed", "done"] {
            let histogram = metrics.commands.with_label_values(&["GET", outcome]);
            assert_eq!(histogram.get_sample_count(), 1, "{outcome}");
        }
    }

    #[test]
    fn a_second_registration_is_an_error_and_not_a_panic() {
        let registry = Registry::new();
        QueueMetrics::register(&registry).unwrap();
        assert!(QueueMetrics::register(&registry).is_err());
    }
}
