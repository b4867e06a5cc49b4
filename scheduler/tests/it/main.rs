//! The duties against a real PostgreSQL and real Redis servers, one of its own per test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod board;
mod dispatch;
mod documents;
mod driver;
mod fairness;
mod frame;
mod late;
mod loss;
mod observe;
mod papers;
mod recovery;
mod role;
mod stripe;
mod webhooks;
mod world;
