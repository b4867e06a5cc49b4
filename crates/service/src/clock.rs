//! The machine's clock.

use chrono::{DateTime, Utc};

/// Reads the machine's wall clock. Everything else takes its time from a [`domain::Clock`], so that
/// tests drive it by hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl domain::Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
