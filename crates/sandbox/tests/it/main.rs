//! The sandbox over real sockets.
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

mod clients;
mod control;
mod faults;
mod lab;
mod openai;
mod replicate;
mod stability;
mod webhooks;
