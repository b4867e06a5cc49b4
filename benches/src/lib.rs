//! What the measurements share: the products they are made on, and a connection to a server.
//!
//! The measurements themselves are `criterion/` (one stage each, in this process) and `load/` (the
//! three programs, PostgreSQL and Redis together). `README.md` says how to run and to read them.

pub mod http;
mod product;

pub use product::{Subject, demo, tiny};
