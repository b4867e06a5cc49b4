//! What one worker process counts.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use service::metrics::SECONDS;

service::metrics! {
    /// The metrics of one worker process.
    #[derive(Debug, Clone)]
    pub(crate) struct WorkerMetrics {
        /// Jobs that left this worker, by outcome.
        pub(crate) jobs_total: IntCounterVec =
            ("atelier_worker_jobs_total", labels ["outcome"]),
        /// Time one stage of a job took.
        pub(crate) stage_seconds: HistogramVec =
            ("atelier_worker_stage_seconds", labels ["stage", "outcome"], buckets SECONDS),
        /// Jobs in hand now.
        pub(crate) slots_used: IntGauge = ("atelier_worker_slots_used"),
        /// Jobs this worker may have in hand.
        pub(crate) slots: IntGauge = ("atelier_worker_slots"),
        /// Image work of this worker, by where it is: waiting to be admitted, queued for a thread, running.
        pub(crate) imaging_jobs: IntGaugeVec = ("atelier_worker_imaging_jobs", labels ["state"]),
        /// Memory promised to the image work that is admitted.
        pub(crate) imaging_promised_bytes: IntGauge = ("atelier_worker_imaging_promised_bytes"),
        /// Stream entries whose job was no longer there to be claimed.
        pub(crate) claims_missed_total: IntCounter = ("atelier_worker_claims_missed_total"),
        /// Claims whose answer was lost or refused.
        pub(crate) claim_errors_total: IntCounter = ("atelier_worker_claim_errors_total"),
        /// Writes that found the lease of their job lost, by what was written.
        pub(crate) leases_lost_total: IntCounterVec =
            ("atelier_worker_leases_lost_total", labels ["write"]),
        /// Jobs we held without knowing of them and handed back.
        pub(crate) strays_total: IntCounter = ("atelier_worker_strays_total"),
        /// Money spent on answers that gave no picture while their job is tried again, in millionths
        /// of a US dollar. It reaches no invoice.
        pub(crate) duplicate_spend_micros_total: IntCounterVec =
            ("atelier_provider_duplicate_spend_micros_total", labels ["provider"]),
        /// Attempts given up although they may have been paid, by who decided: a brand's policy or age.
        pub(crate) attempts_lost_total: IntCounterVec =
            ("atelier_provider_attempts_lost_total", labels ["provider", "decided_by"]),
        /// Questions about attempts that ended or held jobs had left open, by what was found.
        pub(crate) attempts_reconciled_total: IntCounterVec =
            ("atelier_provider_attempts_reconciled_total", labels ["provider", "outcome"]),
        /// Calls to providers that ended, by what came of them: done, or the code of the error.
        pub(crate) provider_calls_total: IntCounterVec =
            ("atelier_provider_calls_total", labels ["provider", "model", "outcome"]),
        /// Money spent on pictures that came, in millionths of a US dollar.
        pub(crate) provider_spend_micros_total: IntCounterVec =
            ("atelier_provider_spend_micros_total", labels ["provider", "model"]),
        /// Breakers of models that failed: 0 closed, 1 half open, 2 open.
        pub(crate) provider_breaker_state: IntGaugeVec =
            ("atelier_provider_breaker_state", labels ["circuit"]),
        /// Keys that the fleet leaves alone, by why.
        pub(crate) provider_keys_disabled: IntGaugeVec =
            ("atelier_provider_keys_disabled", labels ["reason"]),
        /// Times that a job had to wait for a key's limits, in its slot or handed back.
        pub(crate) limiter_waits_total: IntCounter =
            ("atelier_provider_limiter_waits_total"),
        /// Looks of a moderation service at what a shopper gave, by what came of them: passed, flagged,
        /// unseen (nobody could look, and it went on) or unavailable (it waits or fails).
        pub(crate) moderations_total: IntCounterVec =
            ("atelier_worker_moderations_total", labels ["outcome"]),
        /// Budgets that reached a share of their limit, by percent.
        pub(crate) budget_alerts_total: IntCounterVec =
            ("atelier_budget_alerts_total", labels ["percent"]),
    }
}
