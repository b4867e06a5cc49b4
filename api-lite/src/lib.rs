//! HTTP intake and reads: no provider, no imaging.
//!
//! ```text
//! request ─▶ layer (trace, limits, CORS, problem documents) ─▶ routes ─▶ auth ─▶ request (parse)
//!                                                                │
//!                     view (what is shown) ◀── store ◀── intake (batches, streams)
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `auth` | who asks: keys and their cache, origins, dashboard tokens |
//! | `request` | from bytes to values that cannot be wrong, every fault reported at once |
//! | `intake` | group-committed acceptance, then the streams |
//! | `meter` | API calls, counted in memory and written once per interval |
//! | `routes` | one file per group of endpoints |
//! | `view` | what is shown of a generation or a product |
//! | `problem` | every error, as RFC 9457 documents; `docs/errors.md` is generated from it |
//! | `layer` | what holds for every request: trace, limits, CORS, metrics, panics |
//! | `server` | the sockets |
//!
//! Invariants: a `202` is given only after the commit that makes the generation durable; Redis may be
//! away and changes no answer; whatever is refused leaves no row behind.
//!
//! Not done here: live events, webhook endpoints, invoices and rate limits.

mod app;
mod auth;
mod cache;
mod catalog;
mod config;
mod cursor;
mod entropy;
mod estimate;
mod intake;
mod layer;
mod meter;
mod metrics;
mod openapi;
mod problem;
mod refusal;
mod request;
mod routes;
mod server;
mod start;
mod view;

pub use config::Config;
pub use entropy::{Entropy, SystemEntropy};
pub use openapi::openapi;
pub use problem::{Code, errors_markdown};
pub use start::{DEFAULT_ADMIN_LISTEN, ROLE, Running, start, start_with};
