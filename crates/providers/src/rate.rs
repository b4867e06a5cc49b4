//! What a provider says about how fast it may be called.

use std::time::Duration;

/// The rate headers of one answer, by dimension. Every part is optional, because providers leave them
/// out at will; an empty value says nothing, and never "unlimited".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateHints {
    /// Wait this long before the next call (`retry-after-ms`, `Retry-After`, or the number in the
    /// message).
    pub retry_after: Option<Duration>,
    /// What is left of each dimension.
    pub windows: Vec<RateWindow>,
}

/// One limited dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateWindow {
    /// What is counted: `requests`, `tokens` or `images`.
    pub dimension: &'static str,
    /// How many the window allows.
    pub limit: Option<u64>,
    /// How many are left in it.
    pub remaining: Option<u64>,
    /// When it is full again.
    pub reset_after: Option<Duration>,
}
