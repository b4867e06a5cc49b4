//! What is measured of sending. The numbers of the whole service are exported with the duty `observe`.

use domain::webhook_policy::AttemptFault;
use service::metrics::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, SECONDS, SECONDS_SLOW,
};
use store::webhooks::tries::{Fate, Recorded};

use super::sender::Answer;

service::metrics! {
    /// What one scheduler process measures of its webhooks.
    #[derive(Debug, Clone)]
    pub struct WebhookMetrics {
        /// Tries at endpoints that ended, by what came of them: delivered, or the kind of failure.
        pub tries_total: IntCounterVec = ("atelier_webhook_tries_total", labels ["result"]),
        /// Time of one try, from the name's lookup to the end of the answer.
        pub try_seconds: HistogramVec =
            ("atelier_webhook_try_seconds", labels ["outcome"], buckets SECONDS),
        /// Time from an event to its arrival, of deliveries that arrived at their first try.
        pub arrival_seconds: Histogram = ("atelier_webhook_arrival_seconds", buckets SECONDS_SLOW),
        /// What became of deliveries after a try: delivered, again, or exhausted.
        pub deliveries_total: IntCounterVec =
            ("atelier_webhook_deliveries_total", labels ["outcome"]),
        /// Tries whose delivery had been claimed by another process before they were recorded.
        pub lost_total: IntCounter = ("atelier_webhook_tries_lost_total"),
        /// Endpoints switched off because they were gone or failed for too long.
        pub disabled_total: IntCounter = ("atelier_webhook_endpoints_disabled_total"),
        /// Times that an endpoint was passed over because nothing could be signed for it.
        pub unsigned_total: IntCounter = ("atelier_webhook_unsigned_total"),
        /// Lanes that this process holds.
        pub lanes_held: IntGauge = ("atelier_webhook_lanes_held"),
        /// Tries under way in this process.
        pub under_way: IntGauge = ("atelier_webhook_tries_under_way"),
        /// Steps with the database that failed; what they held is kept and tried again.
        pub steps_failed_total: IntCounter = ("atelier_webhook_steps_failed_total"),
    }
}

impl WebhookMetrics {
    pub(super) fn tried(&self, answer: &Answer) {
        let result = answer.fault.map_or("delivered", AttemptFault::as_str);
        self.tries_total.with_label_values(&[result]).inc();
        let outcome = match answer.fault {
            None => "succeeded",
            Some(_) => "failed",
        };
        self.try_seconds
            .with_label_values(&[outcome])
            .observe(answer.duration.as_secs_f64());
    }

    /// Tries with these fates were written as `recorded` says.
    pub(super) fn recorded(&self, fates: &[Fate], recorded: Recorded) {
        for fate in fates {
            let outcome = match fate {
                Fate::Delivered => "delivered",
                Fate::Again(_) => "again",
                Fate::Exhausted => "exhausted",
            };
            self.deliveries_total.with_label_values(&[outcome]).inc();
        }
        self.lost_total.inc_by(recorded.lost as u64);
        self.disabled_total.inc_by(recorded.disabled as u64);
    }
}
