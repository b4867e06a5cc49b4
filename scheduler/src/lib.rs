//! Duties (dispatch, recovery of dead sessions, retries, expiry, retention, upkeep), and sending webhooks.
//!
//! | module | owns |
//! |---|---|
//! | `role` | setting the process up and its tasks |
//! | `duty` | what a duty is: a reconciler without input |
//! | `driver` | when a duty runs, under which lease, and what becomes of a failure |
//! | `nudges` | waking a duty before its period is over |
//! | `duties` | the duties themselves, one file each |
//! | `webhooks` | sending webhooks, which every replica does |
//! | `status`, `admin` | what the operator sees at the admin port |
//! | `press` | the thread that makes invoices' files |
//! | `stripe` | speaking with Stripe |
//! | `metrics` | what is measured here, the numbers of the whole service among them |
//!
//! Any number of replicas may run. A duty is done by the holder of its lease; the lease only saves
//! work: every write of every duty is conditional, so two holders at once do no harm.
//!
//! Invariants:
//! - PostgreSQL decides, Redis is refilled: whatever waits is in a stream again after any loss (I6);
//! - a lane's stream never grows above its bound by this process;
//! - neither PostgreSQL nor Redis going away ends the process.
//!
//! Not done here: claiming and working on jobs. What money is owed is decided in `store` and `domain`; the duties
//! `billing` and `audit` say when.

mod admin;
mod config;
mod driver;
mod duties;
mod duty;
mod error;
mod metrics;
mod nudges;
mod press;
mod role;
mod status;
mod stripe;
pub mod webhooks;

pub use config::{LinkArgs, PeriodArgs, SchedulerArgs, SendingArgs};
pub use driver::{Driver, Frame, Tick};
pub use duties::{
    Audit, Billing, Dispatch, Documents, Expiry, MIN_LANE_BOUND, Observe, PageLinks, Recovery,
    Retention, Streams, Stripe, WebhookRepairs, WebhookRetention, WebhookUpkeep, lane_bound,
};
pub use duty::{Duty, Progress};
pub use error::DutyError;
pub use metrics::SchedulerMetrics;
pub use nudges::Nudges;
pub use role::{DEFAULT_ADMIN_LISTEN, ROLE, start};
pub use status::{DutyState, LocalStatus, StatusBoard};
pub use stripe::{StripeArgs, StripeClient};
