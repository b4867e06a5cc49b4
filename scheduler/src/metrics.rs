//! What the scheduler measures.
//!
//! The numbers of the whole service (jobs waiting, running) are exported by the scheduler alone, and
//! of its replicas by the one that holds the duty `observe`: summing over processes counts nothing
//! twice.

use service::metrics::{
    Gauge, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, SECONDS_FAST,
};

service::metrics! {
    /// The metrics of one scheduler process.
    #[derive(Debug, Clone)]
    pub struct SchedulerMetrics {
        /// Jobs in the backlog that are due, counted up to 100000 for each lane. Whole service.
        pub waiting: IntGaugeVec = ("atelier_jobs_waiting", labels ["lane"]),
        /// Jobs in the backlog that are due later, counted up to 100000. Whole service.
        pub delayed: IntGaugeVec = ("atelier_jobs_delayed", labels ["lane"]),
        /// Jobs sent to a lane's stream and not yet claimed. Whole service.
        pub dispatched: IntGaugeVec = ("atelier_jobs_dispatched", labels ["lane"]),
        /// How long the oldest job that could run has been waiting. Whole service.
        pub oldest_wait_seconds: GaugeVec =
            ("atelier_jobs_oldest_wait_seconds", labels ["lane"]),
        /// Jobs that a worker holds. Whole service.
        pub running: IntGauge = ("atelier_jobs_running"),
        /// Jobs that living workers can hold at once. Whole service.
        pub slots: IntGauge = ("atelier_fleet_slots"),
        /// Attempts at providers whose outcome is not known yet, by whether a job under way owns them or
        /// they wait for aftercare. Whole service.
        pub attempts_open: IntGaugeVec =
            ("atelier_attempts_open", labels ["state", "owner"]),
        /// How long ago the oldest of them was opened. Whole service.
        pub attempts_open_oldest_seconds: GaugeVec =
            ("atelier_attempts_open_oldest_seconds", labels ["state", "owner"]),
        /// Entries of a lane's stream, those delivered but not settled included. Whole service.
        pub stream_length: IntGaugeVec = ("atelier_stream_length_entries", labels ["lane"]),
        /// Since when the webhook that has been due longest waits, those of spared endpoints not counted.
        /// Whole service.
        pub webhooks_oldest_due_seconds: Gauge = ("atelier_webhook_oldest_due_seconds"),
        /// Endpoints by the state of their breaker. Whole service.
        pub webhook_breakers: IntGaugeVec = ("atelier_webhook_endpoints", labels ["breaker"]),
        /// Repairs of webhook deliveries that are open. Whole service.
        pub webhook_repairs: IntGauge = ("atelier_webhook_repairs_open"),
        /// Webhook deliveries that repairs made due again.
        pub webhooks_requeued_total: IntCounter = ("atelier_webhook_deliveries_requeued_total"),
        /// Entries that the dispatcher fills a lane's stream up to.
        pub lane_bound: IntGauge = ("atelier_scheduler_lane_bound_entries"),
        /// Jobs sent to a lane's stream by this process.
        pub sent_total: IntCounterVec = ("atelier_scheduler_jobs_sent_total", labels ["lane"]),
        /// Jobs put back into the backlog because nobody claimed them, by why.
        pub put_back_total: IntCounterVec =
            ("atelier_scheduler_jobs_put_back_total", labels ["why"]),
        /// Times that the streams were found lost and rebuilt.
        pub epoch_resets_total: IntCounter = ("atelier_scheduler_epoch_resets_total"),
        /// Worker sessions found dead.
        pub sessions_recovered_total: IntCounter =
            ("atelier_scheduler_sessions_recovered_total"),
        /// Jobs taken from dead workers, by what became of them.
        pub jobs_recovered_total: IntCounterVec =
            ("atelier_scheduler_jobs_recovered_total", labels ["outcome"]),
        /// Jobs ended because their time was over.
        pub expired_total: IntCounter = ("atelier_scheduler_jobs_expired_total"),
        /// Steps at Stripe that were tried, by what became of them.
        pub stripe_steps_total: IntCounterVec =
            ("atelier_stripe_steps_total", labels ["step", "outcome"]),
        /// Steps at Stripe that wait for a person, when this process last looked.
        pub stripe_stuck: IntGauge = ("atelier_stripe_steps_stuck"),
        /// Open invoices that are not brought to Stripe because the buyer has no mail address there or here.
        pub stripe_without_address: IntGauge = ("atelier_stripe_invoices_without_address"),
        /// Invoices whose files were tried to be made, by what became of it.
        pub documents_total: IntCounterVec =
            ("atelier_invoice_documents_total", labels ["outcome"]),
        /// Invoices whose files could not be made in the last run.
        pub documents_failing: IntGauge = ("atelier_invoice_documents_failing"),
        /// Billing periods that are over for longer than they rest, by more than an hour, and not closed. Whole
        /// service.
        pub periods_overdue: IntGauge = ("atelier_billing_periods_overdue"),
        /// Periods that could not be made into an invoice when they were last tried. Whole service.
        pub periods_unbillable: IntGauge = ("atelier_billing_periods_unbillable"),
        /// Periods closed, by whether there was anything to bill.
        pub periods_closed_total: IntCounterVec =
            ("atelier_billing_periods_closed_total", labels ["outcome"]),
        /// Invoices that got their number.
        pub invoices_issued_total: IntCounter = ("atelier_billing_invoices_issued_total"),
        /// Steps of dunning: invoices past due, once for each reminder.
        pub dunning_steps_total: IntCounter = ("atelier_billing_dunning_steps_total"),
        /// Brands cancelled because an invoice was not paid.
        pub brands_canceled_total: IntCounter = ("atelier_billing_brands_canceled_total"),
        /// Rows that do not add up, by the check of the money audit that found them. Whole service.
        pub audit_differences: IntGaugeVec = ("atelier_audit_differences", labels ["check"]),
        /// Time of one run of a duty.
        pub run_seconds: HistogramVec = (
            "atelier_scheduler_duty_run_seconds",
            labels ["duty", "outcome"],
            buckets SECONDS_FAST
        ),
        /// When a duty last went well in this process, in seconds since 1970.
        pub last_success: IntGaugeVec =
            ("atelier_scheduler_duty_last_success_timestamp_seconds", labels ["duty"]),
        /// Whether this process holds the lease of a duty.
        pub held: IntGaugeVec = ("atelier_scheduler_duty_held", labels ["duty"]),
    }
}
