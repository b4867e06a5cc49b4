//! Time as a parameter.

use chrono::{DateTime, Utc};

/// Where the current instant comes from.
///
/// `service::SystemClock` reads the machine's clock; `testkit::ManualClock` is driven by hand. Lease
/// expiry is the one exception: it uses the database's clock, so that a worker with a wrong clock
/// cannot keep a lease it has lost.
pub trait Clock: Send + Sync + 'static {
    /// The current instant in UTC.
    fn now(&self) -> DateTime<Utc>;
}
