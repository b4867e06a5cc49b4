//! The duties, one file each.

mod audit;
mod billing;
mod dispatch;
mod documents;
mod expiry;
pub(crate) mod observe;
mod recovery;
mod retention;
mod streams;
mod stripe;
mod webhook_repairs;
mod webhook_retention;
mod webhook_upkeep;

pub use audit::Audit;
pub use billing::Billing;
pub use dispatch::{Dispatch, MIN_LANE_BOUND, lane_bound};
pub use documents::{Documents, PageLinks};
pub use expiry::Expiry;
pub use observe::Observe;
pub use recovery::Recovery;
pub use retention::Retention;
pub use streams::Streams;
pub use stripe::Stripe;
pub use webhook_repairs::WebhookRepairs;
pub use webhook_retention::WebhookRetention;
pub use webhook_upkeep::WebhookUpkeep;
