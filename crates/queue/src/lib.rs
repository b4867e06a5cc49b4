//! Redis: what may be lost and is rebuilt.
//!
//! Short streams carry ids from intake and dispatcher to the workers, one stream per
//! [`domain::Lane`]. PostgreSQL decides everything; what stands here is a hint. So this crate has one
//! rule for its callers: **any call may fail, any entry may vanish or come twice, and no job is lost
//! by it.** The dispatcher sends again what nobody claimed, and the claim is conditional.
//!
//! A process makes one [`Queue`] (clone it freely) and, if it reads, one [`Consumer`].
//!
//! Invariants held here:
//! - no entry that was not yet delivered is ever deleted or trimmed. On Redis 7.0 one such `XDEL`
//!   makes the group's `lag` NULL, and an autoscaler that reads it sees no work;
//! - an entry holds ids and a trace context, never a payload;
//! - every outside call has a deadline, and a blocking read has a connection of its own whose
//!   response timeout is longer than the block. The client's default of 500 ms would abandon the
//!   read while the server still delivers the next entry to it;
//! - all keys of a shard share one hash tag, so they sit in one slot of a Redis Cluster.
//!
//! Not done here: claiming, leases, retries, fairness between brands, and the decision that Redis
//! was lost. Those belong to PostgreSQL and the dispatcher.

mod ack;
mod admission;
mod backoff;
mod board;
mod breaker;
pub mod bull;
mod config;
mod consumer;
mod doctor;
mod entry;
mod epoch;
mod error;
mod groups;
mod handle;
mod health;
mod keys;
mod limits;
mod metrics;
mod pick;
mod producer;
mod signal;
mod waker;

pub use admission::{DEFAULT_LANE_BOUND, Inline, InlineGate, Later};
pub use board::{BOARD_TTL_MS, Board, LaneState, MAX_BOARD_BRANDS};
pub use breaker::{Breaker, BreakerRules, BreakerState, Tally};
pub use config::QueueArgs;
pub use consumer::{Consumer, ConsumerOptions, ConsumerState};
pub use doctor::RedisReport;
pub use entry::{Delivery, Dispatch, EntryId, MalformedEntry};
pub use error::{ErrorClass, QueueError};
pub use handle::Queue;
pub use health::{DisabledKey, Health, HealthReport};
pub use keys::{GROUP, Keys};
pub use limits::{Absence, Dimension, Limits, Permit, Turn};
pub use metrics::QueueMetrics;
pub use producer::LaneLengths;
pub use signal::{GenerationFeed, NudgeFeed};
pub use waker::Waker;
