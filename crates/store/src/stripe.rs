//! What is to be done at Stripe, and what Stripe has told.
//!
//! | module | owns |
//! |---|---|
//! | `enqueue` | from issued invoices to steps |
//! | `outbox` | taking a step, and writing down what became of it |
//! | `inbound` | what an event of Stripe's changes here, once |
//!
//! The invoice's own row is the fact; steps are made from it by a duty that may run at any time and twice.
//! A step's idempotency key derives from what it is for, and what is sent under it is written down before the
//! first byte goes. So a repeat is the same request, whoever makes it.
//!
//! - Dies between claim and answer: the lease runs out and another takes the step with the same key and
//!   parameters; Stripe answers with what it answered first.
//! - The answer is lost, or is a 500 that Stripe keeps: the step is looked up by its metadata before it is
//!   sent again, and in any case when it was sent more than 20 hours ago, because Stripe forgets keys after 24.
//!
//! Nothing here speaks HTTP, and no transaction is open while anybody does.

mod enqueue;
mod inbound;
mod outbox;

pub use enqueue::{Enqueued, enqueue};
pub use inbound::{Effect, Told, ToldInvoice, take};
pub use outbox::{
    Outcome, Standing, Step, StepKind, StuckStep, claim, record, release, standing, stuck,
};
