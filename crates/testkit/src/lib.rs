//! The real parts that tests and the demo run on.
//!
//! - [`PrivatePostgres`] and [`PrivateRedis`]: servers of one's own that cannot outlive the process
//!   that started them; [`Guarded`] does the same for any program.
//! - [`servers`] and [`TestDatabase`]: one database per test, cloned from a migrated template.
//! - [`ChaosProxy`]: a TCP proxy that refuses, delays, cuts, freezes and loses replies on command.
//! - [`receiver`]: a receiver of webhooks that answers as badly as it is told to.
//! - [`ManualClock`] and [`wait`]: time driven by hand, and waiting on a predicate instead of sleeping.
//! - [`FakeStripe`]: what is asked of Stripe, with its idempotency keys, faults and signed events.
//! - [`Paper`]: issued invoices, as rows.
//! - [`hostile`]: what shoppers type when they mean no good.
//! - [`foreign`]: pinned Python and Node packages to run beside Atelier; [`LineProgram`] drives what uses them.
//!
//! It knows nothing of Atelier but the pure `domain` crate, so every other crate can test with it.
//! What it deliberately has not: mocks of PostgreSQL or Redis, and containers.

mod account;
mod clock;
mod database;
mod durability;
mod error;
pub mod foreign;
mod guard;
pub mod hostile;
mod launch;
mod lines;
mod papers;
mod postgres;
mod program;
mod proxy;
pub mod receiver;
mod redis;
mod scratch;
pub mod servers;
mod stripe;
pub mod wait;

pub use account::Account;
pub use clock::ManualClock;
pub use database::TestDatabase;
pub use durability::Durability;
pub use error::ServerError;
pub use guard::{Exit, GuardError, GuardSpec, Guarded, Log, Signal};
pub use lines::LineProgram;
pub use papers::Paper;
pub use postgres::{PostgresOptions, PrivatePostgres};
pub use proxy::{ChaosProxy, Mode};
pub use receiver::{Manner, Received, Reply, WebhookReceiver};
pub use redis::{PrivateRedis, RedisOptions};
pub use stripe::{FakeStripe, StripeEvent, StripeFault, StripeRequest};
