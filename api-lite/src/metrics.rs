//! What the HTTP intake counts.

use service::metrics::{HistogramVec, IntCounter, IntCounterVec, IntGauge, SECONDS_FAST};

service::metrics! {
    /// The metrics of one `api-lite` process.
    #[derive(Debug, Clone)]
    pub(crate) struct ApiMetrics {
        /// Requests answered, by route pattern, method and status.
        pub(crate) requests_total: IntCounterVec =
            ("atelier_api_requests_total", labels ["route", "method", "status"]),
        /// Time from the end of the headers to the answer; a request that was given up has the
        /// outcome failed.
        pub(crate) request_seconds: HistogramVec =
            ("atelier_api_request_seconds", labels ["route", "outcome"], buckets SECONDS_FAST),
        /// Errors answered, by the code of the problem document.
        pub(crate) problems_total: IntCounterVec = ("atelier_api_problems_total", labels ["code"]),
        /// Generations accepted, by how they reach the workers.
        pub(crate) accepted_total: IntCounterVec = ("atelier_api_accepted_total", labels ["way"]),
        /// Accepted generations that could not be added to their stream and are left to the dispatcher.
        pub(crate) unsent_total: IntCounterVec = ("atelier_api_unsent_total", labels ["reason"]),
        /// Requests that wait for the end of a generation now.
        pub(crate) waiters: IntGauge = ("atelier_api_waiters"),
        /// API calls that were written to brands' usage.
        pub(crate) calls_written_total: IntCounter = ("atelier_api_calls_written_total"),
        /// Times that counted calls could not be written; the same interval is written again.
        pub(crate) calls_unwritten_total: IntCounter = ("atelier_api_calls_unwritten_total"),
        /// Connections open now.
        pub(crate) connections: IntGauge = ("atelier_api_connections"),
    }
}
