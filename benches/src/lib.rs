//! What the measurements share: the products they are made on, servers, the real programs, a connection to
//! a server, percentiles, and a look at the machine.
//!
//! The measurements themselves are `criterion/` (one stage each, in this process), `load/` (the three
//! programs, PostgreSQL and Redis together), and further folders of their own. `README.md` says how to run
//! and to read them.

pub mod command;
pub mod fleet;
pub mod http;
pub mod latency;
pub mod machine;
mod product;
pub mod servers;

pub use product::{Subject, demo, tiny};
