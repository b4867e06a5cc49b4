//! The rules of sending webhooks: when a try comes again, what counts as delivered, when an endpoint is
//! spared, slowed, warned of and switched off.
//!
//! | module | decides |
//! |---|---|
//! | `schedule` | when a failed try comes again |
//! | `class` | what an answer, or none, means |
//! | `breaker` | whether an endpoint that keeps failing is spared for a while |
//! | `pace` | how many tries a second an endpoint gets |
//! | `health` | when a brand is warned, and when its endpoint is switched off |
//!
//! Everything here is a function of its arguments; the sender keeps the values in the endpoint's row.

mod breaker;
mod class;
mod health;
mod pace;
mod schedule;

pub use self::breaker::{Breaker, BreakerState, FAILURES_TO_OPEN, Leave};
pub use self::class::{AttemptFault, MAX_REASON_CHARS};
pub use self::health::{DISABLE_AFTER, Health, HealthChange, WARN_AT_PERCENT};
pub use self::pace::Pace;
pub use self::schedule::{MAX_RETRY_AFTER, MAX_TRIES, next_try, retry_after};
