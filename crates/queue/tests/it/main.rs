//! The queue against real Redis servers, one of its own per test: they wipe, kill and count.
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

mod groups;
mod health;
mod limits;
mod outage;
mod reading;
mod server;
mod settle;
mod signal;
mod values;
mod wake;
mod world;
