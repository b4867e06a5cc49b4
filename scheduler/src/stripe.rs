//! Speaking with Stripe.
//!
//! | module | owns |
//! |---|---|
//! | `config` | the settings |
//! | `client` | one request: a form under an idempotency key, or a question; and its answer |
//! | `steps` | what a step of the outbox says on the wire, and how it is found again |
//! | `verdict` | what an answer means for its step |
//!
//! What is to be done stands in [`store::stripe`]; the duty [`crate::Stripe`] takes it from there. Without a key
//! nothing here runs. The key is in no log and no error.

mod client;
mod config;
mod steps;
mod verdict;

pub use client::StripeClient;
pub use config::StripeArgs;
pub(crate) use steps::carry_out;
pub(crate) use verdict::Verdict;
