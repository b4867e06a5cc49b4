//! Sending webhooks.
//!
//! Not a duty: every replica sends, and what one of them sends nobody else does, because each endpoint's
//! lane is leased to one process at a time.
//!
//! | module | owns |
//! |---|---|
//! | `dispatcher` | the loop of a process |
//! | `board` | its lanes, and whose turn it is |
//! | `lane` | one leased lane: what is in hand and what may begin |
//! | `step` | one step with the database |
//! | `route` | an endpoint with its keys, and the messages it gets |
//! | `sender` | one try: a guarded POST, and what came of it |
//! | `ended` | what a try comes to |
//! | `metrics` | what is measured |

mod board;
mod dispatcher;
mod ended;
mod lane;
mod metrics;
mod route;
mod sender;
mod step;

pub use dispatcher::{Dispatcher, DispatcherParts};
pub use metrics::WebhookMetrics;
pub use sender::{Answer, MAX_RESPONSE_BYTES, Message, Sender};
